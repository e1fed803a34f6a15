"""The decision as a table, rows 4 and 5: a bad hour, and the way back with a recovery code."""

from __future__ import annotations

from hardening.core.values import (
    PasswordMode,
    Reason,
    Verdict,
)
from tests.core.cases import (
    ALLOW,
    BROKEN,
    CHALLENGE,
    DAY,
    ENROL,
    EPOCH,
    MAILBOX,
    NOW,
    OPERATOR,
    QUARTER,
    RECOVERY,
    STUCK,
    TABLET,
    TICKET,
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
    signing_in,
    staff,
    table,
    ticket,
    unknown,
    way,
    who,
)

LOST = (Verdict.ENROL, Reason.FACTOR_LOST)
NOT_DUE = asks(demand(due=NOW + 1))
BREACHED = {"password_breached": True}
WARN = nothing_asked(password_mode=PasswordMode.WARN)
ENFORCE = nothing_asked(password_mode=PasswordMode.ENFORCE)
REPORT = nothing_asked(password_mode=PasswordMode.REPORT)


@table(
    warned_of_on_an_unknown_browser=Case(
        who(requirement=WARN, **BREACHED),
        session(password(), known_browser=False),
        Verdict.MAILBOX,
        Reason.BREACHED_ON_UNKNOWN_DEVICE,
        (MAILBOX, TICKET),
    ),
    enforced_on_an_unknown_browser=Case(
        who(requirement=ENFORCE, **BREACHED),
        session(password(), known_browser=False),
        Verdict.MAILBOX,
        Reason.BREACHED_ON_UNKNOWN_DEVICE,
    ),
    no_mailbox_to_ask=Case(
        who(requirement=WARN, mailbox_usable=False, **BREACHED),
        session(password(), known_browser=False),
        Verdict.MAILBOX,
        Reason.BREACHED_ON_UNKNOWN_DEVICE,
        (TICKET,),
    ),
    warned_of_on_a_known_browser=Case(
        who(requirement=WARN, **BREACHED), session(password()), *ALLOW
    ),
    only_reported=Case(
        who(requirement=REPORT, **BREACHED), session(password(), known_browser=False), *ALLOW
    ),
    no_policy_looks_at_passwords=Case(
        who(**BREACHED), session(password(), known_browser=False), *ALLOW
    ),
    mailbox_proven=Case(
        who(requirement=WARN, **BREACHED),
        session(password(), mailbox(), known_browser=False),
        *ALLOW,
    ),
    ticket_brought=Case(
        who(requirement=WARN, **BREACHED),
        session(password(), ticket(), known_browser=False),
        *ALLOW,
    ),
    factor_proven=Case(
        who(TOTP, requirement=WARN, **BREACHED), session(shown(TOTP), known_browser=False), *ALLOW
    ),
    foreign_sign_in_counts_as_beyond=Case(
        who(requirement=WARN, **BREACHED), session(unknown(), known_browser=False), *ALLOW
    ),
    attack_at_sign_in=Case(
        who(),
        signing_in(password(), attack_mode=True, known_browser=False),
        Verdict.MAILBOX,
        Reason.ATTACK_MODE,
        (MAILBOX, TICKET),
    ),
    attack_spares_live_sessions=Case(
        who(), session(password(), attack_mode=True, known_browser=False), *ALLOW
    ),
    attack_spares_known_browsers=Case(who(), signing_in(password(), attack_mode=True), *ALLOW),
    attack_spares_whom_the_mailbox_vouches_for=Case(
        who(), signing_in(password(), mailbox(), attack_mode=True, known_browser=False), *ALLOW
    ),
    flagged_address_at_sign_in=Case(
        who(),
        signing_in(password(), flagged_address=True, known_browser=False),
        Verdict.MAILBOX,
        Reason.FLAGGED_ADDRESS,
    ),
    roaming_into_a_flagged_address=Case(
        who(), session(password(), flagged_address=True, known_browser=False), *ALLOW
    ),
    flagged_address_on_a_known_browser=Case(
        who(), signing_in(password(), flagged_address=True), *ALLOW
    ),
    unknown_browser_in_quiet_times=Case(who(), signing_in(password(), known_browser=False), *ALLOW),
    attack_mode_is_named_before_the_address=Case(
        who(),
        signing_in(password(), attack_mode=True, flagged_address=True, known_browser=False),
        Verdict.MAILBOX,
        Reason.ATTACK_MODE,
    ),
)
def test_row_4_asks_for_the_mailbox_in_a_bad_hour(case: Case) -> None:
    case.holds()


@table(
    replaces_the_lost_one_or_proves_one_after_all=Case(
        staff(TOTP), session(recovery()), *LOST, (ENROL, way(TOTP))
    ),
    nothing_usable_left_to_prove=Case(staff(BROKEN), session(recovery()), *LOST, (ENROL,)),
    after_a_reset=Case(who(TOTP, must_enrol=True), session(recovery()), *LOST),
    proves_one_after_all=Case(staff(TOTP), session(recovery(), shown(TOTP)), *ALLOW),
    enrolled_a_new_one=Case(staff(TOTP, TABLET), session(recovery(), shown(TABLET)), *ALLOW),
    in_grace=Case(who(TOTP, requirement=NOT_DUE), session(recovery()), *ALLOW),
    fresh_for_15_minutes=Case(staff(TOTP), session(recovery(ago=QUARTER)), *LOST),
    stale_after_15_minutes=Case(
        staff(TOTP), session(recovery(ago=QUARTER + 1)), *CHALLENGE, (way(TOTP), RECOVERY, OPERATOR)
    ),
    spent_on_another_enrolment=Case(
        staff(TOTP), session(recovery(epoch=EPOCH - 1), shown(TABLET)), *CHALLENGE
    ),
    stale_and_nothing_usable=Case(
        staff(BROKEN), session(recovery(ago=DAY)), *STUCK, (RECOVERY, OPERATOR)
    ),
    stale_and_no_factor_left=Case(
        staff(),
        session(recovery(ago=DAY)),
        Verdict.MAILBOX,
        Reason.POLICY_REQUIRES_FACTOR,
        (MAILBOX, TICKET),
    ),
    break_glass=Case(staff(TOTP, break_glass=NOW + 1), session(recovery(), opened()), *ALLOW),
)
def test_row_5_lets_a_recovery_code_replace_the_lost_factor_and_no_more(case: Case) -> None:
    case.holds()
