"""Unix seconds into naive local times and back: exact, but for the hour that autumn repeats."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from hardening import policies
from hardening.factors import ticket
from hardening.models import EnrolmentTicket, RolePolicy
from hardening.models.ticket import TICKET_SECONDS
from hardening.moments import moment, unix
from tests.visitor import DAY

SPRING = 1_805_007_600  # 2027-03-14 02:00 in New York, which becomes 03:00
AUTUMN = 1_825_567_200  # 2027-11-07 02:00 in New York, which becomes 01:00
HOUR = 60 * 60
ANY_TIME = st.integers(0, 4_000_000_000)


def repeated(now):
    """Return whether the local time of `now` was on the clocks an hour ago as well."""
    return moment(now) == moment(now - HOUR)


@given(ANY_TIME)
@example(SPRING - 1)
@example(SPRING)
@example(AUTUMN - HOUR)
@example(AUTUMN)
def test_a_moment_is_local_naive_and_leads_back(now):
    at = moment(now)
    assert timezone.is_naive(at)
    assert unix(at) == now
    stored = at.replace(fold=0)  # which of two equal hours it was, no database keeps
    assert unix(stored) == (now - HOUR if repeated(now) else now)


def test_an_aware_time_that_a_host_hands_over_is_read_as_it_is():
    zone = timezone.get_default_timezone()
    assert unix(datetime(2027, 3, 14, 3, 0, tzinfo=zone)) == SPRING


@pytest.mark.django_db
@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_summer_time_neither_extends_nor_shortens_grace(change):
    start = change - 3 * DAY
    row = RolePolicy.objects.create(role="staff", starts_at=moment(start), grace_days=7)
    row.refresh_from_db()
    assert policies.from_row(row).due == start + 7 * DAY


@pytest.mark.django_db
@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_a_ticket_lasts_its_24_hours_whatever_the_clocks_do(change, django_user_model):
    user = django_user_model.objects.create_user("newcomer")
    now = change - DAY // 2
    ticket.issue(user.pk, b"x" * ticket.TICKET_BYTES, now=now)
    assert unix(EnrolmentTicket.objects.get().expires_at) == now + TICKET_SECONDS
