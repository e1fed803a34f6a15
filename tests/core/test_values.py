"""The words of the decision: slugs, orders, and that the tables show all of them."""

from __future__ import annotations

import pytest

from hardening.core.values import PasswordMode, ProofKind, Reason, Strength, Verdict
from tests.core import (
    test_decision,
    test_decision_freshness,
    test_decision_mandate,
    test_decision_risk,
)
from tests.core.cases import TABLE

TABLES = (test_decision, test_decision_freshness, test_decision_mandate, test_decision_risk)
STRENGTHS = [Strength.ANY, Strength.PHISHING_RESISTANT, Strength.DEVICE_BOUND]


def test_the_tables_show_every_verdict_and_every_reason() -> None:
    assert all(module.__name__ for module in TABLES)
    assert {case.verdict for case in TABLE} == set(Verdict)
    assert {case.reason for case in TABLE} == set(Reason)


@pytest.mark.parametrize(
    "strength,slug",
    [
        (Strength.ANY, "any"),
        (Strength.PHISHING_RESISTANT, "phishing-resistant"),
        (Strength.DEVICE_BOUND, "device-bound"),
    ],
)
def test_a_strength_is_known_by_its_slug(strength, slug) -> None:
    assert strength.slug == slug
    assert Strength.from_slug(slug) is strength


@pytest.mark.parametrize("slug", ["none", "", "ANY", "phishing_resistant", "strong"])
def test_no_policy_may_ask_for_a_strength_that_is_none(slug) -> None:
    with pytest.raises(ValueError, match="unknown strength"):
        Strength.from_slug(slug)


def test_strengths_are_ordered_and_password_modes_too() -> None:
    assert sorted(Strength) == [Strength.NONE, *STRENGTHS]
    assert sorted(PasswordMode) == [
        PasswordMode.OFF,
        PasswordMode.REPORT,
        PasswordMode.WARN,
        PasswordMode.ENFORCE,
    ]


def test_the_words_that_are_stored_are_short_plain_and_unlike_each_other() -> None:
    for words in (Verdict, Reason, ProofKind):
        values = [word.value for word in words]
        assert len(set(values)) == len(values)
        # 48: the columns of events and of parked records.
        assert all(value.isascii() and value.islower() and len(value) <= 48 for value in values)
