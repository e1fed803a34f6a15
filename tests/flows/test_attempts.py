"""One password try: what it is charged to, what gives it back, what nobody can learn from it."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from hardening import devices, facts, signals
from hardening.audit import Event
from hardening.core.limits import DEVICE_CAP
from hardening.core.throttle import SECOND_US
from hardening.flows import attack, attempts
from hardening.models import Account, SecurityEvent, Tally, ThrottleCell, counting
from hardening.throttle import database, store, subjects, tally
from hardening.throttle.budgets import Refused
from hardening.throttle.sampling import Ration
from tests.actors import HERE, NOW, events, reread
from tests.visitor import DAY

pytestmark = pytest.mark.django_db

HOUR = 60 * 60


def start(name="fan", *, address="192.0.2.7", cookie=None, after=0):
    """Try a password of `name`, `after` so many seconds."""
    now_us = (NOW + after) * SECOND_US
    return attempts.start(name, address=address, cookie=cookie, now_us=now_us, where=HERE)


def wrong(name="fan", **how):
    """Try a wrong password; return the try."""
    trial = start(name, **how)
    attempts.fail(trial)
    return trial


def elsewhere(number):
    """Return one of many addresses that have nothing in common."""
    return f"198.{18 + number // 250}.{number % 250}.1"


def crowd(name="fan", times=5, *, first=0, **how):
    """Fail so often, each time from another address."""
    return [wrong(name, address=elsewhere(first + turn), **how) for turn in range(times)]


def use_up_address(**how):
    """Fail five times at one address, for as many names."""
    return [wrong(f"junk-{number}", **how) for number in range(5)]


def cookie_of(user, *, proven=True, now=NOW):
    """Return what a browser holds after a complete sign-in."""
    who = facts.fresh(user).who()
    return devices.issue(
        None,
        user.pk,
        password=user.password,
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        proven=proven,
        random=os.urandom(devices.NONCE_BYTES),
        now=now,
    )


def count_of(user):
    """Return how many failures in a row are counted for an account."""
    cell = ThrottleCell.objects.filter(key=subjects.password(user.pk, user.password)).first()
    return cell.total if cell else 0


def cells(*keys):
    """Return all that is counted (under these keys), but for when it was tried."""
    columns = [f.name for f in ThrottleCell._meta.fields if f.name != "tried_at"]
    rows = ThrottleCell.objects.filter(key__in=keys) if keys else ThrottleCell.objects.all()
    return sorted(rows.values_list(*columns))


# --- what refuses ---------------------------------------------------------------------------------


def test_an_address_is_refused_after_a_burst_and_told_for_how_long(fan):
    assert all(trial.admitted for trial in use_up_address())
    refused = start()
    assert not refused.admitted
    assert refused.outcome.retry_after == 60
    assert start(address="192.0.2.8").admitted


def test_an_account_is_refused_after_five_failures_wherever_they_came_from(fan):
    assert all(trial.admitted for trial in crowd())
    refused = start()
    assert (refused.admitted, refused.outcome.retry_after) == (False, 30)
    assert start("another").admitted


def test_the_wait_doubles_with_each_failure_up_to_an_hour(fan):
    crowd()
    waits, at = [], 0
    for turn in range(10):
        waits.append(start(after=at).outcome.retry_after)
        at += waits[-1]
        assert wrong(address=elsewhere(100 + turn), after=at).admitted
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_refused_try_lengthens_no_wait_and_writes_no_row(fan):
    crowd()
    start()  # the first of a flood is recorded
    before = cells()
    for second in range(29):
        with CaptureQueriesContext(connection) as asked:
            assert start(after=second).outcome.retry_after == 30 - second
        assert not [one for one in asked if not one["sql"].lstrip("(").startswith("SELECT")]
    assert cells() == before
    assert start(after=30).admitted


def test_known_and_unknown_names_are_refused_alike_at_each_stage(fan):
    said = {}
    for name in ("fan", "nobody"):
        ThrottleCell.objects.all().delete()
        tries = [(turn * 7, elsewhere(turn)) for turn in range(60)]
        said[name] = [
            (trial.admitted, trial.outcome.retry_after)
            for after, address in tries
            for trial in [wrong(name, address=address, after=after)]
        ]
    assert said["fan"] == said["nobody"]
    assert {admitted for admitted, _wait in said["fan"]} == {True, False}


def test_known_and_unknown_names_are_refused_by_the_same_statements(fan):
    for name in ("fan", "nobody"):
        crowd(name)
        start(name)
    asked = {}
    for name in ("fan", "nobody"):
        with CaptureQueriesContext(connection) as queries:
            assert not start(name).admitted
        asked[name] = sorted(query["sql"].partition(" FROM ")[0] for query in queries)
    assert asked["fan"] == asked["nobody"]


def test_at_the_cap_no_waiting_helps_and_the_answer_is_the_longest_wait(fan):
    for name, key in (
        ("fan", subjects.password(fan.pk, fan.password)),
        ("nobody", subjects.nobody("nobody")),
    ):
        wrong(name)
        ThrottleCell.objects.filter(key=key).update(total=100)
        for after in (0, HOUR, 30 * DAY):
            refused = start(name, address="192.0.2.99", after=after)
            assert (refused.admitted, refused.outcome.retry_after) == (False, HOUR)


def test_an_unknown_address_is_no_budget_that_all_share(fan):
    assert all(wrong(f"junk-{number}", address=None).admitted for number in range(50))
    crowd()
    assert not start(address=None).admitted


def test_junk_names_evict_nobodys_counter(fan):
    crowd()
    for number in range(300):
        wrong(f"junk-{number}", address=elsewhere(1000 + number))
    assert not start().admitted


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "fan",
        " fan\t",
        "FAN",
        "Fan",
        "\N{FULLWIDTH LATIN SMALL LETTER F}an",
        "fan@example.com",
        "FAN@Example.COM",
    ],
)
def test_a_name_spelled_otherwise_draws_on_the_same_account(typed, fan):
    crowd(typed, 3)
    crowd("fan", 2, first=10)
    assert count_of(fan) == 5
    for name in ("fan", typed):
        assert not start(name).admitted


@pytest.mark.parametrize(
    "typed", ["Nobody", " nobody ", "NOBODY", "nobod\N{FULLWIDTH LATIN SMALL LETTER Y}"]
)
def test_a_name_that_nobody_has_is_one_name_however_it_is_spelled(typed):
    crowd(typed, 5)
    assert not start("nobody").admitted


def test_a_name_stored_in_mixed_case_is_found_once_its_owner_has_signed_in(person):
    user = person("camelCase").user
    attempts.note_name(facts.fresh(user))
    crowd("CAMELcase", 3)
    crowd("camelcase", 2, first=10)
    assert not start("camelCase").admitted
    with CaptureQueriesContext(connection) as asked:
        attempts.note_name(facts.fresh(user))  # known already: nothing to write
    assert not [one for one in asked if one["sql"].startswith("UPDATE")]


def test_two_accounts_whose_names_differ_by_case_share_no_counter(person):
    first, second = person("sam").user, person("SAM").user
    crowd("sam")
    assert (count_of(first), count_of(second)) == (5, 0)
    assert start("SAM").admitted


def test_an_address_that_two_accounts_have_means_neither(person):
    users = [person(name, email="both@example.com").user for name in ("one", "two")]
    crowd("both@example.com")
    assert [count_of(user) for user in users] == [0, 0]
    assert not start("both@example.com").admitted


@pytest.mark.parametrize(
    "typed",
    [
        "f\0",
        "\ud800",
        "",
        " ",
        "x" * 100_000,
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 400,
    ],
)
def test_nothing_that_is_typed_is_a_fault(typed, fan):
    crowd(typed)
    assert not start(typed).admitted
    assert start("fan").admitted


def test_another_password_begins_a_new_count(fan):
    crowd()
    fan.set_password("another one")
    fan.save()
    assert start().admitted


# --- what gives a charge back ---------------------------------------------------------------------


def test_a_right_password_costs_nothing_however_often(fan):
    for _ in range(30):
        trial = start()
        assert trial.admitted
        attempts.succeed(trial)
    assert count_of(fan) == 0
    use_up_address()


def test_a_success_gives_back_its_own_charge_and_no_other(fan, person):
    person("thief")
    for turn in range(4):
        wrong()
        own = start("thief")
        attempts.succeed(own)
        assert own.admitted, turn
    assert count_of(fan) == 4
    assert wrong().admitted
    assert not start("thief").admitted  # the address is used up, as if nobody had signed in


def test_a_try_is_settled_once(fan):
    trial = wrong()
    before = cells()
    for settle in (attempts.abandon, attempts.succeed, attempts.fail, attempts.settle):
        settle(trial)
        assert cells() == before
    given_back = start()
    attempts.abandon(given_back)
    for settle in (attempts.fail, attempts.succeed, attempts.settle, attempts.abandon):
        settle(given_back)
        assert cells() == before


def test_a_refused_try_has_nothing_to_settle(fan):
    crowd()
    refused = start()
    before = cells()
    for settle in (attempts.fail, attempts.succeed, attempts.abandon, attempts.settle):
        settle(refused)
    assert cells() == before


def test_a_complete_sign_in_forgets_the_failures_of_its_account_alone(fan, person):
    other = person("other").user
    crowd("fan", 4)
    crowd("other", 4, first=10)
    assert attempts.forgive(fan)
    assert not attempts.forgive(fan)
    assert (count_of(fan), count_of(other)) == (0, 4)


def test_a_sign_in_stands_where_its_failures_cannot_be_forgotten(fan, monkeypatch, caplog):
    def broken(_key):
        raise DatabaseError

    monkeypatch.setattr(store, "forgive", broken)
    attempts.forgive_signed_in(fan)
    assert "could not be forgotten" in caplog.text
    monkeypatch.undo()
    crowd("fan", 2)
    attempts.forgive_signed_in(fan)
    assert count_of(fan) == 0


def test_facts_that_cannot_be_read_leave_no_charge(fan, on_redis, monkeypatch):
    def broken(_name):
        raise facts.FactsError

    monkeypatch.setattr(facts, "load_user_by_name", broken)
    for _ in range(20):
        with pytest.raises(facts.FactsError):
            start()
    monkeypatch.undo()
    assert all(trial.admitted for trial in use_up_address())


def test_without_a_store_beside_the_database_there_is_nothing_to_give_back(fan, monkeypatch):
    def broken(_name):
        raise facts.FactsError

    monkeypatch.setattr(facts, "load_user_by_name", broken)
    with pytest.raises(facts.FactsError):
        start()
    assert not ThrottleCell.objects.exists()


# --- a transaction that is rolled back ------------------------------------------------------------


@pytest.fixture
def in_a_view(monkeypatch):
    """Let the test's own transaction be a view's; return a function that takes all of it back."""
    monkeypatch.setattr(counting, "may_be_lost", lambda: True)

    def roll_back():
        ThrottleCell.objects.all().delete()

    return roll_back


def test_a_wrong_try_that_was_rolled_back_is_charged_again(fan, in_a_view):
    for _ in range(3):
        trial = start()
        keys = [budget.key for budget in trial.outcome.budgets]
        charged = cells(*keys)
        attempts.fail(trial)
        in_a_view()
        attempts.settle(trial)
        attempts.settle(trial)  # once
        assert cells() == charged
        assert count_of(fan) == 1
        in_a_view()


def test_a_try_that_nobody_called_wrong_gives_nothing_back_twice(fan, in_a_view):
    lost = start()
    in_a_view()
    other = wrong(address="192.0.2.8")
    before = cells()
    attempts.settle(lost)
    assert cells() == before
    assert count_of(fan) == 1
    other.outlived()
    attempts.settle(other)
    assert cells() == before


def test_what_was_committed_is_not_charged_again(fan, in_a_view):
    trial = start()
    attempts.fail(trial)
    trial.outlived()
    before = cells()
    attempts.settle(trial)
    assert cells() == before


def test_the_commit_itself_says_so(fan, in_a_view, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        trial = start()
        assert trial.at_risk
    assert not trial.at_risk


# --- known browsers -------------------------------------------------------------------------------


@pytest.mark.parametrize("proven", [True, False])
def test_failures_elsewhere_keep_no_known_device_out(proven, fan):
    cookie = cookie_of(fan, proven=proven)
    for turn in range(200):
        wrong(address=elsewhere(turn), after=turn * 60)
    after = 200 * 60
    assert not start(address="192.0.2.99", after=after).admitted
    trial = start(cookie=cookie, after=after)
    assert trial.admitted
    assert trial.known


def test_a_known_device_passes_an_address_that_is_used_up(fan):
    cookie = cookie_of(fan)
    use_up_address()
    assert not start().admitted
    assert start(cookie=cookie).known


def test_failures_on_a_known_device_are_charged_to_that_device_alone(fan):
    cookie = cookie_of(fan)
    for _ in range(5):
        assert wrong(cookie=cookie).known
    assert count_of(fan) == 0
    assert ThrottleCell.objects.count() == 1
    assert not Tally.objects.exists()
    assert tally._pending.tries == 0


def test_a_known_device_over_its_hourly_budget_counts_as_unknown(fan):
    cookie = cookie_of(fan)
    known = [wrong(cookie=cookie).known for _ in range(8)]
    assert known == [True] * 5 + [False] * 3  # ten an hour: a burst of five
    assert count_of(fan) == 3
    assert [trial.admitted for trial in crowd("fan", 3, first=50, cookie=cookie)][-1] is False
    trial = start(cookie=cookie, after=HOUR)
    assert (trial.known, trial.revoked) == (True, False)


def test_a_device_that_failed_a_hundred_times_is_revoked(fan):
    cookie = cookie_of(fan)
    for turn in range(DEVICE_CAP):
        assert wrong(cookie=cookie, after=turn * 12 * 60).known
    trial = start(cookie=cookie, after=DEVICE_CAP * 12 * 60)
    assert (trial.admitted, trial.known, trial.revoked) == (True, False, True)


def test_a_device_of_one_account_is_no_device_of_another(fan, person):
    cookie = cookie_of(person("thief").user)
    crowd()
    assert not start(cookie=cookie).admitted


def test_a_device_is_forgotten_when_the_epoch_of_its_account_moves_on(fan):
    cookie = cookie_of(fan)
    assert start(cookie=cookie).known
    Account.objects.bump_epoch(fan.pk)
    assert not start(cookie=cookie).known


def test_a_known_device_is_known_by_an_e_mail_address_too(fan):
    # What is typed may be for another backend; our own knows nobody of this name.
    cookie = cookie_of(fan)
    crowd()
    trial = start("fan@example.com", cookie=cookie)
    assert (trial.admitted, trial.known, trial.user) == (True, True, None)


@pytest.mark.parametrize("cookie", ["", "x", "a." * 100, "A" * 72, ".".join(["-_" * 36] * 5)])
def test_a_made_up_cookie_buys_nothing(cookie, fan):
    crowd()
    assert not start(cookie=cookie).admitted


# --- flagged addresses ----------------------------------------------------------------------------


@pytest.fixture
def flagged(fan, monkeypatch):
    """Flag the address where five accounts have just failed."""
    bits = iter(range(60))
    monkeypatch.setattr(database, "account_bit", lambda _key: 1 << next(bits))
    use_up_address()
    monkeypatch.undo()
    return 5 * 60 + 1  # when tries are admitted again, and the flag still stands


def test_five_accounts_failing_flag_their_address_for_an_hour(fan, flagged):
    for after, suspect in ((flagged, True), (HOUR - 1, True), (HOUR + 1, False)):
        trial = start(after=after)
        assert (trial.admitted, trial.flagged) == (True, suspect), after
        attempts.succeed(trial)
    assert not start(address="192.0.2.8", after=flagged).flagged


def test_one_account_failing_five_times_flags_nobody(fan):
    for _ in range(5):
        wrong()
    assert not start("other", after=flagged_after()).flagged


def flagged_after():
    return 5 * 60 + 1


def test_a_flagged_address_is_seen_through_redis_too(fan, on_redis, monkeypatch):
    bits = iter(range(60))
    monkeypatch.setattr(database, "account_bit", lambda _key: 1 << next(bits))
    use_up_address()
    assert start(after=flagged_after()).flagged
    assert not start(address="192.0.2.8", after=flagged_after()).flagged


@pytest.mark.parametrize("proven, suspect", [(True, False), (False, True)])
def test_a_device_known_by_a_password_only_is_flagged_with_its_address(
    proven, suspect, fan, flagged
):
    trial = start(cookie=cookie_of(fan, proven=proven), after=flagged)
    assert (trial.known, trial.flagged, trial.net_over) == (True, suspect, False)


# --- what is counted beside -----------------------------------------------------------------------


def test_tries_of_unknown_devices_are_counted_for_the_alarm(fan):
    for _ in range(3):
        wrong(address=None)
    attempts.succeed(start())
    assert (tally._pending.tries, tally._pending.failures) == (4, 3)


@pytest.mark.parametrize("settle", [attempts.fail, attempts.succeed])
def test_what_cannot_be_counted_beside_stops_nobody(settle, fan, monkeypatch, caplog):
    def broken(**_how):
        raise DatabaseError

    monkeypatch.setattr(attack, "note", broken)
    settle(start())
    assert "could not be counted for the alarm" in caplog.text


def test_a_known_device_has_its_success_counted_nowhere(fan):
    attempts.succeed(start(cookie=cookie_of(fan)))
    assert tally._pending.tries == 0


# --- what is said ---------------------------------------------------------------------------------


@pytest.fixture
def refusals():
    """Return what the signal said so far: (whose name, how long)."""
    heard = []

    def hear(*, user, retry_after, **_more):
        heard.append((user and user.get_username(), retry_after))

    signals.attempt_refused.connect(hear)
    yield heard
    signals.attempt_refused.disconnect(hear)


def test_each_refusal_is_signalled_and_the_first_of_ten_minutes_recorded(fan, refusals):
    crowd("fan", 5)
    crowd("nobody", 5)
    for name in ("fan", "nobody"):
        for _ in range(20):
            start(name)
    assert refusals == [("fan", 30)] * 20 + [(None, 30)] * 20
    recorded = SecurityEvent.objects.filter(event=Event.LOGIN_THROTTLED.value).order_by("pk")
    said = [(one.target_name, one.reason, one.address) for one in recorded]
    assert said == [("fan", "account", HERE.address), ("", "account", HERE.address)]
    attempts.clear()
    start("fan")
    assert events().count(Event.LOGIN_THROTTLED.value) == 3


def test_a_flood_of_names_is_recorded_so_many_times_a_minute(db, clock, monkeypatch):
    monkeypatch.setattr(attempts, "_ration", Ration(2))
    for number in range(5):
        crowd(f"nobody-{number}", 5)
        start(f"nobody-{number}")
    assert events().count(Event.LOGIN_THROTTLED.value) == 2


def test_a_refusal_by_address_says_so(fan):
    use_up_address()
    start()
    assert SecurityEvent.objects.get(event=Event.LOGIN_THROTTLED.value).reason == "address"


def test_a_busy_moment_is_a_refusal_by_nobody(fan, monkeypatch):
    monkeypatch.setattr(database, "take", lambda _budgets, **_how: Refused(1))
    trial = start()
    assert (trial.admitted, trial.outcome.retry_after, trial.flagged) == (False, 1, False)
    assert SecurityEvent.objects.get(event=Event.LOGIN_THROTTLED.value).reason == "address"


def test_the_owner_of_an_account_at_its_cap_is_told_once_a_day(
    fan, clock, mailoutbox, django_capture_on_commit_callbacks
):
    crowd("fan", 1)
    ThrottleCell.objects.filter(target_pk=str(fan.pk)).update(total=100)
    with django_capture_on_commit_callbacks(execute=True):
        for hours in (0, 1, 2, 12, 25):
            attempts.clear()  # another process would not know either
            start(after=hours * HOUR)
    assert [mail.to for mail in mailoutbox] == [["fan@example.com"]] * 2


def test_a_refusal_below_the_cap_is_mailed_to_nobody(
    fan, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        crowd()
        start()
    assert not mailoutbox


def test_a_store_that_is_down_is_an_event_and_a_smaller_limit(fan, monkeypatch):
    def down(*_args, **_how):
        raise IntegrityError  # any of the database's own

    monkeypatch.setattr(database, "take", down)
    assert wrong().admitted  # each process has a share of every limit
    assert not wrong().admitted
    assert events().count(Event.THROTTLE_STORE_DOWN.value) == 1


def test_the_digest_of_a_name_is_kept_with_the_account(fan):
    attempts.note_name(facts.fresh(fan))
    assert Account.objects.get(user=fan).name_key == subjects.name("fan")
    get_user_model().objects.filter(pk=fan.pk).update(username="FAN-2")
    attempts.note_name(facts.fresh(reread(fan)))
    assert Account.objects.get(user=fan).name_key == subjects.name("fan-2")


# --- beside another backend -----------------------------------------------------------------------


def test_where_another_backend_may_mean_somebody_else_the_name_is_charged(fan, person, settings):
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "tests.host.backends.Directory",
    ]
    thief = person("thief", email="other@example.com").user
    thief.username = "fan@example.com"  # the address of somebody else
    thief.save()
    crowd("fan@example.com")
    assert (count_of(fan), count_of(thief)) == (0, 0)
    cookie = cookie_of(reread(thief))
    assert not start("fan@example.com", cookie=cookie).admitted
    settings.AUTHENTICATION_BACKENDS = settings.AUTHENTICATION_BACKENDS[:1]
    assert start("fan@example.com").admitted
