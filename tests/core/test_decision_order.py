"""The decision: which row wins, what the kill switch lifts, what is said to who passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardening.core.values import (
    Need,
    NeedKind,
    Note,
    NoteKind,
    PasswordMode,
    Reason,
    Strength,
)
from tests.core.cases import (
    BROKEN,
    DAY,
    FRESH,
    NOW,
    PASSKEY,
    RESISTANT,
    SIGNED_IN,
    TOTP,
    asked,
    asks,
    demand,
    nothing_asked,
    opened,
    password,
    recovery,
    session,
    shown,
    signing_in,
    staff,
    who,
)

BOTH = asks(demand(), demand(Strength.PHISHING_RESISTANT, due=NOW + DAY))
UNKNOWN_PLACE = {"known_browser": False, "attack_mode": True}
# Each account and session meets its own row and every later one.
ORDER = [
    (
        who(BROKEN, frozen=True),
        signing_in(password(), account_epoch=0, **UNKNOWN_PLACE),
        Reason.FROZEN,
    ),
    (staff(TOTP, must_change=True), signing_in(password(), account_epoch=0), Reason.REVOKED),
    (
        staff(TOTP, must_change=True),
        signing_in(password(), **UNKNOWN_PLACE),
        Reason.FACTOR_NOT_PROVEN,
    ),
    (staff(must_change=True), signing_in(password(), **UNKNOWN_PLACE), Reason.ATTACK_MODE),
    (
        who(TOTP, requirement=RESISTANT, must_change=True),
        signing_in(recovery(), **UNKNOWN_PLACE),
        Reason.FACTOR_LOST,
    ),
    (staff(must_change=True), session(password()), Reason.POLICY_REQUIRES_FACTOR),
    (who(TOTP, must_change=True), session(shown(TOTP, ago=DAY)), Reason.PASSWORD_CHANGE_REQUIRED),
    (who(TOTP), session(shown(TOTP, ago=DAY)), Reason.PROOF_TOO_OLD),
]


@pytest.mark.parametrize("account,state,reason", ORDER, ids=[f"row {n}" for n in range(1, 9)])
def test_the_earlier_row_wins(account, state, reason) -> None:
    assert asked(FRESH, account, state).reason is reason


@pytest.mark.parametrize("first,second", [("ended", "idle"), ("idle", "old")])
def test_within_row_2_what_somebody_did_is_named_before_what_time_did(first, second) -> None:
    limits = nothing_asked(idle_seconds=1, absolute_seconds=1)
    account = who(requirement=limits, ended_sessions=frozenset({"it"} if first == "ended" else ()))
    state = session(id="it", last_seen=NOW - 9, started=NOW - 9)
    named = {"ended": Reason.SESSION_ENDED, "idle": Reason.IDLE}
    assert asked(SIGNED_IN, account, state).reason is named[first]


@pytest.mark.parametrize("account,state,reason", ORDER, ids=[f"row {n}" for n in range(1, 9)])
def test_the_kill_switch_lifts_rows_3_to_8_and_no_other(account, state, reason) -> None:
    decision = asked(FRESH, account, state, enforce=False)
    kept = reason in (Reason.FROZEN, Reason.REVOKED)
    assert decision.reason is (reason if kept else Reason.ALLOWED)


def test_a_need_asks_for_no_more_than_signing_in_unless_it_says_so() -> None:
    assert Need().kind is NeedKind.SIGNED_IN
    assert asked(Need(), who(TOTP), session(shown(TOTP, ago=300 * DAY))).allowed
    assert not asked(Need(NeedKind.FRESH), who(TOTP), session(shown(TOTP, ago=1))).allowed


def notes(account, state=None, **more) -> tuple[Note, ...]:
    decision = asked(SIGNED_IN, account, state or session(password()), **more)
    assert decision.allowed
    return decision.notes


def test_row_9_names_the_earliest_deadline_that_is_not_met() -> None:
    later, sooner = demand(due=NOW + 9, role="late"), demand(due=NOW + 5, role="soon")
    account = who(requirement=asks(later, sooner))
    assert notes(account) == (Note(NoteKind.DEADLINE, NOW + 5, role="soon"),)


def test_row_9_names_no_deadline_that_is_met_already() -> None:
    account = who(TOTP, requirement=BOTH)
    strong = Note(NoteKind.DEADLINE, NOW + DAY, role="staff")
    assert notes(account, session(shown(TOTP))) == (strong,)
    assert notes(who(PASSKEY, requirement=BOTH), session(shown(PASSKEY))) == ()


@pytest.mark.parametrize(
    "left,said", [(0, True), (1, True), (2, True), (3, False), (10, False)], ids=str
)
def test_row_9_says_that_fewer_than_three_recovery_codes_are_left(left: int, said: bool) -> None:
    low = (Note(NoteKind.RECOVERY_CODES_LOW, left),) if said else ()
    assert notes(who(TOTP, recovery_codes_left=left), session(shown(TOTP))) == low


def test_row_9_counts_no_codes_where_there_is_no_factor() -> None:
    assert notes(who(recovery_codes_left=0)) == ()


@pytest.mark.parametrize(
    "mode,said",
    [(PasswordMode.OFF, False), (PasswordMode.REPORT, False), (PasswordMode.WARN, True)],
)
def test_row_9_warns_of_a_breached_password_where_a_policy_says_so(
    mode: PasswordMode, said: bool
) -> None:
    account = who(requirement=nothing_asked(password_mode=mode), password_breached=True)
    assert notes(account) == ((Note(NoteKind.PASSWORD_BREACHED, 1),) if said else ())


def test_row_9_says_that_break_glass_is_open() -> None:
    inside = session(password(), opened())
    said = (Note(NoteKind.BREAK_GLASS, NOW + 1),)
    assert notes(staff(break_glass=NOW + 1), inside) == said
    # Its owner, signed in elsewhere with a factor, can close it.
    assert notes(staff(TOTP, break_glass=NOW + 1), session(shown(TOTP))) == said


def test_row_9_says_what_a_policy_on_trial_would_have_stopped() -> None:
    unmet, later = demand(role="everyone"), demand(due=NOW + 1, role="later")
    account = who(requirement=nothing_asked(reported=(unmet, later)))
    would_be = Note(NoteKind.WOULD_BE_STOPPED, unmet.due, role="everyone")
    assert notes(account) == (would_be,)
    assert notes(replace(account, factors=(TOTP,)), session(shown(TOTP))) == ()


def test_a_refusal_carries_no_notes_and_names_the_roles_that_ask() -> None:
    by = asks(
        demand(role="staff"), demand(role="editor"), demand(role="staff"), demand(due=NOW + 1)
    )
    decision = asked(SIGNED_IN, who(TOTP, requirement=by, recovery_codes_left=0), session())
    assert decision.notes == ()
    assert decision.roles == ("staff", "editor")


def test_a_reset_is_nobodys_role() -> None:
    account = replace(staff(), must_enrol=True)
    assert asked(SIGNED_IN, account, session()).roles == ("staff",)
    assert asked(SIGNED_IN, who(must_enrol=True), session()).roles == ()
