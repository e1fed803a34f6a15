"""Security events in the admin: read by whoever may view them, changed by nobody at all.

Not even a superuser adds, changes or deletes one here; the log is verified by
``hardening_audit verify``. Taking it away as a file needs a fresh proof.
"""

from __future__ import annotations

import csv
import json
import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hardening import audit, origin
from hardening.access import refusal
from hardening.admin import plots
from hardening.admin.event_filters import Chosen
from hardening.admin.paging import KeyPaginator
from hardening.audit import Event
from hardening.core.cells import harmless
from hardening.flows import exporting
from hardening.models import SecurityEvent
from hardening.models.database import over_many
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

PER_PAGE = 100
LONGEST_PK = 18  # digits of a key
SEE = "hardening.view_securityevent"


@admin.register(SecurityEvent)
class SecurityEventAdmin(admin.ModelAdmin):
    """The plots, the list, one event, and the list as a file."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody invents an event."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one; `hardening_audit prune` does when its time is over."""
        del request, obj
        return False

    def get_urls(self) -> list[Any]:
        """Add the file; there is no other page than these."""
        view = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        pages: dict[str, tuple[Any, str]] = {
            "": (self.list_view, "changelist"),
            "export/": (self.export_view, "export"),
            "<path:object_id>/change/": (self.event_view, "change"),
        }
        return [
            path(place, view(require_safe(page)), name=f"{name}_{short}")
            for place, (page, short) in pages.items()
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """Show the plots, and the events that were chosen, newest first."""
        now = self._asked(request)
        chosen = Chosen(request.GET)
        drawn = plots.plots(chosen.days, now=now)
        with over_many():
            paginator = KeyPaginator(chosen.rows(now=now).order_by("-pk"), PER_PAGE)
            page = paginator.get_page(request.GET.get("page"))
            found = paginator.count
        return self._page(
            request,
            "events.html",
            title=_("What has happened"),
            form=chosen,
            plots=drawn,
            table=plots.table(drawn),
            page=page,
            pages=list(paginator.get_elided_page_range(page.number)),
            ellipsis=paginator.ELLIPSIS,
            found=found,
            events=SecurityEvent.objects.filter(pk__in=list(page.object_list)).order_by("-pk"),
        )

    def event_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show all of one event."""
        self._asked(request)
        text = unquote(object_id)
        known = text.isdecimal() and len(text) <= LONGEST_PK
        row = SecurityEvent.objects.filter(pk=int(text)).first() if known else None
        if row is None:
            raise Http404
        return self._page(
            request,
            "event.html",
            title=str(row),
            list_is_linked=True,
            event=row,
            details=[(key, _written(value)) for key, value in sorted(row.data.items())],
            genuine=audit.is_genuine(row) if row.mac else None,
        )

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send the chosen events, oldest first, as JSON lines or comma-separated values."""
        now = self._asked(request)
        refused = refusal(request)
        if refused is not None:
            return refused
        as_table = request.GET.get("format") == "csv"
        chosen = Chosen(request.GET)
        data = {"events": {name: str(value) for name, value in chosen.picked.items() if value}}
        where = origin.where(request)
        audit.record(Event.PEOPLE_EXPORTED, actor=request.user, data=data, now=now, where=where)
        rows = exporting.by_key(chosen.rows(now=now))
        name = f"events-{moment(now).date().isoformat()}.{'csv' if as_table else 'jsonl'}"
        return StreamingHttpResponse(
            _cells(rows) if as_table else (f"{exporting.event_line(row)}\n" for row in rows),
            content_type="text/csv; charset=utf-8" if as_table else "application/x-ndjson",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _asked(self, request: HttpRequest) -> int:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return int(time.time())

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        common = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"hardening/admin/{template}", {**common, **context})


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """Return it."""
        return text


def _cells(rows: Iterable[SecurityEvent]) -> Iterator[str]:
    """Yield the lines of the table."""
    write = csv.writer(_Echo()).writerow
    heads = [field.attname for field in SecurityEvent._meta.concrete_fields]  # noqa: SLF001
    yield write(heads)
    for row in rows:
        yield write([harmless(_written(value)) for value in exporting.columns(row).values()])


def _written(value: Any) -> str:
    """Return text as it stands, nothing as nothing, and the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
