"""The words around an operators' request: what an answer does, what came of it, why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import roles
from hardening.flows import authenticators
from hardening.flows.requests import Objection
from hardening.models.request import Deed
from hardening.moments import moment

if TYPE_CHECKING:
    from hardening.models import OperatorRequest


@dataclass(frozen=True, slots=True)
class Words:
    """Of one answer: what leads to its page, the page's title, and its button."""

    way: Any
    question: Any
    button: Any


ANSWERS = {
    "approve": Words(
        gettext_lazy("Approve…"), gettext_lazy("Approve this request?"), gettext_lazy("Approve")
    ),
    "refuse": Words(
        gettext_lazy("Refuse…"), gettext_lazy("Refuse this request?"), gettext_lazy("Refuse")
    ),
    "withdraw": Words(
        gettext_lazy("Withdraw…"), gettext_lazy("Withdraw your request?"), gettext_lazy("Withdraw")
    ),
}

SORRY = {
    Objection.NOT_PERMITTED: gettext_lazy("You may not do this."),
    Objection.ABOUT_ONESELF: gettext_lazy(
        "It would be about yourself. Another operator asks for you, and one more approves it."
    ),
    Objection.OWN_REQUEST: gettext_lazy(
        "You asked for this yourself, so another operator has to approve or refuse it."
    ),
    Objection.CLOSED: gettext_lazy("This request was answered meanwhile, or has expired."),
    Objection.ALREADY_OPEN: gettext_lazy("The same is asked for already, and waits for an answer."),
    Objection.INCOMPLETE: gettext_lazy(
        "An exemption needs a policy and a day in the future; nothing else takes either. Each "
        "needs a reason."
    ),
    Objection.TOO_LONG: gettext_lazy("An exemption lasts at most 90 days."),
    Objection.REQUESTER_GONE: gettext_lazy(
        "Whoever asked for this is no operator any more, or the account is closed. Refuse it; if "
        "it is needed still, somebody else asks anew."
    ),
}


def what_will_happen(asked: OperatorRequest, name: str, *, alone: bool) -> list[str]:
    """Return the paragraphs of the page that asks again."""
    if name != "approve":
        return [_("Nothing is changed. The person is told by mail that nothing comes of it.")]
    says = {Deed.RECOVERY: _recovery, Deed.TICKET: _ticket, Deed.EXEMPTION: _exemption}
    return [*says[Deed(asked.deed)](asked), _alone() if alone else _second_look()]


def _recovery(asked: OperatorRequest) -> list[str]:
    security = authenticators.overview(asked.target)
    names = ", ".join(factor.name for factor in security.factors) or _("none")
    person = asked.target.get_username()
    return [
        _("These stop working for %(person)s: authenticators: %(names)s; recovery codes: %(n)s.")
        % {"person": person, "names": names, "n": security.account.codes_left},
        _(
            "All sessions end. The next sign-in with the password proves the mailbox, or a ticket, "
            "and sets up a new authenticator. The person is told by mail who did this."
        ),
    ]


def _ticket(asked: OperatorRequest) -> list[str]:
    return [
        _(
            "You are shown a ticket, once. With it and the password %(person)s, or whoever has "
            "both, sets up a first authenticator without proving the mailbox. It works once, "
            "within 24 hours; earlier unused tickets are void."
        )
        % {"person": asked.target.get_username()},
        _("You hand it over yourself. Make sure of the way before you approve."),
    ]


def _exemption(asked: OperatorRequest) -> list[str]:
    role = roles.label(asked.policy.role) if asked.policy is not None else ""
    return [
        _(
            "Until %(end)s the policy for “%(role)s” asks nothing of %(person)s; others that cover "
            "the account go on. The person is told by mail who did this."
        )
        % {"end": day(asked.until or 0), "role": role, "person": asked.target.get_username()}
    ]


def _second_look() -> str:
    return _(
        "You are the second pair of eyes: make sure of the person yourself, not by asking whoever "
        "made the request."
    )


def _alone() -> str:
    return _(
        "You asked for this yourself. Nobody else may approve it, so you may; the log and the "
        "event say that nobody else looked."
    )


def pressed(asked: OperatorRequest, name: str) -> str:
    """Return what is written on the button of an answer: what it does, and to whom."""
    person = asked.target.get_username()
    if name != "approve":
        return str(ANSWERS[name].button)
    said = {
        Deed.RECOVERY: _("Approve, and reset the factors of %(person)s"),
        Deed.TICKET: _("Approve, and show the ticket for %(person)s"),
        Deed.EXEMPTION: _("Approve, and exempt %(person)s"),
    }
    return said[Deed(asked.deed)] % {"person": person}


def done(asked: OperatorRequest, name: str) -> str:
    """Return what an operator reads afterwards."""
    said = {
        "approve": _("Approved and done: %(what)s, for %(person)s."),
        "refuse": _("Refused: %(what)s, for %(person)s."),
        "withdraw": _("Withdrawn: %(what)s, for %(person)s."),
    }
    return said[name] % {
        "what": asked.get_deed_display(),
        "person": asked.target.get_username(),
    }


def day(at: int | None) -> str:
    """Return a Unix second as people read it, in their time zone; a dash for none."""
    if at is None:
        return "–"
    found = moment(at)
    return date_format(localtime(found) if is_aware(found) else found, "DATETIME_FORMAT")
