"""What somebody was about to publish when a fresh proof was asked for, so that no text is lost.

`hardening` stores no interrupted request; what was typed is the site's to keep. It lies in the
session: whoever else signs in as the same person, a thief too, neither reads it nor leaves one for
her to publish by mistake. Who has stolen this very session can leave one until she proves a factor;
so the page shows what the text changes before she publishes it.

Times are Unix seconds. The trap: sessions are small where they lie in a cookie, so only the newest
few drafts are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from project.backstage.models import Content

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

KEY = "backstage_drafts"
KEPT = 3


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is not published yet.

    Attributes:
        content: What was typed.
        based_on: The version of the page that its author was looking at.
        at: When it was kept.
    """

    content: Content
    based_on: int
    at: int


def keep(session: SessionBase, slug: str, draft: Draft) -> None:
    """Keep the draft for an artist's page, in place of an older one."""
    others = [entry for entry in _entries(session) if entry["slug"] != slug]
    entry = {
        "slug": slug,
        "content": draft.content.as_json(),
        "based_on": draft.based_on,
        "at": draft.at,
    }
    session[KEY] = [entry, *others][:KEPT]


def find(session: SessionBase, slug: str) -> Draft | None:
    """Return the draft for an artist's page, if there is one."""
    for entry in _entries(session):
        if entry["slug"] == slug:
            return Draft(Content(**entry["content"]), entry["based_on"], entry["at"])
    return None


def forget(session: SessionBase, slug: str) -> None:
    """Forget the draft for an artist's page."""
    if find(session, slug) is not None:
        session[KEY] = [entry for entry in _entries(session) if entry["slug"] != slug]


def _entries(session: SessionBase) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = session.get(KEY, [])
    return entries
