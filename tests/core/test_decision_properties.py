"""The decision's promises, for any account, session and need that can be put together."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from hardening.core.values import (
    BeyondPassword,
    Choice,
    Decision,
    Demand,
    Factor,
    Need,
    NeedKind,
    Note,
    PasswordMode,
    Proof,
    ProofKind,
    Reason,
    Requirement,
    Session,
    Strength,
    Verdict,
    Who,
)
from tests.core.cases import NOW, SIGNED_IN, TOTP, asked, recovery, session, staff

OVER = {Verdict.DENY, Verdict.LOGIN}
STRENGTHS = [Strength.ANY, Strength.PHISHING_RESISTANT, Strength.DEVICE_BOUND]
AGES = [-1, 0, 300, 301, 900, 901, 10**6]
# Everything is drawn from pools made beforehand: cheap, so that there can be many of them.
FACTORS = [
    Factor(1, "totp", Strength.ANY),
    Factor(2, "totp", Strength.ANY, usable=False),
    Factor(3, "passkey", Strength.PHISHING_RESISTANT),
    Factor(4, "passkey", Strength.PHISHING_RESISTANT, usable=False),
    Factor(5, "passkey", Strength.DEVICE_BOUND),
]
DEMANDS = [Demand(*of, "staff") for of in product(STRENGTHS, [0, NOW, NOW + 1])]
MOMENTS = [None, *(NOW - ago for ago in AGES)]
SHOWN = [(kind, None) for kind in ProofKind if kind is not ProofKind.FACTOR]
SHOWN += [(ProofKind.FACTOR, factor.id) for factor in FACTORS]
PROOFS = [
    Proof(kind, at, epoch, factor_id)
    for (kind, factor_id), at, epoch in product(SHOWN, MOMENTS, [0, 0, 1])
]

proofs = st.sampled_from(PROOFS)
demands = st.lists(st.sampled_from(DEMANDS), max_size=2).map(tuple)
requirements = st.builds(
    Requirement,
    demands=demands,
    reported=demands,
    password_mode=st.sampled_from(PasswordMode),
    remembered_days=st.sampled_from([0, 30]),
    first_by_ticket=st.booleans(),
)
living_accounts = st.builds(
    Who,
    factors=st.lists(st.sampled_from(FACTORS), max_size=3, unique=True).map(tuple),
    recovery_codes_left=st.sampled_from([0, 2, 3]),
    requirement=requirements,
    has_password=st.booleans(),
    password_breached=st.booleans(),
    must_change=st.booleans(),
    must_enrol=st.booleans(),
    mailbox_usable=st.booleans(),
    break_glass=st.sampled_from([0, 0, NOW, NOW + 1]),
)
living_sessions = st.builds(
    Session,
    proofs=st.lists(proofs, max_size=3).map(tuple),
    signing_in=st.booleans(),
    known_browser=st.booleans(),
    attack_mode=st.booleans(),
    flagged_address=st.booleans(),
    remembered=st.booleans(),
)


@st.composite
def any_account(draw) -> Who:
    """Living, frozen, inactive, revoked, with limits."""
    account = draw(living_accounts)
    limits = {"idle_seconds": 60, "absolute_seconds": 600}
    return replace(
        account,
        active=draw(st.booleans()),
        frozen=draw(st.booleans()),
        site_epoch=draw(st.sampled_from([0, 1])),
        ended_sessions=draw(st.sampled_from([frozenset(), frozenset({"one"})])),
        requirement=replace(account.requirement, **draw(st.sampled_from([{}, limits]))),
    )


@st.composite
def any_session(draw) -> Session:
    """One that may be over."""
    return replace(
        draw(living_sessions),
        account_epoch=draw(st.sampled_from([0, 1])),
        id=draw(st.sampled_from(["", "one"])),
        started=draw(st.sampled_from(MOMENTS)),
        last_seen=draw(st.sampled_from(MOMENTS)),
    )


accounts = living_accounts | any_account()
sessions = living_sessions | any_session()
needs = st.builds(
    Need,
    kind=st.sampled_from(NeedKind),
    max_age=st.sampled_from([0, 300, 900]),
    strength=st.sampled_from(STRENGTHS),
)


def due(account: Who) -> list[Strength]:
    """The strengths that somebody owes now, by the words of the design and not by the code."""
    owed = [one.strength for one in account.requirement.demands if one.due <= NOW]
    return [*owed, Strength.ANY] if account.must_enrol else owed


def proven(account: Who, state: Session) -> list[Factor]:
    ids = {one.factor_id for one in state.proofs if one.kind is ProofKind.FACTOR}
    return [factor for factor in account.factors if factor.id in ids]


def stands_in(account: Who, state: Session) -> bool:
    """What the design lets stand in for a factor: a remembered browser, an open break-glass."""
    typed = any(
        one.kind is ProofKind.BREAK_GLASS and one.at is not None and 0 <= NOW - one.at <= 3600
        for one in state.proofs
    )
    return (typed and account.break_glass > NOW) or (
        state.remembered and account.requirement.remembered_days > 0
    )


@settings(max_examples=300)
@given(need=needs, account=accounts, state=sessions, enforce=st.booleans())
def test_there_is_always_a_verdict_with_its_reason(need, account, state, enforce) -> None:
    decision = asked(need, account, state, enforce=enforce)
    event(decision.verdict.value)
    assert isinstance(decision, Decision)
    assert isinstance(decision.verdict, Verdict)
    assert isinstance(decision.reason, Reason)
    assert (decision.verdict is Verdict.ALLOW) == (decision.reason is Reason.ALLOWED)
    assert decision.allowed == (decision.verdict is Verdict.ALLOW)
    assert all(isinstance(note, Note) for note in decision.notes)
    assert decision.allowed or not decision.notes


@settings(max_examples=300)
@given(need=needs, account=accounts, state=sessions)
def test_whoever_is_kept_waiting_is_shown_a_way_on(need, account, state) -> None:
    decision = asked(need, account, state)
    nothing_to_choose = OVER | {Verdict.ALLOW, Verdict.CHANGE_PASSWORD}
    assert bool(decision.choices) == (decision.verdict not in nothing_to_choose)
    usable = {Choice(factor.kind, factor.id) for factor in account.factors if factor.usable}
    assert {choice for choice in decision.choices if choice.factor_id is not None} <= usable


@settings(max_examples=300)
@given(need=needs, account=accounts, state=sessions, enforce=st.booleans())
def test_the_same_question_gets_the_same_answer(need, account, state, enforce) -> None:
    before = (repr(need), repr(account), repr(state))
    once = asked(need, account, state, enforce=enforce)
    assert asked(need, account, state, enforce=enforce) == once
    assert (repr(need), repr(account), repr(state)) == before


@settings(max_examples=300)
@given(need=needs, account=living_accounts, state=living_sessions)
def test_nobody_mandated_passes_without_a_sufficient_factor(need, account, state) -> None:
    assume(need.kind is not NeedKind.ENROL)  # that door lets one enrol, which is no passing
    decision = asked(need, account, state)
    if decision.allowed and due(account) and not stands_in(account, state):
        assert max(factor.strength for factor in proven(account, state)) >= max(due(account))


@settings(max_examples=300)
@given(account=living_accounts, state=living_sessions)
def test_a_remembered_browser_or_break_glass_is_never_a_fresh_proof(account, state) -> None:
    reaching = {factor.id for factor in account.factors}
    fresh = any(
        one.epoch == account.account_epoch and one.at is not None and 0 <= NOW - one.at <= 300
        for one in state.proofs
        if one.factor_id in reaching
    )
    assert fresh or not asked(Need(NeedKind.FRESH, max_age=300), account, state).allowed


@settings(max_examples=300)
@given(need=needs, account=living_accounts, state=living_sessions)
@example(SIGNED_IN, staff(TOTP), session(recovery()))
def test_a_recovery_code_of_somebody_mandated_leads_to_a_new_factor_and_no_further(
    need, account, state
) -> None:
    state = replace(state, proofs=(*state.proofs, recovery(epoch=account.account_epoch)))
    enrolling = need.kind is NeedKind.ENROL  # that door has a stricter rule of its own
    unproven = not stands_in(account, state) and not proven(account, state)
    if due(account) and unproven and not enrolling:
        verdict = asked(need, account, state).verdict
        assert verdict in OVER | {Verdict.ENROL, Verdict.CHALLENGE}


@settings(max_examples=300)
@given(need=needs, account=living_accounts, state=living_sessions)
def test_a_factor_that_is_there_is_never_passed_by(need, account, state) -> None:
    """Above all one that cannot be used: a hundred wrong codes remove no second factor."""
    broken = tuple(replace(factor, usable=False) for factor in account.factors)
    account = replace(account, factors=broken)
    unproven = not proven(account, state) and not state.has(ProofKind.RECOVERY_CODE)
    if broken and unproven and not stands_in(account, state):
        decision = asked(need, account, state)
        assert decision.verdict is Verdict.CHALLENGE
        assert {choice.kind for choice in decision.choices} <= {"recovery_code", "operator"}


@settings(max_examples=300)
@given(need=needs, account=living_accounts, state=living_sessions)
def test_disabling_a_factor_opens_nothing(need, account, state) -> None:
    broken = replace(
        account, factors=tuple(replace(factor, usable=False) for factor in account.factors)
    )
    whole, hurt = asked(need, account, state), asked(need, broken, state)
    assert hurt.verdict is whole.verdict


@settings(max_examples=300)
@given(need=needs, account=living_accounts, state=living_sessions, one=proofs)
def test_one_more_proof_never_takes_back_what_was_allowed(need, account, state, one) -> None:
    after = asked(need, account, replace(state, proofs=(*state.proofs, one)))
    if asked(need, account, state).allowed and not after.allowed:
        # Row 5, as designed: somebody mandated on a remembered browser says that the phone is lost.
        assert one.kind is ProofKind.RECOVERY_CODE
        assert due(account)
        assert state.remembered
        assert after.verdict in {Verdict.ENROL, Verdict.CHALLENGE}


@settings(max_examples=300)
@given(need=needs, account=living_accounts, state=living_sessions)
def test_enrolling_needs_more_than_a_password(need, account, state) -> None:
    decision = asked(need, account, state)
    asks_to_enrol = need.kind is NeedKind.ENROL and decision.allowed
    if decision.verdict is not Verdict.ENROL and not asks_to_enrol:
        return
    fresh = [
        one
        for one in state.proofs
        if one.epoch == account.account_epoch and one.at is not None and 0 <= NOW - one.at <= 900
    ]
    kinds = {one.kind for one in fresh}
    if account.factors:
        by_factor = {one.factor_id for one in fresh} & {factor.id for factor in account.factors}
        assert by_factor or ProofKind.RECOVERY_CODE in kinds
    elif ProofKind.RECOVERY_CODE not in kinds:
        ticket_only = account.requirement.first_by_ticket
        assert kinds & ({ProofKind.TICKET} if ticket_only else set(BeyondPassword))


@settings(max_examples=300)
@given(need=needs, account=accounts, state=sessions)
def test_the_kill_switch_never_lifts_freezing_and_revocation(need, account, state) -> None:
    on, off = asked(need, account, state), asked(need, account, state, enforce=False)
    assert off == on if on.verdict in OVER else off.verdict is Verdict.ALLOW


@settings(max_examples=300)
@given(account=accounts, state=sessions)
def test_whoever_owes_nothing_and_has_nothing_is_left_in_peace(account, state) -> None:
    account = replace(
        account,
        active=True,
        frozen=False,
        factors=(),
        requirement=Requirement(reported=account.requirement.reported),
        must_change=False,
        must_enrol=False,
        account_epoch=state.account_epoch,
        site_epoch=state.site_epoch,
        ended_sessions=frozenset(),
    )
    assert asked(SIGNED_IN, account, replace(state, known_browser=True)).allowed
