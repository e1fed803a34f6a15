"""What saving or deleting a policy does, in words: to how many people, and what each meets.

The numbers and the names come from `flows.preview` and `hardening.compliance`; here they become
sentences. A policy that only reports is worded as what it would do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hardening import compliance, policies, roles
from hardening.admin import charts
from hardening.compliance import Counts, Status
from hardening.conf import conf
from hardening.factors.mailbox import email_of
from hardening.flows.preview import Meets, preview
from hardening.models import RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment

if TYPE_CHECKING:
    from hardening.flows.preview import Preview, Stopped

MEETS: dict[Meets, Any] = {
    Meets.NOTHING: gettext_lazy("Nothing new"),
    Meets.MAILBOX: gettext_lazy("Proves the mailbox by a mailed code, then sets up a factor"),
    Meets.TICKET: gettext_lazy("Needs an enrolment ticket from an operator, then sets up a factor"),
    Meets.FACTOR: gettext_lazy("Proves the factor there is, then sets up a stronger one"),
    Meets.OPERATOR: gettext_lazy("Needs an operator: the factor there is cannot be used"),
    Meets.REFUSED: gettext_lazy("Is refused: the account is not active"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One status: how many now (nothing for a new policy), and how many then."""

    label: str
    now: int | None
    then: int
    status: str


@dataclass(frozen=True, slots=True)
class Met:
    """Somebody who would be stopped, and what she meets."""

    name: str
    email: str
    meets: str


@dataclass(frozen=True, slots=True)
class Effect:
    """The preview in words."""

    sentence: str
    role: str
    rows: list[Row]
    bar: list[charts.Segment]
    words: str
    stopped: list[Met]
    more: int  # of those who would be stopped, how many are not listed
    warnings: list[str]
    acts: bool
    changes: bool  # a policy that is in force today
    button: str


def effect(wanted: RolePolicy, *, editor: Any, named: bool = True, now: int) -> Effect:
    """Return what saving `wanted` does.

    `named`: whether its reader may know who has no factor; else there are numbers only. `now` in
    Unix seconds.
    """
    seen = preview(wanted, editor=editor, now=now)
    in_force = RolePolicy.objects.filter(pk=wanted.pk, mode=Mode.ENFORCE).exists()
    segments = charts.bar(seen.after)
    listed = seen.stopped if named else ()
    return Effect(
        sentence=_sentence(seen, now=now),
        role=roles.label(wanted.role),
        rows=_rows(seen),
        bar=segments,
        words=", ".join(f"{part.label}: {part.count}" for part in segments),
        stopped=[_met(one) for one in listed],
        more=seen.stopped_count - len(listed),
        warnings=_warnings(seen, now=now),
        acts=seen.mode == Mode.ENFORCE,
        changes=in_force,
        button=_button(seen, now=now),
    )


def _button(seen: Preview, *, now: int) -> str:
    """Return what is written on the button: what pressing it does to how many people."""
    if seen.mode == Mode.OFF:
        return _("Save it switched off")
    if seen.mode == Mode.REPORT:
        return _("Save it as a report, stopping nobody")
    if seen.stopped_count:
        text = ngettext(
            "Save and stop %(count)s person", "Save and stop %(count)s people", seen.stopped_count
        )
        return text % {"count": seen.stopped_count}
    if seen.after.in_grace and seen.policy.due > now:
        text = ngettext(
            "Save and give %(count)s person until %(date)s",
            "Save and give %(count)s people until %(date)s",
            seen.after.in_grace,
        )
        date = date_format(moment(seen.policy.due), "DATE_FORMAT")
        return text % {"count": seen.after.in_grace, "date": date}
    return _("Save, stopping nobody new")


def ended(policy: RolePolicy, *, now: int) -> str:
    """Return what deleting `policy` does. `now` in Unix seconds."""
    role = roles.label(policy.role)
    if policy.mode != Mode.ENFORCE:
        return _("%(role)s: this policy stops nobody, so nobody notices.") % {"role": role}
    counts = compliance.count(policies.from_row(policy), now=now)
    lacking = counts.members - counts.compliant
    text = ngettext(
        "%(role)s: this policy no longer asks %(members)s person for a second factor.",
        "%(role)s: this policy no longer asks %(members)s people for a second factor.",
        counts.members,
    )
    without = ngettext(
        "%(count)s of them does not meet it today.",
        "%(count)s of them do not meet it today.",
        lacking,
    )
    said = text % {"role": role, "members": counts.members}
    return f"{said} {without % {'count': lacking}}"


def _sentence(seen: Preview, *, now: int) -> str:
    members, stopped = seen.after.members, seen.stopped_count
    if seen.mode == Mode.OFF:
        return _("The policy is switched off: it stops nobody and reports nothing.")
    if not members:
        return _("Nobody is in this role right now, so nobody is stopped.")
    if seen.mode == Mode.REPORT:
        text = ngettext(
            "Nobody is stopped. If it was enforced, %(stopped)s of %(members)s member would be.",
            "Nobody is stopped. If it was enforced, %(stopped)s of %(members)s members would be.",
            members,
        )
        return text % {"stopped": stopped, "members": members}
    if stopped:
        text = ngettext(
            "%(stopped)s person is stopped with the next request until there is a second factor; "
            "the role has %(members)s members.",
            "%(stopped)s people are stopped with their next request until there is a second "
            "factor; the role has %(members)s members.",
            stopped,
        )
        return text % {"stopped": stopped, "members": members}
    if seen.after.in_grace and seen.policy.due > now:
        text = ngettext(
            "Nobody is stopped yet. %(count)s person has time until %(date)s, and is stopped then.",
            "Nobody is stopped yet. %(count)s people have time until %(date)s, and are stopped "
            "then.",
            seen.after.in_grace,
        )
        date = date_format(moment(seen.policy.due), "DATETIME_FORMAT")
        return text % {"count": seen.after.in_grace, "date": date}
    return _("Nobody is stopped who is not stopped already.")


def _rows(seen: Preview) -> list[Row]:
    before: Counts | None = seen.before
    return [
        Row(
            label=str(charts.WORDS[status]),
            now=None if before is None else getattr(before, status.value),
            then=getattr(seen.after, status.value),
            status=status.value,
        )
        for status in Status
    ]


def _met(one: Stopped) -> Met:
    email = email_of(one.user)
    return Met(str(one.user.get_username()), email, str(MEETS[one.meets]))


def _warnings(seen: Preview, *, now: int) -> list[str]:
    said = []
    if seen.mode == Mode.ENFORCE and not conf().ENFORCE:
        said.append(_("The kill switch is on: no policy stops anybody until it is off again."))
    if seen.mode == Mode.ENFORCE and seen.stopped_count:
        said.append(
            _("It acts at once. Whoever is filling in a form right now loses what was typed.")
        )
        if seen.policy.due <= now:
            said.append(
                _(
                    "The deadline is over already. To give people time first, go back, let it "
                    "start today, and give some days of grace."
                )
            )
    helpless = [one for one in seen.stopped if one.meets in (Meets.TICKET, Meets.OPERATOR)]
    if helpless:
        text = ngettext(
            "%(count)s person of the list cannot go on without an operator.",
            "%(count)s people of the list cannot go on without an operator.",
            len(helpless),
        )
        said.append(text % {"count": len(helpless)})
    if seen.editor_lacks:
        said.append(_("It covers you, and you do not meet it. It cannot be enforced by you."))
    if seen.before is not None and seen.before.compliant > seen.after.compliant:
        said.append(_("Fewer people meet it than before."))
    if seen.before is not None and seen.before.members > seen.after.members:
        said.append(_("It covers fewer people than before."))
    return said
