"""The decision as a table, rows 1 to 3: refused, ended, asked for a factor that exists."""

from __future__ import annotations

from dataclasses import replace

from hardening.core.values import (
    Reason,
    Strength,
    Verdict,
)
from tests.core.cases import (
    ALLOW,
    BOUND,
    BROKEN,
    CHALLENGE,
    DAY,
    EPOCH,
    NOW,
    OPERATOR,
    PASSKEY,
    RECOVERY,
    RESISTANT,
    STUCK,
    TABLET,
    TOTP,
    Case,
    asks,
    demand,
    mailbox,
    nothing_asked,
    opened,
    password,
    recovery,
    session,
    shown,
    staff,
    table,
    ticket,
    unknown,
    way,
    who,
)

DEVICE = asks(demand(Strength.DEVICE_BOUND))
BOTH = asks(demand(), demand(Strength.PHISHING_RESISTANT, due=NOW + DAY))
REMEMBERED = nothing_asked(remembered_days=30)


@table(
    frozen=Case(who(frozen=True), session(password()), Verdict.DENY, Reason.FROZEN, ()),
    inactive=Case(who(active=False), session(password()), Verdict.DENY, Reason.INACTIVE, ()),
    frozen_and_inactive=Case(
        who(frozen=True, active=False), session(password()), Verdict.DENY, Reason.FROZEN
    ),
    break_glass_thaws_nobody=Case(
        who(frozen=True, break_glass=NOW + 1), session(), Verdict.DENY, Reason.FROZEN
    ),
)
def test_row_1_refuses_an_account_that_is_frozen_or_inactive(case: Case) -> None:
    case.holds()


@table(
    an_older_account_epoch=Case(
        who(), session(password(), account_epoch=EPOCH - 1), Verdict.LOGIN, Reason.REVOKED, ()
    ),
    a_newer_account_epoch=Case(
        who(), session(password(), account_epoch=EPOCH + 1), Verdict.LOGIN, Reason.REVOKED
    ),
    another_site_epoch=Case(
        who(), session(password(), site_epoch=0), Verdict.LOGIN, Reason.REVOKED
    ),
    this_session_ended=Case(
        who(ended_sessions=frozenset({"one", "two"})),
        session(password(), id="two"),
        Verdict.LOGIN,
        Reason.SESSION_ENDED,
    ),
    another_session_ended=Case(
        who(ended_sessions=frozenset({"one"})), session(password(), id="two"), *ALLOW
    ),
    a_session_without_a_name_cannot_be_ended=Case(
        who(ended_sessions=frozenset({""})), session(password()), *ALLOW
    ),
    idle_too_long=Case(
        who(requirement=nothing_asked(idle_seconds=60)),
        session(password(), last_seen=NOW - 61),
        Verdict.LOGIN,
        Reason.IDLE,
    ),
    idle_exactly_as_long_as_allowed=Case(
        who(requirement=nothing_asked(idle_seconds=60)),
        session(password(), last_seen=NOW - 60),
        *ALLOW,
    ),
    never_seen_before=Case(
        who(requirement=nothing_asked(idle_seconds=60)), session(password()), *ALLOW
    ),
    too_old=Case(
        who(requirement=nothing_asked(absolute_seconds=DAY)),
        session(password(), started=NOW - DAY - 1, last_seen=NOW),
        Verdict.LOGIN,
        Reason.TOO_OLD,
    ),
    exactly_as_old_as_allowed=Case(
        who(requirement=nothing_asked(absolute_seconds=DAY)),
        session(password(), started=NOW - DAY),
        *ALLOW,
    ),
    from_before_the_app_was_installed=Case(
        who(requirement=nothing_asked(absolute_seconds=DAY)), session(password(ago=None)), *ALLOW
    ),
    old_without_a_limit=Case(who(), session(password(), started=0, last_seen=0), *ALLOW),
)
def test_row_2_ends_a_session_that_is_over(case: Case) -> None:
    case.holds()


@table(
    password_alone=Case(
        who(TOTP), session(password()), *CHALLENGE, (way(TOTP), RECOVERY, OPERATOR)
    ),
    of_her_own_accord_or_mandated=Case(staff(TOTP), session(password()), *CHALLENGE),
    mailbox_is_no_factor=Case(staff(TOTP), session(password(), mailbox()), *CHALLENGE),
    ticket_is_no_factor=Case(staff(TOTP), session(password(), ticket()), *CHALLENGE),
    sso_is_no_factor=Case(staff(TOTP), session(unknown()), *CHALLENGE),
    several_to_choose_from=Case(
        who(TOTP, TABLET), session(), *CHALLENGE, (way(TOTP), way(TABLET), RECOVERY, OPERATOR)
    ),
    one_of_several_is_enough=Case(staff(TOTP, TABLET), session(shown(TABLET)), *ALLOW),
    proven_long_ago=Case(staff(TOTP), session(shown(TOTP, ago=300 * DAY)), *ALLOW),
    proven_nobody_knows_when=Case(staff(TOTP), session(shown(TOTP, ago=None)), *ALLOW),
    a_removed_factor_proves_nothing=Case(who(TOTP), session(shown(TABLET)), *CHALLENGE),
    no_recovery_codes_left=Case(
        who(TOTP, recovery_codes_left=0), session(), *CHALLENGE, (way(TOTP), OPERATOR)
    ),
    disabled_still_stands_in_the_way=Case(
        who(BROKEN), session(password()), *STUCK, (RECOVERY, OPERATOR)
    ),
    disabled_and_nothing_left_but_an_operator=Case(
        staff(BROKEN, recovery_codes_left=0), session(password(), mailbox()), *STUCK, (OPERATOR,)
    ),
    disabled_beside_a_usable_one=Case(
        who(BROKEN, TABLET), session(), *CHALLENGE, (way(TABLET), RECOVERY, OPERATOR)
    ),
    disabled_after_it_was_proven=Case(staff(BROKEN), session(shown(TOTP)), *ALLOW),
    phishing_resistance_required_and_at_hand=Case(
        who(TOTP, PASSKEY, requirement=RESISTANT),
        session(password(), shown(TOTP)),
        *CHALLENGE,
        (way(PASSKEY), OPERATOR),
    ),
    phishing_resistance_proven=Case(
        who(TOTP, PASSKEY, requirement=RESISTANT), session(shown(PASSKEY)), *ALLOW
    ),
    phishing_resistance_required_later=Case(
        who(TOTP, PASSKEY, requirement=BOTH), session(shown(TOTP)), *ALLOW
    ),
    phishing_resistant_factor_disabled=Case(
        who(TOTP, replace(PASSKEY, usable=False), requirement=RESISTANT),
        session(shown(TOTP)),
        *STUCK,
        (OPERATOR,),
    ),
    device_bound_required_and_at_hand=Case(
        who(PASSKEY, BOUND, requirement=DEVICE),
        session(shown(PASSKEY)),
        *CHALLENGE,
        (way(BOUND), OPERATOR),
    ),
    device_bound_is_phishing_resistant_too=Case(
        who(BOUND, requirement=RESISTANT), session(shown(BOUND)), *ALLOW
    ),
    out_of_reach_so_any_is_asked_first=Case(
        who(TOTP, requirement=RESISTANT),
        session(password()),
        *CHALLENGE,
        (way(TOTP), RECOVERY, OPERATOR),
    ),
    break_glass_stands_in=Case(staff(TOTP, break_glass=NOW + 1), session(opened()), *ALLOW),
    break_glass_is_over=Case(staff(TOTP, break_glass=NOW), session(opened()), *CHALLENGE),
    break_glass_of_another_session=Case(
        staff(TOTP, break_glass=NOW + 1), session(password()), *CHALLENGE
    ),
    break_glass_of_an_earlier_hour=Case(
        staff(TOTP, break_glass=NOW + 1), session(opened(ago=3601)), *CHALLENGE
    ),
    break_glass_before_the_factors_changed=Case(
        staff(TOTP, break_glass=NOW + 1), session(opened(epoch=EPOCH - 1)), *CHALLENGE
    ),
)
def test_row_3_asks_for_a_factor_that_exists(case: Case) -> None:
    case.holds()


@table(
    recovery_code_without_a_mandate=Case(who(TOTP), session(recovery()), *ALLOW),
    recovery_code_of_long_ago_without_a_mandate=Case(
        who(TOTP), session(recovery(ago=90 * DAY)), *ALLOW
    ),
    recovery_code_where_resistance_is_required=Case(
        who(PASSKEY, requirement=RESISTANT),
        session(password(), recovery()),
        *CHALLENGE,
        (way(PASSKEY), OPERATOR),
    ),
    remembered_browser=Case(
        who(TOTP, requirement=REMEMBERED), session(password(), remembered=True), *ALLOW
    ),
    remembered_browser_where_no_policy_allows_it=Case(
        who(TOTP), session(password(), remembered=True), *CHALLENGE
    ),
    remembered_browser_of_somebody_mandated=Case(
        staff(TOTP, requirement=asks(remembered_days=30)),
        session(password(), remembered=True),
        *ALLOW,
    ),
    remembered_browser_where_resistance_is_required=Case(
        who(PASSKEY, requirement=replace(RESISTANT, remembered_days=30)),
        session(password(), remembered=True),
        *CHALLENGE,
    ),
)
def test_row_3_lets_a_recovery_code_or_a_remembered_browser_stand_in(case: Case) -> None:
    case.holds()
