"""A mail server that takes its time over links, and a folder that the mails end up in."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from django.core.mail.backends.base import BaseEmailBackend

SECONDS = 1.5


class Backend(BaseEmailBackend):
    """Keeps what holds a link, after a while; anything else is thrown away at once."""

    def send_messages(self, email_messages):
        """Write each mail to a file of its own below the folder that the environment names."""
        for message in email_messages:
            if "/unlock/" in message.body:
                time.sleep(SECONDS)
                folder = Path(os.environ["HARDENING_TESTS_MAILS"])
                (folder / f"{uuid.uuid4()}.txt").write_text(message.body, encoding="utf-8")
        return len(email_messages)
