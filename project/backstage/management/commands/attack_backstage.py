"""Try stolen passwords at the demo's own login page, so that attack mode begins there.

Pairs that fit nobody, from addresses of all over IPv6's range for documentation; the tries go
through the whole site in this process, and what they leave in the database the running site sees.
`hardening_drill` is what measures: it attacks a database of its own.

The trap: addresses and names are drawn anew each time. The same ones would soon be refused, and
what is refused raises no alarm.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.shortcuts import resolve_url
from django.test import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESSES = 40
TRIES_EACH = 3  # fewer than flag an address: the alarm is the site's

SAID = """\
{judged} wrong passwords from {addresses} addresses were judged, and attack mode is on:
- the mail to the operators is on the page /mailbox/
- a right password in a new private window is asked for a code from the mailbox
- "staff" sees it, and can end it, on the page /admin/hardening/throttlecell/
It ends by itself after half an hour."""


class Command(BaseCommand):
    """Attack the demo."""

    help = "Try 120 wrong passwords from 40 addresses at the demo's login page."

    def handle(self, *args: Any, **options: Any) -> None:
        """Try them all and say what to look at.

        Raises:
            CommandError: If `settings.DEMO` is not true.
        """
        if not settings.DEMO:
            raise CommandError("This site is not the demo; nobody attacks it from here.")
        self.stdout.write("Trying stolen passwords; each takes as long as a password hash …")
        with _without_warnings(logging.getLogger("django.request")):
            judged = attack()
        self.stdout.write(SAID.format(judged=judged, addresses=ADDRESSES))


@contextmanager
def _without_warnings(log: logging.Logger) -> Iterator[None]:
    """Django warns of each wrong password here, which would bury what the command says."""
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def attack() -> int:
    """Try wrong passwords from many addresses; return how many were looked at."""
    client, judged, url = Client(), 0, resolve_url(settings.LOGIN_URL)
    for _ in range(ADDRESSES):
        address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::7"
        for _ in range(TRIES_EACH):
            pair = {
                "username": f"listener-{secrets.token_hex(4)}",
                "password": secrets.token_hex(8),
            }
            answer = client.post(url, pair, REMOTE_ADDR=address)
            judged += answer.status_code != HTTPStatus.TOO_MANY_REQUESTS
    return judged
