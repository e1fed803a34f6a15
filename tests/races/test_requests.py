"""Operators' requests and waivers under parallel answers: the deed is done once, or not at all."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError

from hardening import testing
from hardening.audit import Event
from hardening.core import grace
from hardening.factors import ticket
from hardening.flows import requests, waivers
from hardening.flows.requests import Objection, RequestError
from hardening.models import (
    Account,
    EnrolmentTicket,
    Factor,
    OperatorRequest,
    PolicyWaiver,
    RolePolicy,
    SecurityEvent,
)
from hardening.models.policy import Mode
from hardening.models.request import Deed, State
from hardening.moments import moment
from tests.actors import NOW, reread
from tests.races.runner import race, race_all
from tests.visitor import DAY

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 25  # each asks, approves and resets: many more statements than a claim of one row
WEEK = 7 * DAY


@pytest.fixture
def operators(clock, person):
    """Return four people who may ask and approve."""
    may = Permission.objects.filter(codename__in=["add_operatorrequest", "approve_request"])
    made = [person(f"operator{n}", is_staff=True).user for n in range(4)]
    for user in made:
        user.user_permissions.set(may)
    return [reread(user) for user in made]


@pytest.fixture
def member(clock, person):
    return person("member", is_staff=True).user


@pytest.fixture
def policy(clock):
    return RolePolicy.objects.create(role="everyone", mode=Mode.REPORT, starts_at=moment(NOW - DAY))


def ask(requester, target, deed=Deed.RECOVERY, **more):
    return requests.ask(deed, target, requester=requester, reason="lost", now=NOW, **more)


def approve(asked, user):
    """Return the ticket, an empty text, or why not."""
    random = os.urandom(ticket.TICKET_BYTES)
    try:
        return requests.approve(asked.pk, approver=user, random=random, now=NOW).ticket
    except RequestError as error:
        return error.why


def withdraw(asked, user):
    try:
        requests.withdraw(asked.pk, actor=user, now=NOW)
    except RequestError as error:
        return error.why
    return "withdrawn"


def resets():
    return SecurityEvent.objects.filter(event=Event.FACTORS_RESET).count()


def test_parallel_approvals_of_a_recovery_do_it_once(member, operators):
    asker, *others = operators
    for turn in range(ROUNDS):
        testing.enrol(member)
        asked = ask(asker, member)
        answers = race_all(lambda user, asked=asked: approve(asked, user), others)
        assert sorted(answers) == ["", Objection.CLOSED, Objection.CLOSED], f"round {turn}"
        assert resets() == turn + 1


def test_parallel_approvals_by_the_same_operator_in_two_windows_do_it_once(member, operators):
    asker, other, *_ = operators
    for _ in range(ROUNDS):
        asked = ask(asker, member, Deed.TICKET)
        answers = race_all(lambda _n, asked=asked: approve(asked, other), range(4))
        shown = [one for one in answers if one is not Objection.CLOSED]
        assert len(shown) == 1
        assert EnrolmentTicket.objects.get().used_at is None
        assert ticket.spend(member.pk, shown[0], now=NOW)
        EnrolmentTicket.objects.all().delete()


def test_an_approval_against_a_withdrawal_ends_in_one_of_the_two(member, operators):
    asker, other, *_ = operators
    for turn in range(ROUNDS):
        testing.enrol(member)
        before = resets()
        asked = ask(asker, member)
        approved, withdrawn = race(
            lambda asked=asked: approve(asked, other), lambda asked=asked: withdraw(asked, asker)
        )
        was_done = approved == ""
        assert was_done == (withdrawn is Objection.CLOSED), f"round {turn}"
        assert was_done == (resets() == before + 1)
        assert Factor.objects.owned(member.pk).confirmed().exists() is not was_done
        state = OperatorRequest.objects.get(pk=asked.pk).state
        assert state == (State.APPROVED if was_done else State.WITHDRAWN)
        Factor.objects.all().delete()


def test_an_approval_against_a_refusal_ends_in_one_of_the_two(member, operators):
    asker, one, other, _ = operators

    def refuse(asked):
        try:
            requests.refuse(asked.pk, actor=other, now=NOW)
        except RequestError as error:
            return error.why
        return "refused"

    for _ in range(ROUNDS):
        asked = ask(asker, member, Deed.TICKET)
        approved, refused = race(
            lambda asked=asked: approve(asked, one), lambda asked=asked: refuse(asked)
        )
        assert (approved is Objection.CLOSED) == (refused == "refused")
        assert EnrolmentTicket.objects.exists() == (approved is not Objection.CLOSED)
        EnrolmentTicket.objects.all().delete()


def test_a_requester_beside_another_operator_never_approves_his_own(member, operators):
    asker, other, *_ = operators
    for _ in range(ROUNDS):
        asked = ask(asker, member, Deed.TICKET)
        own, others = race(
            lambda asked=asked: approve(asked, asker), lambda asked=asked: approve(asked, other)
        )
        assert own in (Objection.OWN_REQUEST, Objection.CLOSED)
        assert not isinstance(others, Objection)


# --- waivers ---------------------------------------------------------------------------------


def standing(user):
    return set(grace.decode(Account.objects.get(user_id=user.pk).waivers))


def test_waivers_granted_at_once_all_reach_the_account(member, policy):
    for _ in range(ROUNDS):
        race_all(
            lambda days: waivers.extend(
                member, policy, until=NOW + days * DAY, reason="on tour", now=NOW
            ),
            range(1, 5),
        )
        assert len(standing(member)) == 4
        assert standing(member) == set(PolicyWaiver.objects.values_of(member.pk, now=NOW))
        PolicyWaiver.objects.all().delete()


def test_one_granted_and_one_ended_at_once_both_count(member, policy):
    for _ in range(ROUNDS):
        old = waivers.extend(member, policy, until=NOW + DAY, reason="on tour", now=NOW)
        new, ended = race(
            lambda: waivers.extend(member, policy, until=NOW + WEEK, reason="late", now=NOW),
            lambda old=old: waivers.end(old.pk, now=NOW),
        )
        assert ended
        assert {one.until for one in standing(member)} == {new.until}
        PolicyWaiver.objects.all().delete()


def test_one_that_is_ended_twice_at_once_is_ended_once(member, policy):
    for _ in range(ROUNDS):
        row = waivers.extend(member, policy, until=NOW + DAY, reason="on tour", now=NOW)
        ended = race_all(lambda _n, row=row: waivers.end(row.pk, now=NOW), range(3))
        assert ended.count(True) == 1


def test_exemptions_approved_at_once_for_one_person_both_reach_the_account(
    member, policy, operators
):
    asker, one, other, _ = operators
    staff = RolePolicy.objects.create(role="staff", mode=Mode.REPORT, starts_at=moment(NOW))
    for _ in range(ROUNDS):
        asked = [
            ask(asker, member, Deed.EXEMPTION, policy=row, until=NOW + WEEK)
            for row in (policy, staff)
        ]
        answers = race_all(lambda pair: approve(*pair), list(zip(asked, (one, other), strict=True)))
        assert answers == ["", ""]
        assert {found.policy for found in standing(member)} == {policy.pk, staff.pk}
        PolicyWaiver.objects.all().delete()


def test_a_policy_deleted_while_more_is_granted_leaves_nothing_behind_and_no_circle(
    member, operators
):
    asker, other, *_ = operators

    def quietly(deed):
        try:
            return deed()
        except (IntegrityError, RequestError, RolePolicy.DoesNotExist):
            return None  # one came too late for the other; nothing is half done

    more = {"until": NOW + WEEK, "reason": "late", "now": NOW}
    for _ in range(ROUNDS):
        row = RolePolicy.objects.create(role="everyone", mode=Mode.REPORT, starts_at=moment(NOW))
        pk = row.pk
        waivers.extend(member, row, until=NOW + DAY, reason="on tour", now=NOW)
        asked = ask(asker, member, Deed.EXEMPTION, policy=row, until=NOW + WEEK)
        race(
            lambda pk=pk: quietly(RolePolicy.objects.get(pk=pk).delete),
            lambda asked=asked: quietly(lambda: approve(asked, other)),
            lambda row=row: quietly(lambda: waivers.extend(member, row, **more)),
        )
        RolePolicy.objects.filter(pk=pk).delete()
        assert standing(member) == set()
