"""Reading back the mails that Django's file-based mail backend has written. Demo only.

The backend writes one file per connection into `MAIL_DIR`; a file may hold several mails,
each followed by a line of 79 hyphens. Newest first means by the time of the file in nanoseconds,
then by position in it: the `Date` of a mail has seconds only.

The trap: a file may be read while it is being written. What cannot be read is left out and shown
the next time the page is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from email.message import EmailMessage
    from pathlib import Path

SEPARATOR = re.compile(rb"^-{79}\r?\n", re.MULTILINE)  # django.core.mail.backends.console
NO_TEXT = "This mail has no text part."


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the mailbox page shows it."""

    subject: str
    sender: str
    to: str
    sent: datetime | None
    body: str


def newest_mails(folder: Path, *, limit: int) -> list[Mail]:
    """Return at most `limit` mails in `folder`, newest first; none if it does not exist."""
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    mails: list[Mail] = []
    for file in files:
        if len(mails) >= limit:
            break
        parts = [part for part in SEPARATOR.split(file.read_bytes()) if part.strip()]
        mails.extend(_mail(part) for part in reversed(parts))
    return mails[:limit]


def _mail(raw: bytes) -> Mail:
    """Return what is to be shown of the mail `raw`."""
    message: EmailMessage = message_from_bytes(raw, policy=policy.default)
    text = message.get_body(preferencelist=("plain",))
    return Mail(
        subject=str(message.get("Subject", "")),
        sender=str(message.get("From", "")),
        to=str(message.get("To", "")),
        sent=_sent(str(message.get("Date", ""))),
        body=str(text.get_content()).strip() if text else NO_TEXT,
    )


def _sent(header: str) -> datetime | None:
    """Return the time in a `Date` header, or nothing if it holds none."""
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None
