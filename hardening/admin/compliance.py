"""The page that says whether policies hold: a bar each, strengths, the trend, and the list.

It takes the permission ``hardening.view_compliance`` and no other: who has only that sees and
exports, and changes nothing. A fixed number of queries a policy, whatever the number of people.

The trap: people are counted by policy, and one person may be under several; adding the bars up
counts her more than once, so nothing here does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from hardening import audit, census, compliance, origin, policies
from hardening.access import admin_requires
from hardening.admin import charts, standing
from hardening.admin.listing import Chosen, KnownPaginator, everyone, lines, people
from hardening.audit import Event
from hardening.core.values import Strength
from hardening.flows import snapshots
from hardening.models.database import over_many
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from hardening.compliance import Counts
    from hardening.policies import Policy

PER_PAGE = 100
STRENGTHS = {
    Strength.NONE: gettext_lazy("No second factor"),
    Strength.ANY: gettext_lazy("A second factor"),
    Strength.PHISHING_RESISTANT: gettext_lazy("Phishing-resistant"),
    Strength.DEVICE_BOUND: gettext_lazy("Device-bound"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One policy as the page shows it."""

    key: str
    label: str
    policy: Policy
    counts: Counts
    strengths: list[tuple[str, int]]
    trend: charts.Trend | None
    edit: str = ""  # the address of its form, for whoever may open that

    @property
    def bar(self) -> list[charts.Segment]:
        """The parts of the bar."""
        return charts.bar(self.counts)

    @property
    def words(self) -> str:
        """What the bar says, for whoever does not see it."""
        return ", ".join(f"{part.label}: {part.count}" for part in self.bar)

    @property
    def due(self) -> Any:
        """The deadline, or nothing where there never was one."""
        return moment(self.policy.due) if self.policy.due else None


class CompliancePagesMixin:
    """For the policies' ``ModelAdmin``: the page, and the same list as a file."""

    def get_urls(self) -> list[Any]:
        """Add the two addresses."""
        view = self.admin_site.admin_view  # type: ignore[attr-defined]
        name = f"{self.opts.app_label}_{self.opts.model_name}"  # type: ignore[attr-defined]
        page, export = require_safe(self.compliance_view), require_safe(self.export_view)
        return [
            path("compliance/", view(page), name=f"{name}_compliance"),
            path("compliance/export/", view(export), name=f"{name}_compliance_export"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the app to whoever may see compliance and nothing else."""
        return standing.sees_compliance(request) or super().has_module_permission(request)  # type: ignore[misc]

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Show the link as well; without the right to see policies it leads to the page."""
        perms: dict[str, bool] = super().get_model_perms(request)  # type: ignore[misc]
        return {**perms, "view": perms["view"] or standing.sees_compliance(request)}

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead whoever may see no policies, but compliance, to that page."""
        may = self.has_view_or_change_permission(request)  # type: ignore[attr-defined]
        if not may and standing.sees_compliance(request):
            return HttpResponseRedirect(self._named("compliance"))
        answer: HttpResponse = super().changelist_view(request, *args, **kwargs)  # type: ignore[misc]
        return answer

    def compliance_view(self, request: HttpRequest) -> HttpResponse:
        """Show bars, trends and the list."""
        now = self._asked(request)
        listed = [replace(one, edit=self._edit(request, one.policy)) for one in shown(now=now)]
        chosen = Chosen(request.GET, [(one.key, one.label) for one in listed])
        opts = self.opts  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Compliance"),
            "opts": opts,
            "sentence": sentence(listed),
            "listed": listed,
            "form": chosen,
            "list_is_linked": self.has_view_or_change_permission(request),  # type: ignore[attr-defined]
            **self._list(request, listed, chosen, now),
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "hardening/admin/compliance.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send the list, as it is filtered, as comma-separated values, to whoever may see it.

        A file leaves the site for good: it takes a fresh proof, and an event says who has it.
        """
        return self._exported(request, self._asked(request))

    @admin_requires()
    def _exported(self, request: HttpRequest, now: int) -> HttpResponseBase:
        held = policies.keyed(policies.read().policies)
        chosen = Chosen(request.GET, [(key, standing.label(one)) for key, one in held.items()])
        policy = held.get(chosen.picked["policy"])
        rows = everyone(policy, chosen, now=now) if policy else ()
        what = {
            "policy": chosen.picked["policy"],
            "status": chosen.picked["status"],
            "searched": bool(chosen.picked["q"]),
        }
        where = origin.where(request)
        audit.record(Event.PEOPLE_EXPORTED, actor=request.user, data=what, now=now, where=where)
        name = f"compliance-{moment(now).date().isoformat()}.csv"
        return StreamingHttpResponse(
            lines(standing.label(policy) if policy else "", rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _asked(self, request: HttpRequest) -> int:
        if not standing.sees_compliance(request):
            raise PermissionDenied
        return int(time.time())

    def _named(self, page: str, *args: Any) -> str:
        opts = self.opts  # type: ignore[attr-defined]
        site = self.admin_site.name  # type: ignore[attr-defined]
        return reverse(f"{site}:{opts.app_label}_{opts.model_name}_{page}", args=args)

    def _list(
        self, request: HttpRequest, listed: Sequence[Shown], chosen: Chosen, now: int
    ) -> dict[str, Any]:
        one = _picked(listed, chosen)
        if one is None:
            return {"people": [], "found": 0}
        status, words = chosen.picked["status"], chosen.picked["q"]
        length = getattr(one.counts, status) if status else one.counts.members
        rows = people(one.policy, chosen, now=now)
        paginator = KnownPaginator(rows, PER_PAGE, length=None if words else length)
        with over_many():
            page = paginator.get_page(request.GET.get("page"))
        keys = list(page.object_list)
        users = compliance.described(one.policy, keys, now=now, status=chosen.only)
        link = self._link(request)
        return {
            "picked": one,
            "page": page,
            "pages": list(paginator.get_elided_page_range(page.number)),
            "ellipsis": paginator.ELLIPSIS,
            "found": paginator.count,
            "people": [
                {"person": each, "word": charts.WORDS[each.status], "url": link(each.person.user)}
                for each in standing.standings(users, one.policy, now=now)
            ],
        }

    def _edit(self, request: HttpRequest, policy: Policy) -> str:
        may = policy.pk is not None and self.has_view_or_change_permission(request)  # type: ignore[attr-defined]
        return self._named("change", policy.pk) if may else ""

    def _link(self, request: HttpRequest) -> Any:
        """Return a function: the address of a person's own page, where this operator may see it."""
        model = get_user_model()
        registered = self.admin_site._registry.get(model)  # type: ignore[attr-defined]  # noqa: SLF001
        if registered is None or not registered.has_view_or_change_permission(request):
            return lambda user: ""
        opts, site = model._meta, self.admin_site.name  # type: ignore[attr-defined]  # noqa: SLF001
        name = f"{site}:{opts.app_label}_{opts.model_name}_change"
        return lambda user: reverse(name, args=[quote(user.pk)])


def shown(*, now: int) -> list[Shown]:
    """Return every policy that acts or reports, the largest gap first."""
    held = policies.keyed(policies.read().policies)
    days = snapshots.trends(held, now=now)
    counted = census.overviews(held.values(), now=now)
    found = [
        Shown(
            key=name,
            label=standing.label(policy),
            policy=policy,
            counts=one.counts,
            strengths=_strengths(one.strengths),
            trend=charts.trend(days[name], days=snapshots.TREND_DAYS),
        )
        for (name, policy), one in zip(held.items(), counted, strict=True)
    ]
    return sorted(found, key=_gap)


def _gap(one: Shown) -> tuple[bool, int, int]:
    """Return what sorts the policy first that leaves most to do, and reports behind."""
    return not one.policy.enforced, -one.counts.overdue, -one.counts.in_grace


def _strengths(counted: dict[Strength, int]) -> list[tuple[str, int]]:
    return [(str(words), counted[one]) for one, words in STRENGTHS.items() if one in counted]


def sentence(listed: Sequence[Shown]) -> str:
    """Return what an operator must know first."""
    in_force = [one for one in listed if one.policy.enforced]
    if not listed:
        return _("There is no policy, so nobody is asked for a second factor.")
    if not in_force:
        return _("Every policy only reports, so nobody is stopped.")
    worst = max(in_force, key=lambda one: one.counts.overdue)
    if worst.counts.overdue:
        return _overdue(worst, len([one for one in in_force if one.counts.overdue]))
    waiting = max(in_force, key=lambda one: one.counts.in_grace)
    if waiting.counts.in_grace:
        text = ngettext(
            "Nobody is overdue. %(count)s person under “%(policy)s” still has time.",
            "Nobody is overdue. %(count)s people under “%(policy)s” still have time.",
            waiting.counts.in_grace,
        )
        return text % {"count": waiting.counts.in_grace, "policy": waiting.label}
    return _("Everybody whom a policy in force covers meets it, or is exempt.")


def _overdue(worst: Shown, others: int) -> str:
    count = worst.counts.overdue
    text = ngettext(
        "%(count)s person of %(members)s under “%(policy)s” is stopped at the next sign-in until "
        "there is a second factor.",
        "%(count)s people of %(members)s under “%(policy)s” are stopped at the next sign-in until "
        "there is a second factor.",
        count,
    )
    said = text % {"count": count, "members": worst.counts.members, "policy": worst.label}
    if others == 1:
        return said
    more = _("%(others)s policies in force are not met by everybody; this is the largest gap.")
    return f"{said} {more % {'others': others}}"


def _picked(listed: Sequence[Shown], chosen: Chosen) -> Shown | None:
    return next((one for one in listed if one.key == chosen.picked["policy"]), None)
