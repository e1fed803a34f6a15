"""Updates that are written once: the same SQL as the ORM's, for every key and moment."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from hardening.core.throttle import DAY_US, SECOND_US
from hardening.models import ThrottleCell
from hardening.models.kept import keep

pytestmark = pytest.mark.django_db
moments = st.integers(min_value=DAY_US, max_value=2**62)
KEY = "0" * 32


def write(key: str, now_us: int) -> tuple:
    later = Greatest(F("tat_1_us"), Value(now_us)) + 7
    values = {"tat_1_us": later, "next_us": now_us - 5, "run": 3, "tried_at": now_us // SECOND_US}
    return ThrottleCell.objects.filter(key=key, tat_2_us__lte=now_us + 11), values


kept = keep("default", write)


@given(now_us=moments)
def test_what_is_kept_says_what_the_orm_would_say(now_us) -> None:
    rows, values = write(KEY, now_us)
    with CaptureQueriesContext(connection) as caught:
        assert (kept.run(KEY, now_us), rows.update(**values)) == (0, 0)
    ours, the_orms = (query["sql"] for query in caught.captured_queries)
    assert ours == the_orms


def test_the_row_count_is_the_answer() -> None:
    ThrottleCell.objects.create(key=KEY)
    assert kept.run(KEY, DAY_US) == 1
    assert ThrottleCell.objects.get().tat_1_us == DAY_US + 7
    assert kept.run("1" * 32, DAY_US) == 0


def test_a_value_that_moves_otherwise_than_the_time_is_not_kept() -> None:
    def half(key: str, now_us: int) -> tuple:
        return ThrottleCell.objects.filter(key=key), {"next_us": now_us // 2}

    with pytest.raises(ValueError, match="moves otherwise"):
        keep("default", half)


def test_an_update_that_reads_otherwise_at_times_is_not_kept() -> None:
    def odd(key: str, now_us: int) -> tuple:
        names = ["run", "total"][: 1 + now_us // SECOND_US % 4 // 3]
        return ThrottleCell.objects.filter(key=key), dict.fromkeys(names, 0)

    with pytest.raises(ValueError, match="reads otherwise"):
        keep("default", odd)
