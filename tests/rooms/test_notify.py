"""Mails: after commit, one an address, and a mail server that is down stops nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core import mail
from django.db import transaction
from django.test import override_settings

from hardening import notify
from hardening.notify import Notice
from tests.mailers import mail_settings
from tests.visitor import NOW

ADDED = Notice("factor_added", ("a@example.com",), "ada", NOW, {"authenticator": "My phone"})
TWO = Notice("recovery_codes_made", ("new@example.com", "old@example.com"), "ada", NOW)
CODE = Notice("mailbox_code", ("a@example.com",), "ada", NOW, {"code": "12345678"})
FOLDER = Path(notify.__file__).parent / "templates" / "hardening" / "mail"
NAMES = sorted(path.name.partition(".")[0] for path in FOLDER.glob("*.subject.txt"))
AHEAD = datetime(2027, 3, 1, 12, tzinfo=UTC)
DETAILS = {
    "authenticator": "Phone <b>",
    "code": "12345678",
    "left": 2,
    "minutes": 10,
    "days": 7,
    "address": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "device": "Chrome on Android",
    "by": "operator",
    "whom": "ada",
    "role": "editors",
    "roles": ["editors"],
    "kind": "extension",
    "reason": "she asked on the telephone and came by afterwards with a passport " * 3,
    "due": AHEAD,
    "until": AHEAD,
    "expires": AHEAD,
    "deed": "ticket",
    "failures": 9,
    "tries": 10,
    "link": "https://site.example/" + "l" * 80,
    "disown": "https://site.example/" + "d" * 200,
}
SMTP_DOWN = override_settings(
    **mail_settings(
        "django.core.mail.backends.smtp.EmailBackend",
        host="127.0.0.1",
        port=1,  # nobody listens there
    )
)


def recipients() -> list[list[str]]:
    return [message.recipients() for message in mail.outbox]


@pytest.fixture
def bounces(monkeypatch):
    """Let mails to one address fail."""
    send = notify.EmailMultiAlternatives.send

    def picky(message, *args, **kwargs):
        if message.to == ["new@example.com"]:
            raise OSError("no such mailbox")
        return send(message, *args, **kwargs)

    monkeypatch.setattr(notify.EmailMultiAlternatives, "send", picky)


# ---------------------------------------------------------------- when


@pytest.mark.django_db(transaction=True)
def test_a_notice_goes_out_after_commit_and_not_before() -> None:
    with transaction.atomic():
        notify.after_commit(ADDED)
        assert mail.outbox == []
    assert recipients() == [["a@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_sends_nothing() -> None:
    with transaction.atomic():
        notify.after_commit(ADDED)
        transaction.set_rollback(True)
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_a_notice_goes_out_at_once() -> None:
    notify.after_commit(ADDED)
    assert len(mail.outbox) == 1


# ---------------------------------------------------------------- to whom


def test_each_address_gets_a_mail_of_its_own() -> None:
    assert notify.deliver(TWO)
    assert recipients() == [["new@example.com"], ["old@example.com"]]
    assert not any(message.cc or message.bcc for message in mail.outbox)


def test_an_address_that_bounces_does_not_keep_the_news_from_the_other(bounces, caplog) -> None:
    """Or a thief would set an address that bounces, and the owner would never hear of it."""
    assert not notify.deliver(TWO)
    assert recipients() == [["old@example.com"]]
    assert "'recovery_codes_made' could not be sent" in caplog.text


def test_nobody_to_write_to_is_not_sent() -> None:
    assert not notify.deliver(Notice("factor_added", (), "ada", NOW))
    assert mail.outbox == []


# ---------------------------------------------------------------- what goes wrong


@SMTP_DOWN
def test_a_mail_server_that_is_down_is_logged_without_the_content(caplog) -> None:
    assert not notify.deliver(CODE)
    assert "'mailbox_code' could not be sent" in caplog.text
    assert "12345678" not in caplog.text


@SMTP_DOWN
@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_is_down_stops_no_action(user) -> None:
    with transaction.atomic():
        user.first_name = "Ada"
        user.save()
        notify.after_commit(ADDED)
    user.refresh_from_db()
    assert user.first_name == "Ada"


def test_details_stay_out_of_the_repr() -> None:
    assert "12345678" not in repr(CODE)


# ---------------------------------------------------------------- what they say


@pytest.mark.parametrize("name", NAMES)
def test_every_notice_has_a_subject_of_one_line_and_both_bodies(name) -> None:
    assert notify.deliver(Notice(name, ("a@example.com",), "ada", NOW, DETAILS))
    (message,) = mail.outbox
    assert message.subject.strip()
    assert "\n" not in message.subject
    assert message.body.strip()
    ((html, kind),) = message.alternatives
    assert kind == "text/html"
    assert "<b>" not in html
    assert "\n\n\n" not in message.body
    lines = [line for line in message.body.splitlines() if "https://" not in line]
    assert max(map(len, lines)) <= 72


@pytest.mark.parametrize(
    "enforced,said,unsaid",
    [
        (True, "asked to choose a new password before", "please choose a new password soon"),
        (False, "please choose a new password soon", "asked to choose a new password before"),
    ],
)
def test_a_leaked_password_is_told_with_what_happens_next_and_nothing_to_click(
    enforced, said, unsaid
) -> None:
    details = {"enforced": enforced, "address": "203.0.113.9"}
    assert notify.deliver(Notice("password_breached", ("a@example.com",), "ada", NOW, details))
    (message,) = mail.outbox
    ((html, _kind),) = message.alternatives
    for body in (" ".join(message.body.split()), " ".join(html.split())):
        assert "in a list leaked from other websites" in body
        assert "does not mean that" in body
        assert "203.0.113.9" in body
        assert "other websites, change it there too" in body
        assert said in body
        assert unsaid not in body
        assert "href" not in body
        assert "://" not in body
    assert max(map(len, message.body.splitlines())) <= 72


def test_a_name_with_a_line_break_forges_no_header() -> None:
    name = "Phone\nBcc: everybody@example.com"
    assert notify.deliver(
        Notice("factor_added", ("a@example.com",), "ada", NOW, {"authenticator": name})
    )
    (message,) = mail.outbox
    assert message.message()["Bcc"] is None


@override_settings(HARDENING={"MAIL_FROM": "safe@example.org", "ISSUER": "Backstage\u00ae"})
def test_mails_name_the_site_and_come_from_the_sender_of_the_settings() -> None:
    notify.deliver(ADDED)
    (message,) = mail.outbox
    assert message.from_email == "safe@example.org"
    assert "Backstage\u00ae" in message.subject + message.body


NASTY = "Phone\r\nDone by: you\u2028\x1b[31m\u202egnp.exe"


def test_what_people_typed_starts_no_line_of_a_mail_and_turns_none_round() -> None:
    details = {"authenticator": NASTY}
    assert notify.deliver(Notice("factor_added", ("a@example.com",), NASTY, NOW, details))
    (message,) = mail.outbox
    for text in (message.subject, message.body):
        assert not set(text) & set("\r\u2028\x1b\u202e")
    assert not [line for line in message.body.splitlines() if line.startswith("Done by:")]
    assert "Authenticator: Phone Done by: you [31m gnp.exe" in message.body


def test_a_reason_keeps_its_lines() -> None:
    details = {"reason": "first line\nsecond\x1b line", "by": "operator"}
    assert notify.deliver(Notice("waiver_ended", ("a@example.com",), "ada", NOW, details))
    assert "first line\nsecond line" in mail.outbox[0].body


def test_a_notice_without_an_ear_is_logged_and_lost(bounces, caplog) -> None:
    outcomes = []
    notify._send_and_tell(TWO, lambda _notice, outcome: outcomes.append(outcome))
    notify._send_and_tell(TWO, None)
    assert [(one.failed, one.fallback) for one in outcomes] == [(("new@example.com",), False)]
    assert not notify.reach(Notice("factor_added", (), "ada", NOW))


@pytest.mark.parametrize("name", NAMES)
def test_no_log_at_any_level_quotes_what_a_mail_holds(name, caplog) -> None:
    """Django logs the context of a template in which a variable is missing."""
    kept = {"code": "12345678", "link": "https://x.example/secret", "disown": "https://x/secret"}
    kept |= {"minutes": 10, "left": 2, "days": 7}
    with caplog.at_level(logging.DEBUG):
        assert notify.deliver(Notice(name, ("a@example.com",), "ada", NOW, kept))
    assert "12345678" not in caplog.text
    assert "secret" not in caplog.text
