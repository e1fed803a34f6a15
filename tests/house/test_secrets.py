"""No secret leaves: a whole life of accounts, then a search through all that was written.

Logs of every level, mails, events, error reports and the database are searched for passwords,
authenticator keys, codes, recovery codes, tickets, session keys and handles.
"""

from __future__ import annotations

import html
import io
import json
import logging
import re
import sys
import time

import pytest
from django.core import mail
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.views.debug import ExceptionReporter

from hardening import sessions, testing
from hardening.core import otp
from hardening.models import Factor, SecurityEvent
from tests.visitor import PASSWORD, STEP, newest_code

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]

NEW_PASSWORD = "seven violet umbrellas"
FINE = 5  # below DEBUG: whatever anybody logs


class Listener(logging.Handler):
    """Keeps every record as its formatted text, with the traceback and its arguments."""

    def __init__(self):
        super().__init__(FINE)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))
        self.lines.append(repr(record.args))


@pytest.fixture
def heard():
    listener = Listener()
    root = logging.getLogger()
    named = [logging.getLogger(name) for name in ("hardening", "django", "django.request")]
    levels = [(logger, logger.level) for logger in (root, *named)]
    for logger, _ in levels:
        logger.setLevel(FINE)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)  # SQL: the database is searched
    root.addHandler(listener)
    yield listener.lines
    root.removeHandler(listener)
    for logger, level in levels:
        logger.setLevel(level)


class Life:
    """What happened, and the secrets that took part in it."""

    def __init__(self):
        self.secrets = {PASSWORD, NEW_PASSWORD}
        self.mailed = set()

    def remember(self, visitor):
        session = visitor.client.session
        handles = [session.get(key) for key in (sessions.PARKED_KEY, sessions.ENROL_KEY)]
        self.secrets |= {text for text in (session.session_key, *handles) if text}
        if visitor.secret:
            key = otp.base32(visitor.secret)
            self.secrets |= {key, otp.grouped_key(visitor.secret), visitor.secret.hex()}
            now = int(time.time())
            self.secrets |= {visitor.code(at=now + step * STEP) for step in (-1, 0, 1)}
        for code in visitor.codes:
            self.secrets |= {code, code.replace("-", "")}


@pytest.fixture
def life(clock, person, heard):
    """Live through everything: enrol, fail, recover, reset, change, rekey."""
    told = Life()
    mia = person("mia", is_staff=True, is_superuser=True)
    mia.sign_in("host_login", next="/admin/")
    told.remember(mia)
    mia.post("hardening:mailbox", {"action": "send"})
    told.mailed.add(newest_code())
    mia.post("hardening:mailbox", {"code": newest_code()})
    mia.start()
    told.remember(mia)
    mia.confirm()
    told.remember(mia)
    mia.keep_codes()
    told.remember(mia)
    clock.shift(STEP)
    mia.step_up(mia.wrong_code())
    mia.step_up()
    told.remember(mia)
    mia.post("hardening:factor", {"action": "rename", "name": "Phone"}, Factor.objects.get().pk)
    clock.shift(STEP)
    again = mia.again()
    again.sign_in(password="not it at all")
    again.sign_in()
    told.remember(again)
    again.verify(again.wrong_code())
    again.use_recovery_code()
    told.remember(again)
    again.start()
    again.confirm(remove=[Factor.objects.confirmed().get().pk])
    told.remember(again)
    again.client.post(
        "/office/auth/user/",
        {"action": "demand_password_change", "_selected_action": [mia.user.pk]},
    )
    change = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD}
    again.get("members")
    told.remember(again)
    again.post("hardening:change_password", {**change, "new_password2": "something else"})
    again.post("hardening:change_password", {**change, "new_password2": NEW_PASSWORD})
    told.remember(again)
    printed = io.StringIO()
    call_command("hardening_ticket", "mia", stdout=printed, stderr=io.StringIO())
    told.secrets |= {printed.getvalue().strip(), printed.getvalue().strip().replace("-", "")}
    call_command("hardening_reset", "mia", "--noinput", "--reason", "x", stdout=io.StringIO())
    call_command("hardening_rekey", stdout=io.StringIO(), stderr=io.StringIO())
    told.secrets.discard("")
    return told


def leaks(text, secrets):
    """Return which secrets occur in a text, digits only where no digit stands beside them."""
    return [
        secret
        for secret in secrets
        if re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text, re.IGNORECASE)
    ]


def test_the_life_was_a_full_one(life):
    events = set(SecurityEvent.objects.values_list("event", flat=True))
    assert events >= {
        "login:park:done",
        "login:complete:done",
        "mailbox:send:done",
        "proof:judge:accepted",
        "proof:judge:refused",
        "factor:start:done",
        "factor:add:done",
        "factor:rename:done",
        "factor:reset:done",
        "recovery_codes:store:done",
        "session:park:done",
        "step_up:prove:done",
        "step_up:prove:refused",
        "password:demand:done",
        "password:change:done",
        "ticket:issue:done",
        "vault:reseal:done",
    }
    assert len(life.secrets) > 30


def test_no_log_line_holds_a_secret(life, heard):
    assert any("factor:add:done" in line for line in heard)
    assert leaks("\n".join(heard), life.secrets | life.mailed) == []


def test_no_event_holds_a_secret(life):
    rows = json.dumps(list(SecurityEvent.objects.values()), default=str)
    assert leaks(rows, life.secrets | life.mailed) == []


def test_each_event_is_one_line_of_json_in_the_log(life, heard):
    lines = [line for line in heard if line.startswith("{")]
    assert len(lines) == SecurityEvent.objects.count()
    assert all(json.loads(line)["event"] for line in lines)


def test_a_mail_holds_no_secret_but_the_code_it_was_sent_for(life):
    assert len(mail.outbox) >= 6
    for message in mail.outbox:
        whole = message.message().as_string() + message.body + message.alternatives[0][0]
        found = leaks(whole, life.secrets | life.mailed)
        assert set(found) <= (life.mailed if "code to sign in" in message.subject else set())


def test_a_mail_has_no_link_to_follow(life):
    for message in mail.outbox:
        assert "http" not in message.body
        assert "href" not in message.alternatives[0][0]


def test_the_database_holds_no_secret_in_the_clear(life):
    dump = io.StringIO()
    call_command("dumpdata", "hardening", "auth", stdout=dump)
    assert leaks(dump.getvalue(), life.secrets | life.mailed) == []


@pytest.fixture
def report(clock, person, monkeypatch):
    """Let judging a code fail half-way; return (the report Django would mail, the secrets)."""
    visitor = person("mia")
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    caught = []

    def keep(request, **_):
        made = ExceptionReporter(request, *sys.exc_info(), is_email=True)
        caught.append(made.get_traceback_text() + made.get_traceback_html())

    visitor.sign_in()
    typed = visitor.code()
    monkeypatch.setattr("hardening.core.otp.hmac.compare_digest", _fail)
    visitor.client.raise_request_exception = False
    got_request_exception.connect(keep)
    try:
        visitor.verify(typed)
    finally:
        got_request_exception.disconnect(keep)
    key = otp.base32(visitor.secret)
    return caught[0], {typed, key, visitor.secret.hex(), repr(visitor.secret), PASSWORD}


def _fail(*_args):
    raise RuntimeError


def test_an_error_report_of_a_failing_page_names_no_secret(report):
    text, secrets = html.unescape(report[0]), report[1]
    assert "RuntimeError" in text
    assert leaks(text, secrets) == []
