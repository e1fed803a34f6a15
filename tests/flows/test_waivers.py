"""Waivers: more time by one operator, exemptions by two, the end of either, what they change."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening import facts, policies
from hardening.audit import Event
from hardening.core.values import Verdict
from hardening.flows import live, requests, waivers
from hardening.flows.waivers import MAX_EXTENSION_DAYS, Objection, WaiverError
from hardening.models import Account, PolicyWaiver, RolePolicy
from hardening.models.policy import Mode
from hardening.models.request import Deed
from hardening.models.waiver import MAX_EXEMPTION_DAYS, Kind
from hardening.moments import moment
from tests.actors import HERE, NOW, events_of, names, reread, signed_in
from tests.visitor import DAY

WEEK = 7 * DAY


@pytest.fixture(autouse=True)
def _policies_read_anew():
    policies.forget()
    yield
    policies.forget()


@pytest.fixture
def policy(db):
    """Return a policy that has been in force for everybody since yesterday."""
    return RolePolicy.objects.create(
        role="everyone", mode=Mode.ENFORCE, starts_at=moment(NOW - DAY)
    )


@pytest.fixture
def operator(db, clock, person):
    """Return somebody who may do everything here."""
    return person("operator", is_staff=True, is_superuser=True).user


@pytest.fixture
def second(db, clock, person):
    """Return another one."""
    return person("second", is_staff=True, is_superuser=True).user


def extend(user, policy, *, until=NOW + WEEK, reason="on tour", **more):
    return waivers.extend(user, policy, until=until, reason=reason, now=NOW, where=HERE, **more)


def exempt(user, policy, operator, second, *, until=NOW + WEEK):
    asked = requests.ask(
        Deed.EXEMPTION,
        user,
        requester=operator,
        reason="no phone",
        policy=policy,
        until=until,
        now=NOW,
    )
    requests.approve(asked.pk, approver=second, random=b"", now=NOW)
    return PolicyWaiver.objects.get()


def verdict(user, *, now=NOW):
    return live.judge(signed_in(user, now=now), reread(user), now=now).verdict


# --- more time -------------------------------------------------------------------------------


def test_more_time_acts_on_the_next_request_and_ends_by_itself(fan, policy, operator):
    assert verdict(fan) is Verdict.MAILBOX
    extend(fan, policy, actor=operator)
    assert verdict(fan) is Verdict.ALLOW
    assert verdict(fan, now=NOW + WEEK - 1) is Verdict.ALLOW
    assert verdict(fan, now=NOW + WEEK) is Verdict.MAILBOX


def test_more_time_is_for_one_person_and_one_policy(fan, policy, operator, person):
    other = person("other").user
    extend(fan, policy, actor=operator)
    assert verdict(other) is Verdict.MAILBOX
    RolePolicy.objects.create(
        role="everyone",
        strength="device-bound",
        mode=Mode.ENFORCE,
        starts_at=moment(NOW - DAY),
    )
    assert verdict(fan) is Verdict.MAILBOX


def test_more_time_is_kept_told_and_recorded(
    fan, policy, operator, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        row, said = events_of(extend, fan, policy, actor=operator)
    assert names(said) == [Event.WAIVER_EXTENDED]
    assert (said[0].target_name, said[0].actor_name) == ("fan", "operator")
    assert said[0].data == {
        "waiver": row.pk,
        "policy": policy.pk,
        "role": "everyone",
        "until": NOW + WEEK,
        "why": "on tour",
    }
    kept = PolicyWaiver.objects.get()
    assert (kept.kind, kept.until, kept.granted_at) == (Kind.EXTENSION, NOW + WEEK, NOW)
    assert (kept.requested_by, kept.approved_by) == ("", "operator")
    (message,) = mail.outbox
    assert message.to == ["fan@example.com"]
    assert "You have more time" in message.body
    assert "Done by: operator" in message.body
    assert "Reason: on tour" in message.body


def test_the_shell_grants_more_time_without_a_name(fan, policy):
    row, said = events_of(extend, fan, policy)
    assert (row.approved_by, said[0].actor_name) == ("", "")


def test_nobody_grants_himself_more_time(operator, policy):
    with pytest.raises(WaiverError) as refused:
        extend(operator, policy, actor=operator)
    assert refused.value.why is Objection.ONESELF
    assert not PolicyWaiver.objects.exists()


@pytest.mark.parametrize(
    "until, why",
    [
        (NOW, Objection.NOT_LATER),
        (NOW - 1, Objection.NOT_LATER),
        (NOW + 1, None),
        (NOW + MAX_EXTENSION_DAYS * DAY, None),
        (NOW + MAX_EXTENSION_DAYS * DAY + 1, Objection.TOO_LONG),
    ],
)
def test_one_operator_grants_no_more_than_thirty_days(fan, policy, operator, until, why):
    said = waivers.objection(fan, policy, until=until, reason="on tour", actor=operator, now=NOW)
    assert said is why


@pytest.mark.parametrize(
    "days, why",
    [(59, Objection.NOT_LATER), (60, Objection.NOT_LATER), (90, None), (91, Objection.TOO_LONG)],
)
def test_where_the_deadline_is_ahead_the_days_count_from_there(fan, policy, operator, days, why):
    policy.grace_days = 61  # since yesterday
    said = waivers.objection(
        fan, policy, until=NOW + days * DAY, reason="on tour", actor=operator, now=NOW
    )
    assert said is why


@pytest.mark.parametrize("days", [0, 15, 29, 30, 400])
@pytest.mark.parametrize("ended", [False, True])
def test_asking_again_and_again_gives_no_more_than_thirty_days(
    fan, policy, operator, second, days, ended
):
    cap = NOW + MAX_EXTENSION_DAYS * DAY
    row = extend(fan, policy, actor=operator, until=NOW + DAY)
    if ended:
        waivers.end(row.pk, actor=operator, now=NOW)
    now = NOW + days * DAY
    given = {"reason": "on tour still", "actor": second, "now": now}
    said = waivers.objection(fan, policy, until=max(cap, now) + 1, **given)
    assert said is Objection.TOO_LONG
    if now < cap:
        assert waivers.objection(fan, policy, until=cap, **given) is None


def test_a_deadline_that_was_moved_since_is_counted_from(fan, policy, operator):
    extend(fan, policy, actor=operator)
    policy.grace_days = 101  # since yesterday
    end = NOW + (100 + MAX_EXTENSION_DAYS) * DAY
    given = {"reason": "on tour", "actor": operator, "now": NOW}
    assert waivers.objection(fan, policy, until=end, **given) is None
    assert waivers.objection(fan, policy, until=end + 1, **given) is Objection.TOO_LONG


def test_what_others_were_granted_takes_nothing_from_anybody(fan, policy, operator, person):
    extend(person("other").user, policy, actor=operator)
    later = NOW + 60 * DAY
    until = later + MAX_EXTENSION_DAYS * DAY
    given = {"reason": "on tour", "actor": operator, "now": later}
    assert waivers.objection(fan, policy, until=until, **given) is None


def test_more_time_needs_a_reason(fan, policy, operator):
    with pytest.raises(WaiverError) as refused:
        extend(fan, policy, actor=operator, reason=" \n")
    assert refused.value.why is Objection.NO_REASON


# --- exemptions ------------------------------------------------------------------------------


def test_an_exemption_takes_two_operators_and_names_both(fan, policy, operator, second):
    row, said = events_of(exempt, fan, policy, operator, second)
    assert names(said) == [
        Event.REQUEST_OPENED,
        Event.WAIVER_EXEMPTED,
        Event.REQUEST_APPROVED,
    ]
    assert (row.requested_by, row.approved_by) == ("operator", "second")
    assert said[1].data["requested_by"] == "operator"
    assert said[1].actor_name == "second"
    assert verdict(fan) is Verdict.ALLOW
    (demand,) = [d for d in facts.fresh(fan).requirement.demands if d.policy == policy.pk]
    assert demand.exempt_until == NOW + WEEK
    assert verdict(fan, now=NOW + WEEK) is Verdict.MAILBOX


def test_an_exemption_is_told_to_whom_it_concerns(
    fan, policy, operator, second, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        exempt(fan, policy, operator, second)
    (message,) = [one for one in mail.outbox if "put off" in one.subject]
    assert message.to == ["fan@example.com"]
    assert "asks nothing of you" in message.body


def test_no_exemption_is_longer_than_ninety_days_even_if_a_row_says_so(
    fan, policy, operator, second
):
    asked = requests.ask(
        Deed.EXEMPTION,
        fan,
        requester=operator,
        reason="no phone",
        policy=policy,
        until=NOW + WEEK,
        now=NOW,
    )
    type(asked).objects.filter(pk=asked.pk).update(until=NOW + 1000 * DAY)
    requests.approve(asked.pk, approver=second, random=b"", now=NOW)
    assert PolicyWaiver.objects.get().until == NOW + MAX_EXEMPTION_DAYS * DAY


@pytest.mark.parametrize(
    "state, expected",
    [
        ({"must_enrol": True}, Verdict.MAILBOX),
        ({"must_change": "operator"}, Verdict.MAILBOX),
        ({"frozen": True}, Verdict.DENY),
    ],
)
def test_an_exemption_spares_nothing_but_its_policy(fan, policy, operator, second, state, expected):
    exempt(fan, policy, operator, second)
    Account.objects.filter(user=fan).update(**state)
    assert verdict(fan) is expected


# --- the end ---------------------------------------------------------------------------------


def test_ending_one_acts_on_the_next_request_and_is_told_and_recorded(
    fan, policy, operator, django_capture_on_commit_callbacks
):
    row = extend(fan, policy)
    with django_capture_on_commit_callbacks(execute=True):
        ended, said = events_of(waivers.end, row.pk, actor=operator, now=NOW + 5, where=HERE)
    assert ended
    assert names(said) == [Event.WAIVER_ENDED]
    assert (said[0].target_name, said[0].actor_name) == ("fan", "operator")
    assert PolicyWaiver.objects.get().ended_at == NOW + 5
    assert Account.objects.get(user=fan).waivers == ""
    assert verdict(fan) is Verdict.MAILBOX
    (message,) = mail.outbox
    assert "asked of you again" in message.subject
    assert "Done by: operator" in message.body


def test_an_exemption_that_is_ended_says_so(
    fan, policy, operator, second, django_capture_on_commit_callbacks
):
    row = exempt(fan, policy, operator, second)
    with django_capture_on_commit_callbacks(execute=True):
        assert waivers.end(row.pk, now=NOW)
    (message,) = mail.outbox
    assert "ended your exemption" in message.body


def test_ending_one_leaves_the_others(fan, policy, operator, second):
    short = extend(fan, policy)
    longer = exempt_beside(fan, policy, operator, second)
    waivers.end(short.pk, now=NOW)
    assert Account.objects.get(user=fan).waivers == f"{policy.pk}:x:{longer.until}"


def exempt_beside(user, policy, operator, second):
    asked = requests.ask(
        Deed.EXEMPTION,
        user,
        requester=operator,
        reason="no phone",
        policy=policy,
        until=NOW + 2 * WEEK,
        now=NOW,
    )
    requests.approve(asked.pk, approver=second, random=b"", now=NOW)
    return PolicyWaiver.objects.get(kind=Kind.EXEMPTION)


def test_what_is_over_or_was_never_there_cannot_be_ended(fan, policy):
    row = extend(fan, policy)
    assert waivers.end(row.pk, now=NOW)
    for pk, now in [(row.pk, NOW), (row.pk + 1, NOW)]:
        ended, said = events_of(waivers.end, pk, now=now)
        assert not ended
        assert said == []


def test_what_is_over_goes_from_the_account_with_the_next_change(fan, policy):
    extend(fan, policy, until=NOW + DAY)
    waivers.extend(fan, policy, until=NOW + WEEK, reason="on tour", now=NOW + 2 * DAY)
    assert Account.objects.get(user=fan).waivers == f"{policy.pk}:g:{NOW + WEEK}"


@pytest.mark.parametrize("how", ["row", "queryset"])
def test_a_deleted_policy_takes_along_what_was_granted_from_it(fan, policy, how):
    kept = RolePolicy.objects.create(
        role="superuser", mode=Mode.ENFORCE, strength="any", starts_at=moment(NOW - DAY)
    )
    extend(fan, policy)
    extend(fan, kept)
    rows = RolePolicy.objects.filter(pk=policy.pk)
    pk = policy.pk
    (policy if how == "row" else rows).delete()
    assert Account.objects.get(user=fan).waivers == f"{kept.pk}:g:{NOW + WEEK}"
    # Somebody loads it again, under its old number.
    RolePolicy.objects.create(
        pk=pk, role="everyone", mode=Mode.ENFORCE, starts_at=moment(NOW - DAY)
    )
    assert verdict(fan) is Verdict.MAILBOX


def test_a_waiver_that_cannot_be_stored_leaves_no_trace(fan, policy, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr(waivers, "rewrite", broken)
    with pytest.raises(RuntimeError):
        extend(fan, policy)
    assert not PolicyWaiver.objects.exists()
