"""A person in front of a browser, or a program behind a JSON client, as the journeys move them.

`Visitor` knows the pages by their names and keeps what a person keeps: the password, the key in
the authenticator, the recovery codes. It asserts nothing; a method returns the answer.

The trap: codes are computed for the clock of the moment, and each works once. Freeze the clock
(fixture `clock`) before signing in, and shift it by `STEP` before a second code.
"""

from __future__ import annotations

import base64
import json
import re
import time

from django.core import mail
from django.test import Client
from django.urls import reverse

from hardening.core import otp

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC, the start of a time step
STEP = 30
DAY = 24 * 60 * 60
PASSWORD = "a pond of orange lanterns"


class Visitor:
    """One user at one client; `again()` is the same person at another browser."""

    def __init__(self, user, *, json_client=False, password=PASSWORD):
        self.user = user
        self.password = password
        self.json_client = json_client
        accept = "application/json" if json_client else "text/html"
        self.client = Client(headers={"accept": accept})
        self.secret = b""
        self.codes = []

    def again(self, *, json_client=False):
        """Return the same person, with the same phone, at another client."""
        other = Visitor(self.user, json_client=json_client, password=self.password)
        other.secret, other.codes = self.secret, self.codes
        return other

    # --- anything ------------------------------------------------------------------------------

    def get(self, name, *args, **query):
        """Open a page by its URL name, or by its path."""
        return self.client.get(address(name, *args), query)

    def post(self, name, data=None, *args):
        """Send a form, or its fields as JSON."""
        if self.json_client:
            body = json.dumps(data or {})
            return self.client.post(address(name, *args), body, content_type="application/json")
        return self.client.post(address(name, *args), data or {})

    def is_signed_in(self):
        """Return whether the host's own page knows who asks."""
        shown = self.client.get(reverse("reads_user"))
        return shown.content.decode() == f"Here is {self.user.get_username()}"

    # --- signing in ----------------------------------------------------------------------------

    def sign_in(self, page="hardening:login", password=None, **more):
        """Give name and password."""
        given = {"username": self.user.get_username(), "password": password or self.password}
        return self.post(page, {**given, **more})

    def ask_for_mail(self):
        """Ask for a code by mail; return it, or `None` if none came."""
        before = len(mail.outbox)
        self.post("hardening:mailbox", {"action": "send"})
        return newest_code() if len(mail.outbox) > before else None

    def prove_mailbox(self):
        """Ask for a code by mail and type it."""
        return self.post("hardening:mailbox", {"code": self.ask_for_mail()})

    def use_ticket(self, ticket):
        """Type an enrolment ticket."""
        return self.post("hardening:ticket", {"ticket": ticket})

    def code(self, at=None):
        """Return what the authenticator shows."""
        return otp.code_at(self.secret, now=int(time.time()) if at is None else at)

    def wrong_code(self):
        """Return six digits that the authenticator does not show now, nor just before or after."""
        now = int(time.time())
        shown = {self.code(at=now + step * STEP) for step in (-1, 0, 1)}
        return next(f"{number:06}" for number in range(4) if f"{number:06}" not in shown)

    def verify(self, code=None, **more):
        """Type a code of the authenticator, the right one if none is given."""
        return self.post("hardening:verify", {"code": code or self.code(), **more})

    def use_recovery_code(self, code=None):
        """Type a recovery code, the next one if none is given."""
        return self.post("hardening:recovery_code", {"code": code or self.codes.pop()})

    def sign_in_fully(self):
        """Sign in with password and authenticator."""
        self.sign_in()
        return self.verify()

    # --- enrolling -----------------------------------------------------------------------------

    def start(self):
        """Start an enrolment and put the key into the authenticator."""
        answer = self.post("hardening:enrol")
        self.scan()
        return answer

    def scan(self):
        """Put the key that the page shows into the authenticator."""
        shown = self.get("hardening:enrol_totp")
        key = key_on(shown)
        if key:
            self.secret = base64.b32decode(key.replace(" ", ""))
        return shown

    def confirm(self, code=None, **more):
        """Type the first code; keep the recovery codes that the answer shows."""
        fields = {"code": code or self.code(), "name": "Phone", **more}
        answer = self.post("hardening:enrol_totp", fields)
        codes = codes_on(answer)
        self.codes = codes or self.codes
        return answer

    def keep_codes(self):
        """Say that the recovery codes are stored."""
        return self.post("hardening:recovery_codes", {"stored": "on"})

    def enrol(self):
        """Go from a proven mailbox to a completed sign-in."""
        self.start()
        self.confirm()
        return self.keep_codes()

    def step_up(self, code=None, **more):
        """Prove the authenticator again."""
        return self.post("hardening:step_up", {"code": code or self.code(), **more})


def address(name, *args):
    """Return the path of a URL name; a path stays as it is."""
    return name if name.startswith("/") else reverse(name, args=args)


def newest_code():
    """Return the eight digits of the newest mail that has some, or `None`."""
    for message in reversed(mail.outbox):
        found = re.search(r"^\s+(\d{8})$", message.body, re.MULTILINE)
        if found:
            return found[1]
    return None


def mails(name):
    """Return (recipient, subject) of each mail whose subject holds `name`."""
    return [(m.to[0], m.subject) for m in mail.outbox if name in m.subject]


def key_on(answer):
    """Return the authenticator's key that an answer shows, HTML or JSON, else an empty text."""
    return _shown(answer, "key", "key") or ""


def codes_on(answer):
    """Return the recovery codes that an answer shows, HTML or JSON."""
    return list(_shown(answer, "codes", "recovery_codes") or [])


def _shown(answer, in_context, in_json):
    if "json" in answer.headers.get("Content-Type", ""):
        return answer.json().get(in_json)
    return answer.context.get(in_context) if answer.context else None


def leads_to(answer, name, *args):
    """Return whether an answer leads to a page: a redirect, or JSON's `step` or `next`."""
    if "json" in answer.headers.get("Content-Type", ""):
        body = answer.json()
        return address(name, *args) in (body.get("step"), body.get("next"))
    return answer.status_code == 302 and answer.headers["Location"].partition("?")[0] == address(
        name, *args
    )
