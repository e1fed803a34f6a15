"""Template tags for a host's pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from hardening import roles
from hardening.core.values import NoteKind
from hardening.moments import moment

register = template.Library()


@register.inclusion_tag("hardening/banner.html", takes_context=True)
def hardening_banner(context: dict[str, Any]) -> dict[str, Any]:
    """Show a leaked password, a deadline ahead, recovery codes that run low; else nothing.

    Looks only at a page that has looked at its session already, so that a public page stays
    free of queries and of ``Vary: Cookie``.
    """
    request = context.get("request")
    session = getattr(request, "session", None)
    silent = {"deadline": None, "roles": "", "url": "", "codes_low": None, "breached": False}
    if request is None or session is None or not session.accessed:
        return silent
    if getattr(request, "hardening_step", False):  # a page of ours: it says so itself
        return silent
    if not request.user.is_authenticated:
        return silent
    decision = getattr(request, "hardening_decision", None)
    notes = {note.kind: note for note in decision.notes} if decision else {}
    deadline = notes.get(NoteKind.DEADLINE)
    low = notes.get(NoteKind.RECOVERY_CODES_LOW)
    return {
        "deadline": moment(deadline.value) if deadline else None,
        "roles": roles.labels([deadline.role]) if deadline else "",
        "url": reverse("hardening:overview"),
        "codes_low": low.value if low else None,
        "breached": NoteKind.PASSWORD_BREACHED in notes,
    }
