"""What happened to one's own account, page by page; the overview shows the newest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.views import activity
from hardening.views.account import LiveView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PER_PAGE = 50
LONGEST_PK = 18  # digits of a key


class ActivityView(LiveView):
    """The list; ``before`` in the query is the key that a page begins after."""

    template_name = "activity.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return self.gate() or self._page(request)

    def _page(self, request: HttpRequest) -> HttpResponse:
        given = request.GET.get("before", "")
        known = given.isascii() and given.isdecimal() and len(given) <= LONGEST_PK
        found = activity.recent(request.user, PER_PAGE + 1, before=int(given) if known else None)
        events = found[:PER_PAGE]
        older = events[-1]["pk"] if len(found) > PER_PAGE else None
        said = ("at", "event", "reason", "text", "address", "device")
        return self.show(
            events=events,
            older=older,
            is_newest=not known,
            payload={
                "events": [{name: event[name] for name in said} for event in events],
                "older": older,
            },
        )
