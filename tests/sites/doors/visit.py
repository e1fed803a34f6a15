"""One visit: a person comes to a door, is stopped or not, goes through the steps, looks around.

A `Visit` writes down what happened, step by step, in the words of the table (`trail`), counts the
signals, and keeps the answers. It judges nothing but one thing, in one place for all doors:
`assert_nothing_opens`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

from django.contrib.auth import SESSION_KEY
from django.contrib.auth import signals as django_signals
from django.test import Client
from django.urls import reverse

from hardening import signals
from hardening.core.values import NoteKind
from tests.host.doors import LEAK
from tests.visitor import Visitor

SIGNALS = {
    "user_logged_in": django_signals.user_logged_in,
    "user_login_failed": django_signals.user_login_failed,
    "login_parked": signals.login_parked,
    "login_completed": signals.login_completed,
}
# A browser's script, not the person herself: what it asks for is never where she was going.
SCRIPT = {"accept": "text/html", "sec-fetch-mode": "cors"}
JSON = {"accept": "application/json"}
HTML = {"accept": "text/html"}

READING = ("/reads-user/", "/async-reads-user/")
FOR_ANYBODY_SIGNED_IN = ("/members/", "/api/me/")
FOR_STAFF = ("/staff/", "/admin/", "/admin/auth/user/", "/desk/", "/api/staff/")
# Pages that a person's password must not open, whatever else they ask.
WALLED = (*FOR_ANYBODY_SIGNED_IN, *FOR_STAFF, "/vault/", "/allauth/email/", "/security/")
LOGIN_PAGES = ("hardening:login", "admin:login", "desk:login", "account_login")
MAX_REDIRECTS = 10

STEPS = {
    "hardening:mailbox": ("mailbox", Visitor.prove_mailbox),
    "hardening:enrol": ("enrol", Visitor.enrol),
    "hardening:verify": ("code", Visitor.verify),
}


class Visit:
    """A person's way through a door. `carried` is sent with each of her requests."""

    def __init__(self, visitor, *, json=False, carried=None, shown_as=None):
        self.visitor = visitor
        visitor.json_client = json
        visitor.client = Client(headers=JSON if json else HTML, **(carried or {}))
        self.client = visitor.client
        self.user = visitor.user
        self.shown_as = shown_as or self.user.get_username()
        self.json = json
        self.trail = []
        self.landed = None
        self.counts = Counter()

    @contextmanager
    def counting(self):
        """Count the signals about anybody."""
        receivers = {}
        for name, signal in SIGNALS.items():

            def count(*, name=name, **_kwargs):
                self.counts[name] += 1

            receivers[name] = count
            signal.connect(count, weak=False)
        try:
            yield
        finally:
            for name, signal in SIGNALS.items():
                signal.disconnect(receivers[name])

    # --- going on ------------------------------------------------------------------------------

    def go_on(self, answer):
        """Do what each page asks for, until no page asks for anything."""
        for _ in range(MAX_REDIRECTS):
            step = step_of(answer)
            if step is None:
                self.landed = address_in(answer)
                return answer
            word, act = STEPS[step]
            self.trail.append(word)
            answer = act(self.visitor)
        raise AssertionError(f"no end of steps: {self.trail}")

    def look_around(self, *, staff):
        """Write down whether the rooms open that are hers, and what the decision notes."""
        assert self.name_seen() == self.shown_as
        assert self.client.get("/async-reads-user/").content.decode().endswith(self.shown_as)
        for room in FOR_ANYBODY_SIGNED_IN:
            assert self.client.get(room).status_code == 200, room
        for room in FOR_STAFF:
            assert (self.client.get(room).status_code == 200) is staff, room
        seen = self.client.get("/members/").wsgi_request
        notes = {note.kind for note in seen.hardening_decision.notes}
        word = "opens"
        if NoteKind.DEADLINE in notes:
            word = "opens, with a deadline"
        if NoteKind.WOULD_BE_STOPPED in notes:
            word = "opens, and is reported"
        self.trail.append(word)

    def name_seen(self):
        """Return whom a page that reads the user sees."""
        return self.client.get("/reads-user/").content.decode().removeprefix("Here is ")

    # --- the one thing that must never happen ----------------------------------------------------

    def assert_nothing_opens(self, *, parked=True):
        """A stranger would see as much: on every page, as HTML and as JSON, and in the session.

        While a sign-in is parked, every wall leads on to its step.
        """
        assert self.name_seen() == "nobody"
        assert self.client.get("/async-reads-user/").content == b"Here is nobody"
        for page in WALLED:
            self._assert_walled_as_json(page, parked=parked)
            self._assert_walled_as_html(page, ends_at=STEPS if parked else LOGIN_PAGES)
        assert SESSION_KEY not in self.client.session
        assert LEAK not in str(dict(self.client.session))
        assert self.client.get("/notes/", headers=SCRIPT).json() == {"messages": []}

    def _assert_walled_as_json(self, page, *, parked):
        answer = self.client.get(page, headers=JSON)
        assert LEAK not in answer.content.decode(), page
        if parked:
            assert set(answer.json()) >= {"code", "step"}, page
        assert answer.status_code in ({401} if parked else {302, 401, 403}), page

    def _assert_walled_as_html(self, page, *, ends_at):
        answer = self.client.get(page, headers=SCRIPT, follow=True)
        assert LEAK not in answer.content.decode(), page
        if page.startswith("/api/"):
            assert answer.status_code in (401, 403), page
            return
        assert answer.status_code == 200, page
        assert 1 <= len(answer.redirect_chain) <= MAX_REDIRECTS, page
        assert answer.resolver_match.view_name in ends_at, page


def address_in(answer):
    """Return where an answer leads: a redirect's address, or JSON's `step` or `next`."""
    if "json" in answer.headers.get("Content-Type", ""):
        body = answer.json()
        return body.get("step") or body.get("next")
    return answer.headers.get("Location")


def step_of(answer):
    """Return the URL name of the step page that an answer leads to, or `None`."""
    where = (address_in(answer) or "").partition("?")[0]
    return {reverse(name): name for name in STEPS}.get(where)
