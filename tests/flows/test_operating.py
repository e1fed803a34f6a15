"""What operators do: resets, tickets, demands, policies, re-sealing, looking, clearing away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail

from hardening import audit, roles, signals, testing, vault
from hardening.audit import Event
from hardening.core.values import Choice, Decision, Reason, Strength, Verdict
from hardening.factors import mailbox, ticket
from hardening.flows import live, policy, recover, rekey, sealing, status, steps
from hardening.models import (
    Account,
    AuditSeal,
    EnrolmentTicket,
    Factor,
    ParkedLogin,
    RecoveryCode,
    RolePolicy,
    SecurityEvent,
)
from hardening.models.parked import KEEP_SECONDS
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.actors import HERE, NOW, events_of, found, names, parked, reread, signed_in

TICKET_RANDOM = bytes(ticket.TICKET_BYTES)
OLD_KEY = "an old key of the vault, long enough"
NEW_KEY = "a new key of the vault, just as long"


def row(role, **values):
    return RolePolicy(**{"role": role, "mode": Mode.ENFORCE, "starts_at": moment(NOW), **values})


# --- resets, tickets, demands ----------------------------------------------------------------


def test_a_reset_removes_everything_and_the_next_sign_in_enrols_anew(
    member, newcomer, factor, django_capture_on_commit_callbacks
):
    testing.recovery_codes(member)
    elsewhere = signed_in(member)
    heard = []

    def hear(**said):
        heard.append(said["factor_id"])

    signals.factor_removed.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        count, said = events_of(
            recover.reset_factors, member, actor=newcomer, reason="lost phone", now=NOW, where=HERE
        )
    signals.factor_removed.disconnect(hear)
    assert count == 1
    assert names(said) == [Event.FACTORS_RESET]
    assert said[0].actor_name == "newcomer"
    assert said[0].data == {"factors": [factor.pk], "why": "lost phone"}
    assert heard == [factor.pk]
    assert len(mail.outbox) == 1
    assert not RecoveryCode.objects.exists()
    assert live.judge(elsewhere, reread(member), now=NOW).verdict is Verdict.LOGIN
    assert found(parked(member)).decision.reason is Reason.RESET_FACTOR_REQUIRED


def test_a_reset_makes_even_a_fan_enrol_again(fan):
    testing.enrol(fan)
    recover.reset_factors(fan, reason="lost phone", now=NOW)
    assert found(parked(fan)).decision.verdict is Verdict.MAILBOX


def test_a_ticket_is_returned_once_and_never_said(newcomer, member):
    shown, said = events_of(
        recover.issue_ticket, newcomer, TICKET_RANDOM, actor=member, now=NOW, where=HERE
    )
    assert names(said) == [Event.TICKET_ISSUED]
    assert said[0].actor_name == "member"
    kept = str([*EnrolmentTicket.objects.values(), *SecurityEvent.objects.values()])
    assert shown not in kept
    assert shown.replace("-", "") not in kept


def test_a_new_ticket_voids_the_one_before(newcomer):
    first = recover.issue_ticket(newcomer, TICKET_RANDOM, now=NOW)
    second = recover.issue_ticket(newcomer, bytes([1] * ticket.TICKET_BYTES), now=NOW)
    assert not ticket.spend(newcomer.pk, first, now=NOW)
    assert ticket.spend(newcomer.pk, second, now=NOW)


def test_each_person_of_whom_a_new_password_is_demanded_is_told_and_said(
    fan, member, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        count, said = events_of(recover.demand_password_change, [fan, member], now=NOW)
    assert count == 2
    assert names(said) == [Event.PASSWORD_CHANGE_DEMANDED] * 2
    assert len(mail.outbox) == 2
    elsewhere = signed_in(fan)
    assert live.judge(elsewhere, reread(fan), now=NOW).verdict is Verdict.MAILBOX


# --- policies --------------------------------------------------------------------------------


def test_strengths_are_those_that_a_kind_of_factor_reaches():
    assert policy.strengths() == (Strength.ANY,)


def test_a_policy_locks_out_an_editor_whom_it_covers_and_who_does_not_meet_it(newcomer, member):
    assert policy.would_lock_out(row("everyone"), newcomer)
    assert policy.would_lock_out(row("staff"), newcomer)
    assert not policy.would_lock_out(row("everyone", mode=Mode.REPORT), newcomer)
    assert not policy.would_lock_out(row("superuser"), newcomer)
    assert not policy.would_lock_out(row("staff"), member)
    assert policy.would_lock_out(row("staff", strength="phishing-resistant"), member)


def test_an_unknown_role_holds_everybody(fan):
    assert policy.is_member(fan, "no-such-role")
    assert policy.is_member(fan, "everyone")
    assert not policy.is_member(fan, "staff")


def test_a_changed_policy_is_said_with_what_changed(member, db):
    saved = row("staff")
    saved.save()
    before = policy.values(saved)
    saved.grace_days = 7
    heard = []

    def hear(**said):
        heard.append((said["policy"], said["actor"]))

    signals.policy_changed.connect(hear)
    _, said = events_of(
        policy.changed,
        saved,
        before=before,
        after=policy.values(saved),
        actor=member,
        now=NOW,
        where=HERE,
    )
    signals.policy_changed.disconnect(hear)
    assert heard == [(saved, member)]
    assert names(said) == [Event.POLICY_CHANGED]
    assert said[0].data == {
        "policy": saved.pk,
        "role": "staff",
        "before": {"grace_days": "0"},
        "after": {"grace_days": "7"},
    }


@pytest.mark.parametrize("new", [True, False])
def test_new_and_deleted_policies_are_said_whole(member, new):
    values = policy.values(row("staff"))
    before, after = ({}, values) if new else (values, {})
    _, said = events_of(
        policy.changed, row("staff"), before=before, after=after, actor=member, now=NOW, where=HERE
    )
    assert (said[0].data["before"], said[0].data["after"]) == (before, after)


@pytest.mark.parametrize("why", list(policy.Objection))
def test_a_refused_policy_is_said_with_the_reason(newcomer, why):
    _, said = events_of(policy.refused, row("staff"), actor=newcomer, now=NOW, where=HERE, why=why)
    assert names(said) == [Event.POLICY_REFUSED]
    assert said[0].data == {"role": "staff", "strength": "any", "why": why.value}
    assert said[0].actor_name == "newcomer"


# --- re-sealing ------------------------------------------------------------------------------


@pytest.fixture
def sealed_by_an_old_key(settings, db, clock, person):
    """Return an account whose secret, addresses, codes and ticket hang on a key that is old now."""
    settings.HARDENING = {"VAULT_KEYS": [OLD_KEY]}
    user = person("keeper").user
    testing.enrol(user)
    testing.recovery_codes(user)
    mailbox.note_address(user, now=NOW)
    recover.issue_ticket(user, TICKET_RANDOM, now=NOW)
    settings.HARDENING = {"VAULT_KEYS": [NEW_KEY, OLD_KEY]}
    return user


def reseal(*, dry_run=False):
    walked = []
    result, said = events_of(
        rekey.reseal_all, step=lambda: walked.append(1), dry_run=dry_run, now=NOW
    )
    return result, said, len(walked)


def test_everything_is_sealed_with_the_newest_key(sealed_by_an_old_key, settings):
    assert rekey.total() == 2
    result, said, walked = reseal()
    assert (result.changed, result.unopened, result.pinned) == (2, 0, 11)
    assert walked == 2
    assert names(said) == [Event.VAULT_RESEALED]
    assert said[0].data == {"changed": 2, "unopened": 0, "pinned": 11}
    settings.HARDENING = {"VAULT_KEYS": [NEW_KEY]}
    assert testing.secret_of(Factor.objects.get())
    assert mailbox.known(Account.objects.get()).current == "keeper@example.com"


@pytest.mark.django_db
def test_seals_of_the_log_that_only_an_old_key_can_verify_are_counted(settings):
    settings.HARDENING = {"VAULT_KEYS": [OLD_KEY]}
    for pruned in ("", "a mark"):  # of the second no event is left
        audit.record(Event.VAULT_RESEALED, now=NOW)
        sealing.seal(now=NOW + 60)
        AuditSeal.objects.filter(number=AuditSeal.objects.count()).update(pruned=pruned)
    assert reseal()[0].seals == 0
    settings.HARDENING = {"VAULT_KEYS": [NEW_KEY, OLD_KEY]}
    assert reseal(dry_run=True)[0].seals == 1


def test_a_dry_run_counts_and_changes_nothing(sealed_by_an_old_key):
    before = Factor.objects.get().secret
    result, said, walked = reseal(dry_run=True)
    assert (result.changed, result.unopened, result.pinned, walked) == (2, 0, 11, 2)
    assert said == []
    assert Factor.objects.get().secret == before


def test_sealing_again_finds_nothing_to_do(sealed_by_an_old_key):
    reseal()
    for dry_run in (True, False):
        result, _, walked = reseal(dry_run=dry_run)
        assert (result.changed, result.unopened, walked) == (0, 0, 2)


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_opens_with_no_key_is_counted_and_left_as_it_is(
    sealed_by_an_old_key, settings, dry_run
):
    settings.HARDENING = {"VAULT_KEYS": [NEW_KEY]}
    before = Factor.objects.get().secret, Account.objects.get().email
    result, _, walked = reseal(dry_run=dry_run)
    assert (result.changed, result.unopened, walked) == (0, 2, 2)
    assert (Factor.objects.get().secret, Account.objects.get().email) == before
    with pytest.raises(vault.Unsealable):
        testing.secret_of(Factor.objects.get())


# --- looking and clearing away ---------------------------------------------------------------


def test_the_report_counts_and_says_what_is_not_covered(member, newcomer, fan):
    testing.recovery_codes(member)
    parked(member)
    row("everyone", mode=Mode.REPORT, grace_days=2).save()
    row("no-such-role").save()
    report = status.report(now=NOW)
    assert report["counts"] == {
        "active users": 3,
        "with a second factor": 1,
        "passwords in a leaked list": 0,
        "passwords in no list": 0,
        "passwords not looked up": 3,
        "unused recovery codes": 10,
        "sign-ins on their way": 1,
        "live sessions": 0,
        "frozen accounts": 0,
        "notices that wait": 0,
        "API authentication classes that ask nothing": 0,
    }
    shown = {entry["role"]: entry for entry in report["policies"]}
    assert shown["staff"]["from"] == "settings"
    assert (shown["staff"]["members"], shown["staff"]["without_factor"]) == (2, 1)
    assert (shown["staff"]["due"], shown["everyone"]["due"]) == ("at once", "2027-01-17")
    assert (shown["everyone"]["from"], shown["everyone"]["mode"]) == ("admin", "report")
    assert shown["everyone"]["members"] == shown["no-such-role"]["members"] == 3
    assert report["not_covered"]


def test_members_of_several_groups_are_counted_once(fan):
    permission = Permission.objects.first()
    for name in ("one", "two"):
        group = Group.objects.create(name=name)
        group.permissions.add(permission)
        fan.groups.add(group)
    key = f"perm:{permission.content_type.app_label}.{permission.codename}"
    assert roles.find(key) is not None
    row(key).save()
    shown = {entry["role"]: entry for entry in status.report(now=NOW)["policies"]}
    assert shown[key]["members"] == 1


def test_clearing_away_takes_what_is_long_over_and_nothing_else(member, newcomer):
    parked(member)
    recover.issue_ticket(member, TICKET_RANDOM, now=NOW)
    assert status.prune(now=NOW) == {
        "sign-ins": 0,
        "tickets": 0,
        "throttle counters": 0,
        "policy snapshots": 0,
        "sessions": 0,
        "used links": 0,
        "security events": 0,
    }
    later = NOW + 2 * KEEP_SECONDS + 1200
    parked(newcomer, now=later)
    EnrolmentTicket.objects.update(expires_at=moment(later) - timedelta(days=1, seconds=1))
    assert status.prune(now=later)["tickets"] == 1
    assert ParkedLogin.objects.count() == 1


def test_clearing_away_counts_the_sign_ins(member):
    parked(member)
    assert status.prune(now=NOW + 2 * KEEP_SECONDS)["sign-ins"] == 1


# --- where verdicts lead ---------------------------------------------------------------------


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_code_and_all_but_two_a_page(verdict):
    decision = Decision(verdict, Reason.ALLOWED)
    over = verdict in (Verdict.LOGIN, Verdict.DENY)
    assert (steps.url_name(decision) is None) is over
    assert steps.json_code(decision)


def test_where_only_a_ticket_is_left_the_ticket_page_asks():
    only = Decision(Verdict.MAILBOX, Reason.TICKET_REQUIRED, (Choice("ticket"),))
    both = Decision(Verdict.MAILBOX, Reason.FIRST_FACTOR, (Choice("mailbox"), Choice("ticket")))
    assert steps.url_name(only) == steps.TICKET
    assert steps.url_name(both) == "hardening:mailbox"


def test_an_enrolment_that_needs_the_password_asks_for_it():
    again = Decision(Verdict.STEP_UP, Reason.PASSWORD_AGAIN, (Choice("password"),))
    assert steps.url_name(again, enrolling=True) == steps.CONFIRM_PASSWORD
    assert steps.url_name(again) == "hardening:step_up"
