"""Crowds on a SQLite file, where one writes at a time: no more are admitted than there is room."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from django.db import connection, transaction

from hardening.models import ThrottleCell
from hardening.throttle import store
from tests.races import crowd, guessing
from tests.races.runner import ROUNDS, dismiss

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_left() -> Iterator[None]:
    yield
    dismiss()


def test_the_file_is_one_as_django_opens_it():
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (5000,)


# Of one budget each try waits for the lock, of two only those that are admitted.
@pytest.mark.parametrize(
    "kind, rounds", [("address", ROUNDS // 4), ("account", ROUNDS // 4), ("both", ROUNDS)]
)
def test_of_sixty_four_at_once_exactly_five_are_admitted(kind, rounds):
    crowd.exactly_five(kind, rounds=rounds, queue_may_be_too_long=True)


@pytest.mark.parametrize("kind", crowd.KINDS)
def test_what_is_given_back_is_there_once_more_and_no_more_than_that(kind):
    crowd.never_more_than_five(kind, rounds=ROUNDS // 10, threads=8)


@pytest.fixture
def somebody_writes():
    """Hold the file's one lock, on a connection of another thread's."""
    began, done = Event(), Event()

    def write():
        with transaction.atomic():
            ThrottleCell.objects.create(key="theirs")
            began.set()
            done.wait(60)
        connection.close()

    thread = Thread(target=write)
    thread.start()
    assert began.wait(60)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    yield
    done.set()
    thread.join(60)
    connection.close()  # the next one waits as long as Django says


@pytest.mark.parametrize("kind", crowd.KINDS)
@pytest.mark.usefixtures("somebody_writes")
def test_where_the_lock_cannot_be_had_a_try_is_refused_and_nothing_is_down(kind, caplog):
    asked = crowd.budgets(kind, 0)
    for _ in range(6):
        refused = store.current().take(asked, now_us=crowd.NOW_US)
        assert (refused.admitted, refused.retry_after) == (False, 1)
    assert not ThrottleCell.objects.filter(key__in=[one.key for one in asked]).exists()
    assert store.take_outage_notice() is None
    assert not caplog.records


@pytest.mark.parametrize("kind", guessing.KINDS)
def test_of_sixty_four_who_guess_at_once_no_more_than_five_are_hashed(
    kind, clock, person, monkeypatch
):
    person("fan")
    guessing.five_hashes(kind, monkeypatch, rounds=3, crowded=True)
