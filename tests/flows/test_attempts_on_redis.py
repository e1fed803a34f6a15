"""Password tries where rates lie in Redis: what it refuses costs no query; its outage no error."""

from __future__ import annotations

import pytest

from hardening.audit import Event
from hardening.core.throttle import SECOND_US
from hardening.flows import attempts
from hardening.models import SecurityEvent, ThrottleCell
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

NOW_US = NOW * SECOND_US


@pytest.fixture(autouse=True)
def _on_redis(on_redis):
    """Every test here has a Redis."""


def start(name, *, at_us=NOW_US, address="192.0.2.7"):
    return attempts.start(name, address=address, cookie=None, now_us=at_us)


def use_up():
    """Use the address up at once."""
    for number in range(5):
        attempts.fail(start(f"junk-{number}"))


def test_a_try_that_the_address_refuses_asks_the_database_nothing(
    person, django_assert_num_queries
):
    fan = person("fan")
    use_up()
    refused = start("fan")  # the first of a flood is recorded
    assert not refused.admitted
    for name in (fan.user.get_username(), "nobody"):
        with django_assert_num_queries(0):
            assert start(name).outcome.retry_after == refused.outcome.retry_after == 60


def test_what_the_account_refuses_leaves_the_address_as_it_was(person):
    person("fan")
    for number in range(5):
        attempts.fail(start("fan", address=f"192.0.2.{number + 100}"))
    for _ in range(20):
        assert not start("fan").admitted
    use_up()  # five at once, as ever
    assert not start("junk").admitted


def test_a_right_password_costs_neither_part_anything(person):
    person("fan")
    for _ in range(20):
        trial = start("fan")
        assert trial.admitted
        attempts.succeed(trial)
    assert not ThrottleCell.objects.exclude(total=0)
    use_up()


def test_an_outage_in_mid_attack_is_one_event_and_no_error(on_redis, person):
    person("fan")
    use_up()
    on_redis.halt()
    admitted = sum(start(f"junk-{number}", at_us=NOW_US + number).admitted for number in range(40))
    assert admitted == 1
    down = SecurityEvent.objects.filter(event=Event.THROTTLE_STORE_DOWN.value)
    assert [event.reason for event in down] == ["redis"]
    on_redis.start()
    back_us = NOW_US + 60 * SECOND_US
    assert start("fan", at_us=back_us).admitted
