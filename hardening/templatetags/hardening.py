"""Template tags for a host's pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from hardening import alarms, roles, zones
from hardening.core.values import NoteKind
from hardening.moments import moment

SILENT: dict[str, Any] = {
    "deadline": None,
    "extended": False,
    "zone": None,
    "roles": "",
    "url": "",
    "codes_low": None,
    "breached": False,
    "break_glass": None,
}

register = template.Library()


@register.inclusion_tag("hardening/banner.html", takes_context=True)
def hardening_banner(context: dict[str, Any]) -> dict[str, Any]:
    """Show a break-glass, a leaked password, a deadline ahead, codes that run low; else nothing.

    Looks only at a page that has looked at its session already, so that a public page stays
    free of queries and of ``Vary: Cookie``.
    """
    request = context.get("request")
    session = getattr(request, "session", None)
    if request is None or session is None or not session.accessed:
        return dict(SILENT)  # anew: Django writes the CSRF token of the page into it
    if getattr(request, "hardening_step", False):  # a page of ours: it says so itself
        return dict(SILENT)
    if not request.user.is_authenticated:
        return dict(SILENT)
    decision = getattr(request, "hardening_decision", None)
    notes = {note.kind: note for note in decision.notes} if decision else {}
    deadline = notes.get(NoteKind.DEADLINE)
    low = notes.get(NoteKind.RECOVERY_CODES_LOW)
    opened = alarms.break_glass_until(request)
    return {
        "deadline": moment(deadline.value) if deadline else None,
        "extended": deadline.extended if deadline else False,
        "zone": zones.chosen(request.user) if deadline else None,
        "roles": roles.labels([deadline.role]) if deadline else "",
        "url": reverse("hardening:overview"),
        "codes_low": low.value if low else None,
        "breached": NoteKind.PASSWORD_BREACHED in notes,
        "break_glass": moment(opened) if opened else None,
    }
