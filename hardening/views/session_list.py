"""How pages show the sessions of whoever is signed in: their own page and the overview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from hardening import origin
from hardening.flows import sessions
from hardening.moments import moment

if TYPE_CHECKING:
    from django.http import HttpRequest

    from hardening.flows.sessions import Listed


def listed(request: HttpRequest, now: int) -> list[dict[str, Any]]:
    """Return the sessions of whoever is signed in, as pages show them."""
    where = origin.where(request)
    return [
        _shown(session)
        for session in sessions.listed(request.session, request.user, now=now, where=where)
    ]


def _shown(session: Listed) -> dict[str, Any]:
    return {
        "pk": session.pk,
        "device": session.device or _("Unknown browser"),
        "address": session.address,
        "started": None if session.started is None else moment(session.started),
        "seen": moment(session.seen),
        "current": session.current,
    }
