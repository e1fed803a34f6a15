"""Who changed which policy, when, and what the difference is, in words.

Told from the security events (``policy:change:done``), which outlive the policies; Django's own
log entries stay beside them on a policy's history page.

The trap: events hold what was written then. A choice that no longer exists, or a field of another
version, is shown as it stands there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hardening import roles
from hardening.audit import Event
from hardening.models import RolePolicy, SecurityEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse

PER_PAGE = 50
LONGEST_PK = 19  # digits of a key
NOTHING = ("", "None")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `what` is a sentence, `differences` one line each."""

    at: datetime
    actor: str
    role: str
    what: str
    differences: list[str]


def changes(events: Iterable[SecurityEvent]) -> list[Change]:
    """Put events into words."""
    return [_change(event) for event in events]


def of_policy(pk: Any) -> list[Change]:
    """Return what happened to one policy, newest first."""
    return changes(_events().filter(data__policy=pk)[: PER_PAGE * 2])


def _events() -> Any:
    return SecurityEvent.objects.filter(event=Event.POLICY_CHANGED)


def _change(event: SecurityEvent) -> Change:
    before, after = event.data.get("before", {}), event.data.get("after", {})
    role = roles.label(str(event.data.get("role", "")))
    if not before and after:
        what = _("Added: %(role)s") % {"role": role}
    elif before and not after:
        what = _("Deleted: %(role)s") % {"role": role}
    else:
        what = _("Changed: %(role)s") % {"role": role}
    names = list(dict.fromkeys([*before, *after]))
    lines = [line for name in names if (line := _difference(name, before, after))]
    return Change(event.at, event.actor_name, role, what, lines)


def _difference(name: str, before: dict[str, str], after: dict[str, str]) -> str:
    """Return a line for one field; nothing for a new policy's empty ones."""
    old, new = (words(name, side[name]) if name in side else None for side in (before, after))
    said: dict[str, Any] = {"field": _title(name), "old": old, "new": new}
    if old is None or new is None:
        value = new if old is None else old
        return "" if value == _empty() else f"{said['field']}: {value}"
    return _("%(field)s: from “%(old)s” to “%(new)s”") % said


def words(name: str, value: str) -> str:
    """Return a stored value as the form shows it."""
    if value in NOTHING:
        return _empty()
    try:
        field = RolePolicy._meta.get_field(name)  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return value
    if name == "starts_at":
        return _moment(value)
    return str(dict(getattr(field, "flatchoices", ())).get(value, value))


def _moment(value: str) -> str:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    return date_format(timezone.localtime(at) if timezone.is_aware(at) else at, "DATETIME_FORMAT")


def _empty() -> str:
    return _("not set")


def _title(name: str) -> str:
    try:
        title = str(RolePolicy._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # noqa: SLF001
    except FieldDoesNotExist:
        return name
    return title[:1].upper() + title[1:]


class HistoryMixin:
    """For the policies' ``ModelAdmin``: the difference in words, and a list of all changes."""

    def get_urls(self) -> list[Any]:
        """Add the list of all changes: a policy that was deleted has no page any more."""
        view = self.admin_site.admin_view(require_safe(self.changes_view))  # type: ignore[attr-defined]
        name = f"{self.opts.app_label}_{self.opts.model_name}_changes"  # type: ignore[attr-defined]
        return [path("changes/", view, name=name), *super().get_urls()]  # type: ignore[misc]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Add what changed, in words."""
        known = object_id.isdecimal() and len(object_id) <= LONGEST_PK
        listed = of_policy(int(object_id)) if known else []
        context = {"changes": listed, **(extra_context or {})}
        answer: HttpResponse = super().history_view(request, object_id, context)  # type: ignore[misc]
        return answer

    def changes_view(self, request: HttpRequest) -> HttpResponse:
        """List every change of every policy, newest first."""
        if not self.has_view_or_change_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        paginator = Paginator(_events().order_by("-pk"), PER_PAGE)
        page = paginator.get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Changes of policies"),
            "opts": self.opts,  # type: ignore[attr-defined]
            "list_is_linked": True,
            "changes": changes(page.object_list),
            "page": page,
            "pages": list(paginator.get_elided_page_range(page.number)),
            "ellipsis": paginator.ELLIPSIS,
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "hardening/admin/policy_changes.html", context)
