"""Changing what the public sees: the one place that writes a page.

Each change is one conditional statement on the page's version, and one revision that keeps the
content before and after. Two people who save at the same moment cannot overwrite each other
unseen: the second is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string

from project.backstage.differences import differences
from project.backstage.models import ArtistPage, Content, Revision, User

if TYPE_CHECKING:
    from datetime import datetime


class PageMovedOnError(Exception):
    """Somebody else changed the page since the author opened it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants a page to say.

    Attributes:
        content: The whole content, not only what differs.
        author: Who asks.
        at: When, with a time zone.
        undoes: The revision whose effect is taken back, if that is the purpose.
    """

    content: Content
    author: User
    at: datetime
    undoes: Revision | None = None


def publish(page: ArtistPage, change: Change) -> Revision | None:
    """Make `page` say what `change` says, and remember it.

    Args:
        page: As the author saw it: its `version` says on which state the change is based.
        change: The new content.

    Returns:
        The revision, or `None` if the page said exactly that already.

    Raises:
        PageMovedOnError: If the page's version is no longer that of `page`.
    """
    if change.content == page.content:
        return None
    with transaction.atomic():
        changed = ArtistPage.objects.filter(pk=page.pk, version=page.version).update(
            version=F("version") + 1, **change.content.as_json()
        )
        if changed != 1:
            raise PageMovedOnError
        return Revision.objects.create(
            page=page,
            number=page.version + 1,
            at=change.at,
            author=change.author,
            author_name=change.author.get_username(),
            before=page.content.as_json(),
            after=change.content.as_json(),
            undoes=change.undoes,
        )


def tell_team(revision: Revision, *, history_url: str, undo_url: str) -> None:
    """Mail everybody in the artist's team what has changed on the page, its author included.

    The author is told because it may not have been the author. Each gets a mail of their own, so
    that no address is shown to anybody else. A mail server that is down does not undo the change.

    Args:
        revision: The change.
        history_url: Absolute address of the change in the page's history.
        undo_url: Absolute address of the page that undoes it.
    """
    artist = revision.page.artist
    context = {
        "revision": revision,
        "artist": artist,
        "changed": differences(revision.content_before, revision.content_after),
        "history_url": history_url,
        "undo_url": undo_url,
    }
    subject = _on_one_line(f"The page of {artist.name} was changed by {revision.author_name}")
    text = render_to_string("backstage/mail/page_changed.txt", context)
    html = render_to_string("backstage/mail/page_changed.html", context)
    addresses = (
        User.objects.filter(artist_memberships__artist=artist, is_active=True)
        .exclude(email="")
        .order_by("pk")
        .values_list("email", flat=True)
    )
    for address in addresses:
        mail = EmailMultiAlternatives(subject=subject, body=text, to=[address])
        mail.attach_alternative(html, "text/html")
        transaction.on_commit(mail.send, robust=True)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
