"""The decision as a table, row 8: a younger or stronger proof, and the right to enrol."""

from __future__ import annotations

from hardening.core.values import (
    Reason,
    Verdict,
)
from tests.core.cases import (
    ALLOW,
    BROKEN,
    DAY,
    ENROL,
    ENROLMENT,
    EPOCH,
    FRESH,
    FRESH_PASSKEY,
    MAILBOX,
    MAX_AGE,
    NOW,
    OPERATOR,
    PASSKEY,
    PASSWORD,
    QUARTER,
    TABLET,
    TICKET,
    TOTP,
    Case,
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

TOO_OLD = (Verdict.STEP_UP, Reason.PROOF_TOO_OLD)


@table(
    just_now=Case(who(TOTP), session(shown(TOTP)), *ALLOW, need=FRESH),
    at_the_last_second=Case(who(TOTP), session(shown(TOTP, ago=MAX_AGE)), *ALLOW, need=FRESH),
    a_second_too_late=Case(
        who(TOTP), session(shown(TOTP, ago=MAX_AGE + 1)), *TOO_OLD, (way(TOTP),), need=FRESH
    ),
    from_the_future=Case(who(TOTP), session(shown(TOTP, ago=-1)), *TOO_OLD, need=FRESH),
    nobody_knows_when=Case(who(TOTP), session(shown(TOTP, ago=None)), *TOO_OLD, need=FRESH),
    before_the_epoch_moved=Case(
        who(TOTP), session(shown(TOTP, epoch=EPOCH - 1)), *TOO_OLD, need=FRESH
    ),
    a_recovery_code_never_counts=Case(
        who(TOTP), session(recovery()), *TOO_OLD, (way(TOTP),), need=FRESH
    ),
    a_remembered_browser_never_counts=Case(
        who(TOTP, requirement=nothing_asked(remembered_days=9)),
        session(password(), remembered=True),
        *TOO_OLD,
        need=FRESH,
    ),
    break_glass_never_counts=Case(
        staff(TOTP, break_glass=NOW + 1), session(opened()), *TOO_OLD, need=FRESH
    ),
    nothing_usable=Case(
        who(BROKEN), session(shown(TOTP, ago=DAY)), *TOO_OLD, (OPERATOR,), need=FRESH
    ),
    strong_enough=Case(who(PASSKEY), session(shown(PASSKEY)), *ALLOW, need=FRESH_PASSKEY),
    not_strong_enough=Case(
        who(TOTP, PASSKEY), session(shown(TOTP)), *TOO_OLD, (way(PASSKEY),), need=FRESH_PASSKEY
    ),
    no_factor_at_all=Case(
        who(),
        session(password()),
        Verdict.MAILBOX,
        Reason.STEP_UP_NEEDS_FACTOR,
        (MAILBOX, TICKET),
        need=FRESH,
    ),
    no_factor_but_the_mailbox=Case(
        who(), session(mailbox()), Verdict.ENROL, Reason.STEP_UP_NEEDS_FACTOR, (ENROL,), need=FRESH
    ),
    no_factor_and_a_ticket_demanded=Case(
        who(requirement=nothing_asked(first_by_ticket=True)),
        session(mailbox()),
        Verdict.MAILBOX,
        Reason.TICKET_REQUIRED,
        need=FRESH,
    ),
    out_of_reach_so_the_weaker_one_first=Case(
        who(TOTP),
        session(shown(TOTP, ago=QUARTER + 1)),
        Verdict.STEP_UP,
        Reason.PROVE_WEAKER_FIRST,
        (way(TOTP),),
        need=FRESH_PASSKEY,
    ),
    out_of_reach_and_the_weaker_one_proven=Case(
        who(TOTP),
        session(shown(TOTP)),
        Verdict.ENROL,
        Reason.STEP_UP_NEEDS_FACTOR,
        need=FRESH_PASSKEY,
    ),
)
def test_row_8_asks_for_a_younger_or_stronger_proof(case: Case) -> None:
    case.holds()


FIRST = (Verdict.MAILBOX, Reason.FIRST_FACTOR, (MAILBOX, TICKET))
AGAIN = (Verdict.STEP_UP, Reason.PASSWORD_AGAIN, (PASSWORD,))


@table(
    nothing_proven_lately=Case(who(), session(password(ago=DAY)), *AGAIN, need=ENROLMENT),
    mailbox_without_the_password=Case(who(), session(mailbox()), *AGAIN, need=ENROLMENT),
    ticket_without_the_password=Case(who(), session(ticket()), *AGAIN, need=ENROLMENT),
    password_again=Case(who(), session(password(ago=QUARTER)), *FIRST, need=ENROLMENT),
    password_of_the_future=Case(who(), session(password(ago=-1)), *AGAIN, need=ENROLMENT),
    password_and_mailbox=Case(who(), session(password(), mailbox()), *ALLOW, need=ENROLMENT),
    password_and_a_stale_mailbox=Case(
        who(), session(password(), mailbox(ago=QUARTER + 1)), *FIRST, need=ENROLMENT
    ),
    password_and_ticket=Case(who(), session(password(), ticket()), *ALLOW, need=ENROLMENT),
    ticket_demanded=Case(
        who(requirement=nothing_asked(first_by_ticket=True)),
        session(password(), mailbox()),
        Verdict.MAILBOX,
        Reason.TICKET_REQUIRED,
        (TICKET,),
        need=ENROLMENT,
    ),
    no_mailbox=Case(
        who(mailbox_usable=False), session(password()), *FIRST[:2], (TICKET,), need=ENROLMENT
    ),
    no_password_to_ask_for=Case(
        who(has_password=False), session(unknown()), *FIRST, need=ENROLMENT
    ),
    no_password_but_the_mailbox=Case(
        who(has_password=False), session(unknown(), mailbox()), *ALLOW, need=ENROLMENT
    ),
    another_with_a_fresh_proof=Case(
        who(TOTP), session(shown(TOTP, ago=MAX_AGE)), *ALLOW, need=ENROLMENT
    ),
    another_with_a_stale_proof=Case(
        who(TOTP, TABLET),
        session(shown(TOTP, ago=MAX_AGE + 1), password(), mailbox(), ticket()),
        *TOO_OLD,
        (way(TOTP), way(TABLET)),
        need=ENROLMENT,
    ),
    another_with_a_recovery_code=Case(
        who(TOTP), session(recovery(ago=QUARTER)), *ALLOW, need=ENROLMENT
    ),
    another_with_a_recovery_code_that_enrolled_one=Case(
        who(TOTP, TABLET), session(recovery(epoch=EPOCH - 1)), *TOO_OLD, need=ENROLMENT
    ),
    another_with_a_stale_recovery_code=Case(
        who(TOTP), session(recovery(ago=QUARTER + 1)), *TOO_OLD, need=ENROLMENT
    ),
    another_beside_a_disabled_one=Case(
        who(BROKEN), session(shown(TOTP, ago=DAY)), *TOO_OLD, (OPERATOR,), need=ENROLMENT
    ),
)
def test_a_factor_is_enrolled_by_one_rule_for_everybody(case: Case) -> None:
    case.holds()
