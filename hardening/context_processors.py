"""For templates: what the decision about this session noted, if the page has read the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest


def hardening(request: HttpRequest) -> dict[str, Any]:
    """Return ``hardening_notes``: the notes of the decision, empty where none was made."""
    decision = getattr(request, "hardening_decision", None)
    return {"hardening_notes": decision.notes if decision else ()}
