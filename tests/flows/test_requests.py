"""Four eyes: who may ask, approve, refuse and withdraw, and that the deed is done once."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail

from hardening import testing
from hardening.audit import Event
from hardening.factors import ticket
from hardening.flows import recover, requests
from hardening.flows.requests import Objection, RequestError
from hardening.models import (
    Account,
    EnrolmentTicket,
    Factor,
    OperatorRequest,
    RolePolicy,
    SecurityEvent,
)
from hardening.models.policy import Mode
from hardening.models.request import OPEN_SECONDS, Deed, State
from hardening.models.waiver import MAX_EXEMPTION_DAYS
from hardening.moments import moment
from tests.actors import HERE, NOW, events_of, names, reread
from tests.visitor import DAY

RANDOM = bytes(ticket.TICKET_BYTES)


def permit(user, *names):
    """Give permissions and return the user as another request loads her."""
    for name in names:
        user.user_permissions.add(Permission.objects.get(codename=name))
    return reread(user)


@pytest.fixture
def asker(clock, person, db):
    """Return an operator who may ask and no more."""
    return permit(person("asker", is_staff=True).user, "add_operatorrequest")


@pytest.fixture
def both(clock, person, db):
    """Return an operator who may ask and approve."""
    return permit(person("both", is_staff=True).user, "add_operatorrequest", "approve_request")


@pytest.fixture
def approver(clock, person, db):
    """Return an operator who may approve and no more."""
    return permit(person("approver", is_staff=True).user, "approve_request")


@pytest.fixture
def policy(db):
    return RolePolicy.objects.create(role="everyone", mode=Mode.ENFORCE, starts_at=moment(NOW))


def ask(requester, target, deed=Deed.RECOVERY, *, reason="phone lost", now=NOW, **more):
    return requests.ask(
        deed, target, requester=requester, reason=reason, now=now, where=HERE, **more
    )


def approve(asked, by, *, now=NOW):
    return requests.approve(asked.pk, approver=by, random=RANDOM, now=now, where=HERE)


def state(asked):
    return OperatorRequest.objects.get(pk=asked.pk).state


def why_not(flow, *args, **kwargs):
    with pytest.raises(RequestError) as refused:
        flow(*args, **kwargs)
    return refused.value.why


# --- asking ----------------------------------------------------------------------------------


def test_asking_changes_nothing_and_is_recorded_with_its_reason(member, factor, asker):
    asked, said = events_of(ask, asker, member, evidence="called back")
    assert names(said) == [Event.REQUEST_OPENED]
    assert (said[0].target_name, said[0].actor_name) == ("member", "asker")
    assert said[0].data == {"request": asked.pk, "deed": "recovery", "why": "phone lost"}
    assert (asked.state, asked.evidence) == (State.OPEN, "called back")
    assert asked.expires_at == NOW + OPEN_SECONDS
    assert Factor.objects.owned(member.pk).confirmed().exists()


@pytest.mark.parametrize(
    "deed, words",
    [
        (Deed.RECOVERY, "that the second factor of"),
        (Deed.TICKET, "enrolment ticket"),
        (Deed.EXEMPTION, "exempt from the policy for"),
    ],
)
def test_whom_it_is_about_and_whoever_may_approve_are_told(
    fan, asker, both, approver, policy, deed, words, django_capture_on_commit_callbacks
):
    more = {"policy": policy, "until": NOW + 2 * DAY} if deed == Deed.EXEMPTION else {}
    with django_capture_on_commit_callbacks(execute=True):
        ask(both, fan, deed, **more)
    told = {message.to[0]: message for message in mail.outbox}
    assert set(told) == {"fan@example.com", "approver@example.com"}
    flat = {to: " ".join(message.body.split()) for to, message in told.items()}
    assert words in flat["approver@example.com"]
    assert "fan" in flat["approver@example.com"]
    assert "Done by: both" in flat["fan@example.com"]
    assert "Reason: phone lost" in flat["fan@example.com"]


def test_no_more_than_some_operators_are_told(
    fan, asker, approver, person, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(requests, "MAX_TOLD", 1)
    permit(person("third").user, "approve_request")
    with django_capture_on_commit_callbacks(execute=True):
        ask(asker, fan)
    assert len(mail.outbox) == 2


def test_asking_takes_the_permission(fan, approver, newcomer):
    for nobody in (approver, newcomer, None):
        assert why_not(ask, nobody, fan) is Objection.NOT_PERMITTED
    assert not OperatorRequest.objects.exists()


def test_nobody_asks_for_himself(asker):
    assert why_not(ask, asker, asker) is Objection.ABOUT_ONESELF


@pytest.mark.parametrize(
    "deed, given, why",
    [
        (Deed.RECOVERY, {"reason": "  "}, Objection.INCOMPLETE),
        (Deed.RECOVERY, {"until": NOW + DAY}, Objection.INCOMPLETE),
        (Deed.TICKET, {"policy": True}, Objection.INCOMPLETE),
        (Deed.EXEMPTION, {}, Objection.INCOMPLETE),
        (Deed.EXEMPTION, {"until": NOW + DAY}, Objection.INCOMPLETE),
        (Deed.EXEMPTION, {"policy": True}, Objection.INCOMPLETE),
        (Deed.EXEMPTION, {"policy": True, "until": NOW}, Objection.INCOMPLETE),
        (
            Deed.EXEMPTION,
            {"policy": True, "until": NOW + MAX_EXEMPTION_DAYS * DAY + 1},
            Objection.TOO_LONG,
        ),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(fan, asker, policy, deed, given, why):
    given = {**given, "policy": policy} if "policy" in given else given
    assert why_not(ask, asker, fan, deed, **given) is why
    assert not OperatorRequest.objects.exists()


def test_an_exemption_of_ninety_days_may_be_asked_for(fan, asker, policy):
    until = NOW + MAX_EXEMPTION_DAYS * DAY
    assert ask(asker, fan, Deed.EXEMPTION, policy=policy, until=until).until == until


def test_a_request_for_an_exemption_is_over_when_that_would_be(fan, asker, approver, policy):
    asked = ask(asker, fan, Deed.EXEMPTION, policy=policy, until=NOW + 60)
    assert why_not(approve, asked, approver, now=NOW + 60) is Objection.CLOSED


def test_the_same_is_asked_for_once_at_a_time(fan, member, asker, both):
    first = ask(asker, fan)
    assert why_not(ask, both, fan) is Objection.ALREADY_OPEN
    ask(both, fan, Deed.TICKET)
    ask(both, member)
    requests.withdraw(first.pk, actor=asker, now=NOW)
    ask(both, fan)


def test_after_a_day_the_same_may_be_asked_for_again(fan, asker):
    ask(asker, fan)
    ask(asker, fan, now=NOW + OPEN_SECONDS)


# --- approving -------------------------------------------------------------------------------


def test_an_approved_recovery_is_done_and_names_both(member, factor, asker, approver):
    asked = ask(asker, member)
    approved, said = events_of(approve, asked, approver)
    assert (approved.alone, approved.ticket) == (False, "")
    assert names(said) == [Event.FACTORS_RESET, Event.REQUEST_APPROVED]
    assert {event.actor_name for event in said} == {"approver"}
    assert said[0].data["why"] == "phone lost"
    assert said[1].data == {"request": asked.pk, "deed": "recovery", "requested_by": "asker"}
    assert not Factor.objects.owned(member.pk).confirmed().exists()
    row = OperatorRequest.objects.get()
    assert (row.state, row.closer_name, row.closed_at) == (State.APPROVED, "approver", NOW)


def test_an_approved_ticket_is_returned_to_whoever_approved_and_stored_nowhere(
    newcomer, asker, approver, django_capture_on_commit_callbacks
):
    asked = ask(asker, newcomer, Deed.TICKET)
    with django_capture_on_commit_callbacks(execute=True):
        approved, said = events_of(approve, asked, approver)
    assert names(said) == [Event.TICKET_ISSUED, Event.REQUEST_APPROVED]
    assert approved.ticket not in repr(approved)
    rows = (OperatorRequest, SecurityEvent, EnrolmentTicket)
    kept = str([list(model.objects.values()) for model in rows])
    mailed = "".join(message.body for message in mail.outbox)
    for text in (approved.ticket, approved.ticket.replace("-", "")):
        assert text not in kept + mailed
    assert ticket.spend(newcomer.pk, approved.ticket, now=NOW)


def test_whoever_asked_and_whom_it_is_about_are_told_of_an_approval(
    newcomer, asker, approver, django_capture_on_commit_callbacks
):
    asked = ask(asker, newcomer, Deed.TICKET)
    with django_capture_on_commit_callbacks(execute=True):
        approve(asked, approver)
    told = {message.to[0]: " ".join(message.body.split()) for message in mail.outbox}
    assert set(told) == {"newcomer@example.com", "asker@example.com"}
    assert "was approved" in told["asker@example.com"]
    assert "shown to whoever approved" in told["asker@example.com"]
    assert "made an enrolment ticket" in told["newcomer@example.com"]


def test_nobody_approves_what_he_asked_for(member, factor, both, approver):
    asked = ask(both, member)
    why, said = events_of(why_not, approve, asked, both)
    assert why is Objection.OWN_REQUEST
    assert names(said) == [Event.REQUEST_NOT_APPROVED]
    assert (said[0].actor_name, said[0].reason) == ("both", "own_request")
    assert state(asked) == State.OPEN
    assert Factor.objects.owned(member.pk).confirmed().exists()


def test_nobody_approves_what_is_about_himself(asker, approver, both):
    asked = ask(asker, approver)
    why, said = events_of(why_not, approve, asked, approver)
    assert why is Objection.ABOUT_ONESELF
    assert said[0].reason == "about_oneself"
    assert state(asked) == State.OPEN


def test_the_row_itself_refuses_who_may_not_whatever_was_asked_before(member, both, approver):
    """The conditions stand in the UPDATE too: two looks at once fool nobody."""
    asked = ask(both, member)
    for user, alone in [(both, False), (member, True)]:
        given = {"closed_by": user.pk, "key": str(user.pk), "name": "", "alone": alone}
        assert not OperatorRequest.objects.close(asked.pk, State.APPROVED, **given, now=NOW)


@pytest.mark.parametrize("who", ["asker", "newcomer", "nobody"])
def test_approving_takes_the_permission_and_a_person(request, member, both, asker, who):
    asked = ask(both, member)
    user = None if who == "nobody" else request.getfixturevalue(who)
    why, said = events_of(why_not, approve, asked, user)
    assert why is Objection.NOT_PERMITTED
    assert names(said) == [Event.REQUEST_NOT_APPROVED]
    assert why_not(requests.refuse, asked.pk, actor=user, now=NOW) is Objection.NOT_PERMITTED
    assert state(asked) == State.OPEN


def test_an_operator_who_is_inactive_approves_nothing(member, asker, approver):
    asked = ask(asker, member)
    approver.is_active = False
    assert why_not(approve, asked, approver) is Objection.NOT_PERMITTED


@pytest.mark.parametrize("what", ["gone", "inactive", "frozen", "not permitted any more"])
def test_nothing_is_done_for_a_requester_who_may_no_longer_ask(member, asker, approver, what):
    asked = ask(asker, member)
    if what == "gone":
        asker.delete()
    elif what == "inactive":
        type(asker).objects.filter(pk=asker.pk).update(is_active=False)
    elif what == "frozen":
        Account.objects.of(asker.pk)
        Account.objects.filter(user_id=asker.pk).update(frozen=True)
    else:
        asker.user_permissions.clear()
    why, said = events_of(why_not, approve, asked, approver)
    assert why is Objection.REQUESTER_GONE
    assert (names(said), said[0].reason) == ([Event.REQUEST_NOT_APPROVED], "requester_gone")
    assert state(asked) == State.OPEN
    assert Factor.objects.owned(member.pk).confirmed().exists()


def test_a_request_is_approved_once(member, asker, approver, both):
    asked = ask(asker, member)
    approve(asked, approver)
    testing.enrol(member)
    assert why_not(approve, asked, both) is Objection.CLOSED
    assert Factor.objects.owned(member.pk).confirmed().exists()


def test_two_who_looked_at_the_same_time_do_it_once(member, asker, approver, both, monkeypatch):
    asked = ask(asker, member)
    looked = requests.objection_to_approving

    def looked_before_the_other(*args, **kwargs):
        monkeypatch.setattr(requests, "objection_to_approving", looked)
        found = looked(*args, **kwargs)
        approve(asked, both)
        return found

    monkeypatch.setattr(requests, "objection_to_approving", looked_before_the_other)
    why, said = events_of(why_not, approve, asked, approver)
    assert why is Objection.CLOSED
    assert names(said).count(Event.FACTORS_RESET) == 1
    assert names(said)[-1] == Event.REQUEST_NOT_APPROVED


def test_a_request_expires_after_a_day(member, asker, approver):
    asked = ask(asker, member)
    assert why_not(approve, asked, approver, now=NOW + OPEN_SECONDS) is Objection.CLOSED
    approve(asked, approver, now=NOW + OPEN_SECONDS - 1)
    assert state(asked) == State.APPROVED


def test_a_request_that_is_not_there_is_closed(approver):
    later = {"now": NOW}
    assert (
        why_not(requests.approve, 7, approver=approver, random=RANDOM, **later) is Objection.CLOSED
    )
    assert why_not(requests.refuse, 7, actor=approver, **later) is Objection.CLOSED
    assert why_not(requests.withdraw, 7, actor=approver, **later) is Objection.CLOSED


def test_a_deed_that_fails_leaves_the_request_open(member, asker, approver, monkeypatch):
    asked = ask(asker, member)

    def broken(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr(recover, "reset_factors", broken)
    with pytest.raises(RuntimeError):
        approve(asked, approver)
    assert state(asked) == State.OPEN


# --- the only operator -----------------------------------------------------------------------


def test_the_only_operator_approves_alone_and_it_is_said_loudly(
    member, both, caplog, django_capture_on_commit_callbacks
):
    asked = ask(both, member)
    with (
        caplog.at_level(logging.WARNING, "hardening"),
        django_capture_on_commit_callbacks(execute=True),
    ):
        approved, said = events_of(approve, asked, both)
    assert approved.alone
    assert said[-1].event == Event.REQUEST_APPROVED
    assert said[-1].data["alone"] is True
    assert "approved by its requester alone" in caplog.text
    assert [message.to for message in mail.outbox] == [["member@example.com"]]


def test_an_exemption_always_takes_two(member, both, policy):
    asked = ask(both, member, Deed.EXEMPTION, policy=policy, until=NOW + DAY)
    assert why_not(approve, asked, both) is Objection.OWN_REQUEST


def test_not_even_the_only_operator_approves_what_is_about_himself(asker, both):
    asked = ask(asker, both)
    assert why_not(approve, asked, both) is Objection.ABOUT_ONESELF


def test_where_the_only_other_operator_is_whom_it_is_about_there_is_nobody_else(both, approver):
    assert approve(ask(both, approver), both).alone


@pytest.mark.parametrize("how", ["superuser", "group"])
def test_other_operators_are_seen_however_they_are_permitted(member, both, person, how):
    other = person("other", is_superuser=how == "superuser").user
    if how == "group":
        group = Group.objects.create(name="operators")
        group.permissions.add(Permission.objects.get(codename="approve_request"))
        other.groups.add(group)
    asked = ask(both, member)
    assert why_not(approve, asked, both) is Objection.OWN_REQUEST
    other.is_active = False
    other.save()
    assert approve(asked, both).alone


# --- refusing and withdrawing ----------------------------------------------------------------


def test_a_refused_request_changes_nothing_and_everybody_is_told(
    member, factor, asker, approver, django_capture_on_commit_callbacks
):
    asked = ask(asker, member)
    with django_capture_on_commit_callbacks(execute=True):
        _, said = events_of(
            requests.refuse, asked.pk, actor=approver, why="not reached", now=NOW, where=HERE
        )
    assert names(said) == [Event.REQUEST_TURNED_DOWN]
    assert said[0].data["why"] == "not reached"
    assert state(asked) == State.REFUSED
    assert Factor.objects.owned(member.pk).confirmed().exists()
    told = {message.to[0]: message.body for message in mail.outbox}
    assert set(told) == {"asker@example.com", "member@example.com"}
    assert "Reason: not reached" in told["asker@example.com"]
    assert why_not(approve, asked, approver) is Objection.CLOSED


def test_ones_own_request_is_withdrawn_and_not_refused(member, both, approver):
    asked = ask(both, member)
    own = why_not(requests.refuse, asked.pk, actor=both, now=NOW)
    assert own is Objection.OWN_REQUEST
    _, said = events_of(requests.withdraw, asked.pk, actor=both, now=NOW, where=HERE)
    assert names(said) == [Event.REQUEST_WITHDRAWN]
    assert state(asked) == State.WITHDRAWN
    again = why_not(requests.withdraw, asked.pk, actor=both, now=NOW)
    assert again is Objection.CLOSED
    assert why_not(approve, asked, approver) is Objection.CLOSED


def test_nobody_withdraws_what_another_one_asked_for(member, asker, approver):
    asked = ask(asker, member)
    why = why_not(requests.withdraw, asked.pk, actor=approver, now=NOW)
    assert why is Objection.NOT_PERMITTED
    given = {"closed_by": approver.pk, "key": str(approver.pk), "name": "", "alone": False}
    assert not OperatorRequest.objects.close(asked.pk, State.WITHDRAWN, **given, now=NOW)


def test_a_requester_who_is_gone_is_told_nothing(
    member, asker, approver, django_capture_on_commit_callbacks
):
    asked = ask(asker, member)
    asker.delete()
    with django_capture_on_commit_callbacks(execute=True):
        requests.refuse(asked.pk, actor=approver, now=NOW, where=HERE)
    assert [message.to for message in mail.outbox] == [["member@example.com"]]
