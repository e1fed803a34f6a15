"""Guesses stay counted whatever becomes of the host's transaction (`ATOMIC_REQUESTS`)."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from hardening import audit
from hardening.audit import Event
from hardening.core.backoff import Backoff
from hardening.models import SecurityEvent, ThrottleCell
from hardening.models import counting as counting_module
from hardening.models.counting import SUFFIX, counting, may_be_lost
from hardening.throttle import database
from hardening.throttle.budgets import Budget
from tests.races.crowd import NOW_US
from tests.races.runner import race_all
from tests.visitor import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = f"default{SUFFIX}"
NAME = Budget("name", backoff=Backoff())


class HostError(Exception):
    """The host's view fails."""


def try_and_fail(request):
    """Try a password, write a row of the host's, and raise."""
    get_user_model().objects.create(username=uuid4().hex)
    authenticate(request, username="fan", password=request.POST["password"])
    raise HostError


def try_and_answer(request):
    """Try a password, say on which connections, and answer."""
    authenticate(request, username="fan", password=request.POST["password"])
    return HttpResponse(" ".join(opened()))


urlpatterns = [path("fail/", try_and_fail), path("answer/", try_and_answer)]


def opened():
    """Return the names of this thread's connections that count."""
    return sorted(counting_module._opened.__dict__.get("names", ()))


def take():
    return database.take([NAME], now_us=NOW_US)


def total():
    return sum(ThrottleCell.objects.values_list("total", flat=True))


@pytest.fixture
def fan(clock, person, settings, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    settings.ROOT_URLCONF = __name__
    return person("fan")


def test_a_wrong_password_stays_counted_though_the_view_is_rolled_back(fan):
    client = Client(raise_request_exception=False)
    for times in (1, 2, 3):
        assert client.post("/fail/", {"password": "wrong"}).status_code == 500
        assert total() == times
    assert get_user_model().objects.count() == 1


def test_guessing_behind_a_failing_view_is_limited_like_any_other(fan):
    client = Client(raise_request_exception=False)
    codes = [client.post("/fail/", {"password": "wrong"}).status_code for _ in range(7)]
    assert total() == 5
    assert set(codes[:5]) == {500}
    assert 200 not in codes


def test_a_right_password_costs_nothing_though_the_view_is_rolled_back(fan):
    assert Client(raise_request_exception=False).post("/fail/", {"password": PASSWORD})
    assert total() == 0


def test_the_second_connection_is_closed_when_the_request_is_over(fan):
    assert opened() == []
    response = Client().post("/answer/", {"password": "wrong"})
    assert response.content.decode() == SECOND
    assert opened() == []
    assert not hasattr(connections._connections, SECOND)


def test_sixty_four_guesses_at_once_behind_a_view_of_the_hosts_are_five(fan):
    answers = race_all(
        lambda _racer: (
            Client(raise_request_exception=False).post("/fail/", {"password": "wrong"}).status_code
        ),
        range(64),
    )
    assert len(answers) == 64
    assert total() == 5


def test_inside_a_transaction_a_count_is_committed_at_once():
    with transaction.atomic():
        assert counting().alias == SECOND
        assert not may_be_lost()
        assert take().admitted
        assert total() == 1  # another connection has committed it
        transaction.set_rollback(True)
    assert total() == 1
    counting_module.close()


@pytest.mark.parametrize(
    "event, stays", [(Event.STEP_UP_REFUSED, True), (Event.STEP_UP_DONE, False)]
)
def test_a_refusal_stays_on_record_where_its_request_is_rolled_back(event, stays):
    with transaction.atomic():
        audit.record(event, now=NOW_US // 1_000_000)
        transaction.set_rollback(True)
    assert SecurityEvent.objects.exists() is stays
    counting_module.close()


def test_a_count_waits_for_nobody_who_holds_a_row_of_the_hosts(fan):
    with transaction.atomic():
        get_user_model().objects.update(first_name="Fan")
        assert take().admitted
    assert total() == 1
    counting_module.close()


def test_several_budgets_are_all_or_nothing_on_the_second_connection_too():
    other = Budget("other", backoff=Backoff(free=1))
    with transaction.atomic():
        assert database.take([NAME, other], now_us=NOW_US).admitted
        assert not database.take([NAME, other], now_us=NOW_US).admitted
        transaction.set_rollback(True)
    assert dict(ThrottleCell.objects.values_list("key", "total")) == {"name": 1, "other": 1}
    counting_module.close()


def test_one_that_broke_is_opened_anew():
    with transaction.atomic():
        take()
        second = connections[SECOND]
        with second.cursor() as cursor:
            mine = {"postgresql": "pg_backend_pid()", "mysql": "connection_id()"}[second.vendor]
            cursor.execute(f"SELECT {mine}")
            (process,) = cursor.fetchone()
        with connection.cursor() as cursor:
            kill = {"postgresql": "SELECT pg_terminate_backend(%s)", "mysql": "KILL %s"}
            cursor.execute(kill[second.vendor], [process])
        with pytest.raises(second.Database.Error):
            second.connection.cursor().execute("SELECT 1")
        with pytest.raises(Exception, match=r"(?i)connection|gone|lost"):
            take()
        assert take().admitted
    assert total() == 2
    counting_module.close()


def test_code_that_has_switched_autocommit_off_takes_no_count_along():
    transaction.set_autocommit(False)
    try:
        assert counting().alias == SECOND
        assert take().admitted
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert total() == 1
    counting_module.close()


def test_outside_of_transactions_there_is_one_connection():
    assert counting().alias == "default"
    assert opened() == []
    counting_module.close()
