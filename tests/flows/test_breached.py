"""When a password is looked up, what is kept of the answer, and what a silent source does to it."""

from __future__ import annotations

import logging
import threading

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core import mail
from django.db import DatabaseError, connections, transaction

from hardening import facts
from hardening.audit import Event
from hardening.breach import search
from hardening.breach.sources import Answer
from hardening.core.pwned import Finding, mark
from hardening.flows import breached
from hardening.models import Account, RolePolicy, SecurityEvent
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.actors import HERE, NOW
from tests.visitor import DAY, PASSWORD

pytestmark = pytest.mark.django_db


class Teller:
    """A source that says what it is told to, and remembers how it was asked."""

    name = "teller"

    def __init__(self, finding=Finding.UNKNOWN, *, fault="", version=""):
        self.answer = Answer(finding, self.name, version=version, fault=fault)
        self.asked = []
        self.late = None

    def look(self, candidate, *, wait, late=None):
        self.asked.append(wait)
        self.late = late
        return self.answer


@pytest.fixture
def source():
    """Return a function that makes one source the only one."""
    before = search.stand_in(())

    def only(*args, **how):
        teller = Teller(*args, **how)
        search.stand_in((teller,))
        return teller

    yield only
    search.stand_in(before)


def sign_in(user, *, after=0, before=None):
    """Go through what follows a right password; return what must be written again."""
    setattr(user, facts.ATTRIBUTE, facts.fresh(user))
    return breached.at_sign_in(user, PASSWORD, before=before, now=NOW + after, where=HERE)


def row(user):
    return Account.objects.get(user_id=user.pk)


def recorded(event):
    return list(SecurityEvent.objects.filter(event=event.value).values_list("reason", flat=True))


def test_a_clean_verdict_is_kept_with_who_found_it_and_when(fan, source):
    source(Finding.CLEAN, version="2026-11")
    sign_in(fan)
    kept = row(fan)
    assert kept.password_verdict == "clean"
    assert kept.password_mark == mark(fan.password)
    assert kept.password_checked_at == NOW
    assert (kept.password_source, kept.password_corpus) == ("teller", "2026-11")
    assert facts.attached(fan).password_verdict is Finding.CLEAN
    assert facts.attached(fan).password_checked_at == NOW


@pytest.mark.parametrize(
    "days, asked_again",
    [(0, False), (29.9, False), (30, True), (-1, True)],
)
def test_a_clean_verdict_holds_for_thirty_days(fan, source, days, asked_again):
    teller = source(Finding.CLEAN)
    sign_in(fan)
    sign_in(fan, after=int(days * DAY))
    assert len(teller.asked) == 1 + asked_again


@pytest.mark.parametrize("recheck, days", [(None, 7), (3, 3)])
def test_for_whom_a_policy_covers_it_holds_for_less(fan, source, recheck, days):
    RolePolicy.objects.create(
        role="everyone",
        mode=Mode.ENFORCE,
        starts_at=moment(NOW + DAY),
        recheck_days=recheck,
    )
    teller = source(Finding.CLEAN)
    sign_in(fan)
    sign_in(fan, after=days * DAY - 1)
    assert len(teller.asked) == 1
    sign_in(fan, after=days * DAY)
    assert len(teller.asked) == 2


def test_a_hit_is_not_looked_up_again(fan, source):
    teller = source(Finding.HIT)
    sign_in(fan)
    sign_in(fan, after=100 * DAY)
    assert len(teller.asked) == 1
    assert facts.attached(fan).who().password_breached


@pytest.mark.parametrize("after, mails", [(-1, 1), (0, 1), (1, 1), (60, 1), (61, 2), (DAY, 2)])
def test_of_one_sign_in_the_owner_hears_once_whatever_the_doors_clocks_say(
    fan, source, after, mails, django_capture_on_commit_callbacks
):
    source(Finding.HIT)
    with django_capture_on_commit_callbacks(execute=True):
        sign_in(fan)
        breached.remind(facts.attached(fan), now=NOW + after, where=HERE)
    assert [message.to for message in mail.outbox] == [[fan.email]] * mails


def test_what_nobody_knows_is_not_kept_and_asked_anew(fan, source):
    teller = source()
    assert sign_in(fan) is None
    sign_in(fan)
    assert len(teller.asked) == 2
    assert not Account.objects.filter(user_id=fan.pk).exclude(password_verdict="").exists()


def test_an_old_clean_verdict_stays_when_nobody_can_be_asked(fan, source):
    source(Finding.CLEAN)
    sign_in(fan)
    source()
    sign_in(fan, after=31 * DAY)
    assert row(fan).password_checked_at == NOW


def test_a_password_hashed_anew_keeps_its_verdict(fan, source):
    teller = source(Finding.HIT)
    sign_in(fan)
    before = fan.password
    fan.set_password(PASSWORD)
    type(fan).objects.filter(pk=fan.pk).update(password=fan.password)  # as a hasher does
    assert fan.password != before
    sign_in(fan, before=before)
    assert len(teller.asked) == 1
    assert row(fan).password_mark == mark(fan.password)
    assert facts.attached(fan).password_verdict is Finding.HIT


def test_a_verdict_on_another_password_is_not_carried_over(fan, source):
    source(Finding.HIT)
    sign_in(fan)
    fan.set_password("another one")
    fan.save(update_fields=["password"])
    teller = source(Finding.CLEAN)
    sign_in(fan, before="of neither")
    assert len(teller.asked) == 1
    assert row(fan).password_verdict == "clean"


def test_a_password_kept_elsewhere_is_looked_up_each_time(fan, source):
    fan.set_unusable_password()
    fan.save()
    source(Finding.HIT)
    sign_in(fan)
    teller = source(Finding.CLEAN)
    sign_in(fan)
    assert len(teller.asked) == 1
    assert row(fan).password_verdict == "clean"


def test_a_sign_in_waits_a_moment_and_a_new_password_a_second(fan, source):
    teller = source()
    sign_in(fan)
    assert teller.asked == [pytest.approx(breached.LOGIN_WAIT_SECONDS, abs=0.1)]
    assert teller.late is not None
    assert breached.refuse(PASSWORD, fan, now=NOW) is False
    assert teller.asked[-1] == pytest.approx(1.0, abs=0.2)
    assert teller.late is None


@pytest.mark.parametrize("user", [None, AnonymousUser()])
def test_a_new_password_that_is_known_is_refused_for_anybody(source, user):
    source(Finding.HIT)
    assert breached.refuse(PASSWORD, user, now=NOW) is True


def test_a_source_that_is_down_is_told_of_once_a_minute(fan, source):
    source(fault="timeout")
    for second in (0, 1, 59):
        sign_in(fan, after=second)
    assert recorded(Event.BREACH_SOURCE_DOWN) == ["teller:timeout"]
    sign_in(fan, after=60)
    assert len(recorded(Event.BREACH_SOURCE_DOWN)) == 2


def test_another_fault_is_told_of_beside_it(fan, source):
    source(fault="timeout")
    sign_in(fan)
    source(fault="shape")
    breached.refuse(PASSWORD, now=NOW)
    assert sorted(recorded(Event.BREACH_SOURCE_DOWN)) == ["teller:shape", "teller:timeout"]


def test_of_a_source_with_a_long_name_the_event_holds_the_end(fan, source):
    source(fault="raised").answer = Answer(
        Finding.UNKNOWN, f"{'shop.' * 20}breach.FormerPasswords", fault="raised"
    )
    sign_in(fan)
    [reason] = recorded(Event.BREACH_SOURCE_DOWN)
    assert reason.endswith("shop.breach.FormerPasswords:raised")
    assert len(reason) == 48


def test_the_verdict_goes_with_the_password(fan, source):
    source(Finding.HIT)
    sign_in(fan)
    breached.password_changed(fan)
    kept = row(fan)
    assert (kept.password_verdict, kept.password_mark, kept.password_source) == ("", "", "")
    assert kept.password_checked_at == 0


def test_a_database_that_cannot_be_written_stops_no_new_password(fan, monkeypatch, caplog):
    def broken(*_args):
        raise DatabaseError

    monkeypatch.setattr(Account.objects, "forget_verdict", broken)
    breached.password_changed(fan)
    assert "could not be erased" in caplog.text


# --- answers that come late -----------------------------------------------------------------------


def landed(teller, answer):
    """Let an answer come from another thread, as the pool does."""
    thread = threading.Thread(target=teller.late, args=(answer,))
    thread.start()
    thread.join()


@pytest.fixture
def here(monkeypatch):
    """Let the other thread use this one's database, which is in memory."""
    monkeypatch.setattr(breached, "release", lambda: None)
    shared = {alias: connections[alias] for alias in connections}
    for connection in shared.values():
        connection.inc_thread_sharing()

    def run(teller, answer):
        def work():
            for alias, connection in shared.items():
                connections[alias] = connection
            teller.late(answer)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    yield run
    for connection in shared.values():
        connection.dec_thread_sharing()


@pytest.mark.django_db(transaction=True)
def test_a_late_hit_lands_on_the_account_and_is_mailed(fan, source, here):
    teller = source()
    sign_in(fan)
    here(teller, Answer(Finding.HIT, "api"))
    assert row(fan).password_verdict == "hit"
    assert facts.fresh(fan).who().password_breached
    assert len(recorded(Event.PASSWORD_BREACHED)) == 1
    assert len(mail.outbox) == 1


def test_a_late_answer_about_a_password_that_is_gone_is_dropped(fan, source, here):
    teller = source()
    sign_in(fan)
    fan.set_password("another one")
    fan.save()
    here(teller, Answer(Finding.HIT, "api"))
    assert not Account.objects.filter(user_id=fan.pk).exclude(password_verdict="").exists()


def test_a_late_answer_about_somebody_who_is_gone_is_dropped(fan, source, here):
    teller = source()
    sign_in(fan)
    type(fan).objects.filter(pk=fan.pk).delete()
    here(teller, Answer(Finding.HIT, "api"))
    assert not recorded(Event.PASSWORD_BREACHED)


def test_a_late_answer_that_knows_nothing_changes_nothing(fan, source, here):
    teller = source()
    sign_in(fan)
    here(teller, Answer(Finding.UNKNOWN, "api"))
    assert not Account.objects.filter(user_id=fan.pk).exclude(password_verdict="").exists()


def test_a_late_fault_is_recorded(fan, source, here):
    teller = source()
    sign_in(fan)
    here(teller, Answer(Finding.UNKNOWN, "api", fault="timeout"))
    assert recorded(Event.BREACH_SOURCE_DOWN) == ["api:timeout"]


def test_a_late_answer_that_cannot_be_stored_is_logged_without_a_word_of_it(
    fan, source, here, monkeypatch, caplog
):
    def broken(*_args, **_kwargs):
        raise DatabaseError("no")

    teller = source()
    sign_in(fan)
    monkeypatch.setattr(breached, "_write", broken)
    with caplog.at_level(logging.DEBUG):
        here(teller, Answer(Finding.HIT, "api"))
    assert "came late" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_thread_that_brings_it_leaves_no_connection_open(fan, source):
    teller = source()
    sign_in(fan)
    seen = []

    def work():
        teller.late(Answer(Finding.UNKNOWN, "api"))
        seen.extend(c for c in connections.all(initialized_only=True) if c.connection is not None)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == []


# --- a verdict in somebody's transaction ----------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_verdict_that_was_rolled_back_is_written_again(fan, source):
    source(Finding.HIT)
    with transaction.atomic():
        written = sign_in(fan)
        transaction.set_rollback(True)
    assert not Account.objects.filter(user_id=fan.pk).exclude(password_verdict="").exists()
    written.again()
    written.again()
    assert row(fan).password_verdict == "hit"
    assert len(recorded(Event.PASSWORD_BREACHED)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_verdict_that_was_committed_is_not(fan, source):
    source(Finding.HIT)
    with transaction.atomic():
        written = sign_in(fan)
    Account.objects.forget_verdict(fan.pk)
    written.again()
    assert row(fan).password_verdict == ""


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_has_to_be(fan, source):
    source(Finding.HIT)
    assert sign_in(fan) is None


@pytest.mark.parametrize("enforced", [False, True])
def test_by_another_backend_the_facts_are_read_first(fan, source, settings, enforced):
    settings.HARDENING = {"BREACHED_PASSWORDS": "enforce" if enforced else "off"}
    source(Finding.HIT)
    breached.by_another(fan, PASSWORD, now=NOW, where=HERE)
    assert facts.attached(fan).who().password_breached is enforced
