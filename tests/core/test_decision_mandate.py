"""The decision as a table, rows 6 and 7: a mandate without its factor, a password to change."""

from __future__ import annotations

from dataclasses import replace

from hardening.core.values import (
    PasswordMode,
    Reason,
    Strength,
    Verdict,
)
from tests.core.cases import (
    ALLOW,
    BROKEN,
    DAY,
    ENROL,
    EPOCH,
    MAILBOX,
    NOW,
    OPERATOR,
    PASSKEY,
    QUARTER,
    RESISTANT,
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
    staff,
    table,
    ticket,
    unknown,
    way,
    who,
)

MANDATED = (Verdict.MAILBOX, Reason.POLICY_REQUIRES_FACTOR, (MAILBOX, TICKET))
MAY_ENROL = (Verdict.ENROL, Reason.POLICY_REQUIRES_FACTOR, (ENROL,))
WEAKER = (Verdict.CHALLENGE, Reason.PROVE_WEAKER_FIRST)
CHANGE = (Verdict.CHANGE_PASSWORD, Reason.PASSWORD_CHANGE_REQUIRED)
BREACHED = {
    "password_breached": True,
    "requirement": nothing_asked(password_mode=PasswordMode.ENFORCE),
}
BY_TICKET = asks(first_by_ticket=True)


@table(
    password_alone=Case(staff(), session(password()), *MANDATED),
    sso_alone=Case(staff(), session(unknown()), *MANDATED),
    nothing_at_all=Case(staff(), session(), *MANDATED),
    no_mailbox=Case(staff(mailbox_usable=False), session(password()), *MANDATED[:2], (TICKET,)),
    mailbox_proven=Case(staff(), session(password(), mailbox()), *MAY_ENROL),
    mailbox_proven_15_minutes_ago=Case(staff(), session(mailbox(ago=QUARTER)), *MAY_ENROL),
    mailbox_proven_longer_ago=Case(staff(), session(mailbox(ago=QUARTER + 1)), *MANDATED),
    mailbox_proven_in_the_future=Case(staff(), session(mailbox(ago=-1)), *MANDATED),
    mailbox_proven_nobody_knows_when=Case(staff(), session(mailbox(ago=None)), *MANDATED),
    mailbox_proven_before_the_epoch_moved=Case(
        staff(), session(mailbox(epoch=EPOCH - 1)), *MANDATED
    ),
    ticket_brought=Case(staff(), session(ticket()), *MAY_ENROL),
    ticket_brought_15_minutes_ago=Case(staff(), session(ticket(ago=QUARTER)), *MAY_ENROL),
    ticket_brought_longer_ago=Case(staff(), session(ticket(ago=QUARTER + 1)), *MANDATED),
    ticket_demanded=Case(
        who(requirement=BY_TICKET),
        session(password(), mailbox()),
        Verdict.MAILBOX,
        Reason.TICKET_REQUIRED,
        (TICKET,),
    ),
    ticket_demanded_and_brought=Case(
        who(requirement=BY_TICKET), session(password(), ticket()), *MAY_ENROL
    ),
    after_a_reset=Case(
        who(must_enrol=True),
        session(password()),
        Verdict.MAILBOX,
        Reason.RESET_FACTOR_REQUIRED,
        (MAILBOX, TICKET),
    ),
    after_a_reset_and_the_mailbox=Case(
        who(must_enrol=True), session(mailbox()), Verdict.ENROL, Reason.RESET_FACTOR_REQUIRED
    ),
    due_this_second=Case(who(requirement=asks(demand(due=NOW))), session(), *MANDATED),
    due_next_second=Case(who(requirement=asks(demand(due=NOW + 1))), session(), *ALLOW),
    on_trial=Case(who(requirement=nothing_asked(reported=(demand(),))), session(), *ALLOW),
    nobody_asks=Case(who(), session(password()), *ALLOW),
    break_glass=Case(staff(break_glass=NOW + 1), session(opened()), *ALLOW),
    break_glass_of_another_session=Case(staff(break_glass=NOW + 1), session(password()), *MANDATED),
)
def test_row_6_leads_somebody_mandated_to_a_first_factor(case: Case) -> None:
    case.holds()


@table(
    weaker_one_proven_just_now=Case(
        who(TOTP, requirement=RESISTANT), session(shown(TOTP)), *MAY_ENROL
    ),
    weaker_one_proven_15_minutes_ago=Case(
        who(TOTP, requirement=RESISTANT), session(shown(TOTP, ago=QUARTER)), *MAY_ENROL
    ),
    weaker_one_proven_longer_ago=Case(
        who(TOTP, requirement=RESISTANT),
        session(shown(TOTP, ago=QUARTER + 1)),
        *WEAKER,
        (way(TOTP),),
    ),
    weaker_one_proven_before_the_epoch_moved=Case(
        who(TOTP, requirement=RESISTANT), session(shown(TOTP, epoch=EPOCH - 1)), *WEAKER
    ),
    mailbox_is_no_proof_of_it=Case(
        who(TOTP, requirement=RESISTANT),
        session(shown(TOTP, ago=DAY), mailbox(), ticket()),
        *WEAKER,
    ),
    weaker_one_disabled_meanwhile=Case(
        who(BROKEN, requirement=RESISTANT), session(shown(TOTP, ago=DAY)), *WEAKER, (OPERATOR,)
    ),
    remembered_browser_is_no_proof_of_it=Case(
        who(TOTP, requirement=replace(RESISTANT, remembered_days=9)),
        session(password(), remembered=True),
        *WEAKER,
    ),
    a_passkey_where_a_bound_one_is_asked=Case(
        who(PASSKEY, requirement=asks(demand(Strength.DEVICE_BOUND))),
        session(shown(PASSKEY)),
        *MAY_ENROL,
    ),
    weak_now_and_strong_later=Case(
        who(TOTP, requirement=asks(demand(), demand(Strength.DEVICE_BOUND, due=NOW + 1))),
        session(shown(TOTP, ago=DAY)),
        *ALLOW,
    ),
)
def test_row_6_leads_from_a_weaker_factor_to_the_strength_required(case: Case) -> None:
    case.holds()


@table(
    operator_or_campaign=Case(
        who(must_change=True),
        session(password()),
        Verdict.MAILBOX,
        Reason.PASSWORD_CHANGE_REQUIRED,
        (MAILBOX, TICKET),
    ),
    breached_on_a_known_browser_too=Case(
        who(**BREACHED), session(password()), Verdict.MAILBOX, Reason.PASSWORD_BREACHED
    ),
    sso_does_not_count_as_beyond_here=Case(
        who(must_change=True), session(unknown()), Verdict.MAILBOX, Reason.PASSWORD_CHANGE_REQUIRED
    ),
    remembered_browser_does_not_count_as_beyond=Case(
        who(TOTP, must_change=True, requirement=nothing_asked(remembered_days=9)),
        session(password(), remembered=True),
        Verdict.MAILBOX,
        Reason.PASSWORD_CHANGE_REQUIRED,
    ),
    mailbox_proven=Case(who(must_change=True), session(password(), mailbox()), *CHANGE, ()),
    ticket_brought=Case(who(must_change=True), session(ticket()), *CHANGE),
    factor_proven=Case(staff(TOTP, must_change=True), session(shown(TOTP)), *CHANGE),
    recovery_code_used=Case(who(TOTP, must_change=True), session(recovery()), *CHANGE),
    breached_and_proven=Case(
        who(**BREACHED),
        session(password(), mailbox()),
        Verdict.CHANGE_PASSWORD,
        Reason.PASSWORD_BREACHED,
    ),
    both_reasons=Case(who(must_change=True, **BREACHED), session(mailbox()), *CHANGE),
    breached_and_only_warned=Case(
        who(password_breached=True, requirement=nothing_asked(password_mode=PasswordMode.WARN)),
        session(password()),
        *ALLOW,
    ),
    no_password_to_change=Case(
        who(must_change=True, has_password=False), session(unknown()), *ALLOW
    ),
    break_glass_does_not_spare_it=Case(
        staff(TOTP, must_change=True, break_glass=NOW + 1),
        session(password(), opened()),
        Verdict.MAILBOX,
        Reason.PASSWORD_CHANGE_REQUIRED,
    ),
)
def test_row_7_has_the_password_changed_by_its_owner(case: Case) -> None:
    case.holds()
