"""No secret leaves: a whole life of accounts, then a search through all that was written.

Logs of every level, mails, events, error reports and the database are searched for passwords, what
a look-up in the lists of breaches makes of them (SHA-1, prefix, suffix), authenticator keys, codes,
recovery codes, tickets, session keys and handles, the tokens of mailed links, and the keys that
events and links are signed with.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import time

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.core.management import call_command

from hardening import keys, sessions
from hardening.breach import search, sources
from hardening.breach.api import Call, RangeApi
from hardening.breach.wire import Fault, WireError
from hardening.core import otp
from hardening.core.pwned import Candidate, Finding, RangeError
from hardening.keys import Purpose
from hardening.models import Factor, SecurityEvent
from tests import secrecy
from tests.house import breaches
from tests.secrecy import leaks
from tests.visitor import PASSWORD, STEP, newest_code

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]

NEW_PASSWORD = "seven violet umbrellas"
# A link of a mail up to its token, and the token: the last part of the path, or what it is asked.
LINK = re.compile(r"(http://testserver/security/(?:disown|reset)/\S*?)([0-9A-Za-z_.-]{30,})(/?)\s")


@pytest.mark.parametrize(
    "told",
    [
        "{0.prefix}{suffix}",
        "looking for {suffix} now",
        "GET /range/{0.prefix} HTTP/1.1",
        "https://api.example.com/range/{lower}",
    ],
)
def test_a_log_record_that_gives_a_password_away_fails_any_test(told):
    one = Candidate(breaches.LISTED)
    suffix, lower = one.suffix.decode(), one.prefix.lower()
    logging.getLogger("any").warning("%s", told.format(one, suffix=suffix, lower=lower))
    assert len(secrecy.seen) == 1
    secrecy.seen.clear()
    logging.getLogger("any").warning("range/ABCDE0 %s", "F" * 40)
    assert secrecy.seen == []


def test_a_log_record_or_a_mail_with_a_session_key_fails_any_test(db):
    key = SessionStore()._get_new_session_key()
    logging.getLogger("any").warning("the session %s", key)
    mail.send_mail("hello", f"your session is {key}.", "a@example.com", ["b@example.com"])
    assert len(secrecy.seen) == 1
    assert secrecy.mailed() == {key}
    secrecy.seen.clear()
    mail.outbox.clear()


class Life:
    """What happened, and the secrets that took part in it."""

    def __init__(self):
        self.secrets = set()
        for password in (PASSWORD, NEW_PASSWORD, *breaches.USED):
            self.secrets |= breaches.traces(password)
        for purpose in (Purpose.AUDIT, Purpose.DISOWN):
            raw = keys.current(purpose).secret
            self.secrets |= {raw.hex(), base64.b64encode(raw).decode()}
        self.mailed = set()
        self.asked = {}

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
def life(clock, person, heard, monkeypatch):
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
    live_with_breaches(told, person("ada"), monkeypatch)
    live_with_links(told, person("eve"), clock)
    told.secrets.discard("")
    return told


def live_with_links(told, eve, clock):
    """Forget a password and choose another by a link; disown that by the link of its notice."""
    clock.shift(STEP)
    eve.post("hardening:password_reset", {"username": "eve"})
    for leads in ("reset", "disown"):
        link = next(found for found in reversed(links()) if leads in found[1])
        told.mailed |= {found[2] for found in links()}
        path = "".join(link.groups()).removeprefix("http://testserver")
        opened = eve.client.get(path, follow=True)
        told.remember(eve)
        at = opened.redirect_chain[-1][0] if opened.redirect_chain else path
        new = {"new_password1": breaches.CHOSEN, "new_password2": breaches.CHOSEN}
        for _again in range(2):
            token = opened.context.get("token", "")
            eve.client.post(at.partition("?")[0], {**new, "token": token}, follow=True)
            eve.client.post(path, new)
        told.remember(eve)


def links():
    """Return the links of all mails."""
    return [found for message in mail.outbox for found in LINK.finditer(f"{message.body}\n")]


def live_with_breaches(told, ada, monkeypatch):
    """Be found to have a leaked password, choose another, and meet an API that misbehaves."""
    ada.user.set_password(breaches.LEAKED)
    ada.user.save()
    told.mailed.add(breaches.forced_change(ada, told.remember))
    monkeypatch.setitem(search.BUILT_IN, "api", "hardening.breach.api.RangeApi")
    monkeypatch.setattr("hardening.flows.breached.LOGIN_WAIT_SECONDS", breaches.PATIENT_SECONDS)
    for behave in breaches.BEHAVIOURS:
        told.asked[behave] = breaches.misbehaving_api(ada, told.remember, behave)
    breaches.raising_source(ada, told.remember)


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
        "password:breach:found",
        "breach:source:fault",
        "ticket:issue:done",
        "vault:reseal:done",
        "password:reset:done",
        "account:freeze:done",
    }
    assert len(life.secrets) > 30
    faults = SecurityEvent.objects.filter(event="breach:source:fault")
    reasons = {reason for reason in breaches.BEHAVIOURS.values() if reason}
    assert set(faults.values_list("reason", flat=True)) >= reasons | {"quoting:raised"}


def test_the_api_was_asked_in_the_life_and_got_five_digits_only(life):
    chosen, listed = (Candidate(each).prefix for each in (breaches.CHOSEN, breaches.LISTED))
    for behave in breaches.BEHAVIOURS:
        asked = [head.split()[1] for head in life.asked[behave]]
        assert asked[:2] == [f"/range/{chosen}", f"/range/{listed}"], behave
        # Before a password is replaced that nobody could be asked about, it is asked about again.
        assert set(asked[2:]) <= {f"/range/{chosen}"}, behave
        for head in life.asked[behave]:
            assert set(leaks(head, life.secrets)) <= {chosen, listed}


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
        linked = {found[2] for found in LINK.finditer(message.body)}
        found = set(leaks(whole, life.secrets | life.mailed)) - linked
        assert found <= (life.mailed if "code to sign in" in message.subject else set())


def test_a_mail_has_one_link_at_most_and_only_one_that_it_is_for(life):
    """One that resets a password, or one that freezes; each token is in one mail."""
    tokens = [found[2] for found in links()]
    assert len(tokens) == len(set(tokens)) > 6
    for message in mail.outbox:
        assert len(LINK.findall(message.body)) <= 1
        for text in (message.body, message.alternatives[0][0]):
            assert "http" not in LINK.sub("", text.replace('"', " ").replace("<", " "))


def test_the_database_holds_no_secret_in_the_clear(life):
    dump = io.StringIO()
    call_command("dumpdata", "hardening", "auth", stdout=dump)
    assert leaks(dump.getvalue(), life.secrets | life.mailed) == []


def test_nothing_that_holds_a_password_shows_it():
    one = Candidate(breaches.LISTED, words=("mia",))
    held = [
        *(one, sources.Fake([breaches.LISTED]), sources.Answer(Finding.HIT, "api")),
        *(search.Found(sources.Answer(Finding.HIT, "api")), RangeError(), WireError(Fault.SHAPE)),
        *(RangeApi(), Call(RangeApi(), one.prefix, 0.0)),
    ]
    assert leaks(f"{held!r} {[str(each) for each in held]}", breaches.traces(breaches.LISTED)) == []
