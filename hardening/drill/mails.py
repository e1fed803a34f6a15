"""Where the drill's mails go: nowhere, but for a code from the mailbox.

An owner who is asked for it reads it here, as only she can read her mailbox. No attacker does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.core.mail.backends.base import BaseEmailBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

CODE = re.compile(r"\b[0-9]{8}\b")

_codes: dict[str, str] = {}


class EmailBackend(BaseEmailBackend):
    """Keeps the newest code of each address."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        """Look for a code, and throw the rest away."""
        for message in email_messages:
            found = CODE.search(message.body)
            if found is not None:
                _codes.update(dict.fromkeys(message.to, found.group()))
        return len(email_messages)


def code_for(address: str) -> str:
    """Return the code that was mailed there last, once; empty: none was."""
    return _codes.pop(address, "")
