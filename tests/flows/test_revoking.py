"""What an operator's revocation ends, whom it means, and who hears of it."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core import mail
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from hardening import devices, facts, sessions
from hardening.audit import Event
from hardening.core.values import ProofKind, Reason, Verdict
from hardening.factors import mailbox, ticket
from hardening.flows import live, prove, recover, revoking, sessionless, tracking, unlock
from hardening.flows.revoking import Order, Scope
from hardening.models import Account, SiteState, UserSession, bumping
from hardening.models.bumping import bump_epochs
from tests.actors import HERE, NOW, events_of, found, names, parked, signed_in
from tests.visitor import DAY

User = get_user_model()
HIT = Order(NOW, why="a stolen laptop", where=HERE)


@pytest.fixture
def crowd(db, clock):
    """Return three people, of whom only the second has a row for her account."""
    made = [User.objects.create_user(name) for name in ("ann", "bob", "cyd")]
    Account.objects.of(made[1].pk)
    return made


def epochs():
    """Return the epoch of each account that has a row, by user name."""
    return dict(Account.objects.values_list("user__username", "epoch"))


def only(*people):
    """Return a query for these."""
    return User.objects.filter(pk__in=[one.pk for one in people])


def verdict(session, user):
    """Return what the next request of a session meets."""
    return live.judge(session, facts.load_user(user.pk), now=NOW)


@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB is asked in pieces")
def test_one_statement_moves_every_account_on(crowd):
    with CaptureQueriesContext(connection) as asked:
        bump_epochs(User.objects.all())
    assert sum("INSERT INTO" in query["sql"] for query in asked) == 1
    assert not any(query["sql"].startswith(("UPDATE", "SELECT")) for query in asked)
    assert epochs() == {"ann": 1, "bob": 1, "cyd": 1}
    bump_epochs(only(crowd[0], crowd[1]))
    assert epochs() == {"ann": 2, "bob": 2, "cyd": 1}


def test_pieces_come_to_the_same(crowd, monkeypatch):
    monkeypatch.setattr(bumping, "PIECE", 2)
    bumping._in_pieces(User.objects.all())
    bumping._in_pieces(only(crowd[0]))
    assert epochs() == {"ann": 2, "bob": 1, "cyd": 1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("faults", [0, 2, 3])
def test_what_stood_in_the_way_is_tried_again_and_in_pieces_at_last(
    clock, person, monkeypatch, faults
):
    person("ann")
    left = [IntegrityError] * faults
    name = "_in_pieces" if connection.vendor == "mysql" else "_at_once"
    real = getattr(bumping, name)

    def failing(users):
        if left:
            raise left.pop()
        real(users)

    monkeypatch.setattr(bumping, name, failing)
    bump_epochs(User.objects.all())
    assert epochs() == {"ann": 1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("faults, done", [(19, True), (1000, False)])
def test_whoever_is_deleted_while_a_piece_is_written_does_not_stop_it(
    clock, person, monkeypatch, faults, done
):
    person("ann")
    left = [IntegrityError] * faults
    real = bumping._insert

    def failing(users, *given, **named):
        if left:
            raise left.pop()
        return real(users, *given, **named)

    monkeypatch.setattr(bumping, "_insert", failing)
    with nullcontext() if done else pytest.raises(IntegrityError):
        bumping._in_pieces(User.objects.all())
    assert epochs() == ({"ann": 1} if done else {})


def test_an_account_that_gets_its_row_so_is_like_any_other(crowd):
    bump_epochs(only(crowd[0], crowd[1]))
    made, known = (Account.objects.get(user=one) for one in crowd[:2])
    columns = [field.attname for field in Account._meta.concrete_fields if field.name != "user"]
    assert [getattr(made, name) for name in columns] == [getattr(known, name) for name in columns]


def test_whoever_a_query_finds_twice_moves_on_once(crowd):
    groups = [Group.objects.create(name=name) for name in ("one", "two")]
    crowd[0].groups.set(groups)
    assert revoking.users(User.objects.filter(groups__in=groups), HIT) == 1
    assert epochs()["ann"] == 1


@pytest.mark.parametrize("nobody", [User.objects.none, lambda: User.objects.filter(pk=-1)])
def test_nobody_is_nobody(crowd, nobody):
    assert revoking.users(nobody(), HIT) == 0
    assert epochs() == {"bob": 0}


def test_percent_signs_in_a_query_are_themselves(crowd):
    odd = User.objects.create_user("100%s {0}")
    assert revoking.users(User.objects.filter(username__contains="%s {"), HIT) == 1
    assert Account.objects.get(user=odd).epoch == 1


def test_sessions_that_were_ended_one_by_one_need_no_list_any_more(crowd):
    assert Account.objects.end_sessions(crowd[1].pk, {"a": NOW + 9}, now=NOW)
    bump_epochs(only(crowd[1]))
    assert Account.objects.get(user=crowd[1]).ended_sessions == ""


def test_the_next_request_of_a_revoked_session_is_out(fan, newcomer):
    session, bystander = signed_in(fan), signed_in(newcomer)
    revoking.users(only(fan), HIT)
    decision = verdict(session, fan)
    assert (decision.verdict, decision.reason) == (Verdict.LOGIN, Reason.REVOKED)
    assert verdict(bystander, newcomer).reason is not Reason.REVOKED


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_that_is_wrong_changes_nothing(fan, years):
    session = signed_in(fan)
    revoking.users(only(fan), Order(NOW + years * 365 * DAY))
    assert verdict(session, fan).reason is Reason.REVOKED
    assert verdict(signed_in(fan), fan).allowed


def test_a_session_from_before_the_app_is_out_too(fan):
    session = signed_in(fan)
    del session[sessions.STAMP_KEY]
    assert verdict(session, fan).allowed
    revoking.users(only(fan), HIT)
    assert verdict(session, fan).reason is Reason.REVOKED


def test_a_sign_in_that_waits_is_over(member):
    session = parked(member)
    assert found(session) is not None
    revoking.users(only(member), HIT)
    assert found(session) is None


@pytest.mark.parametrize(
    "revoke", [lambda: revoking.users(User.objects.all(), HIT), lambda: revoking.everybody(HIT)]
)
def test_a_ticket_is_void(newcomer, revoke):
    handed = recover.issue_ticket(newcomer, bytes(ticket.TICKET_BYTES), now=NOW)
    revoke()
    assert not ticket.spend(newcomer.pk, handed, now=NOW)
    later = recover.issue_ticket(newcomer, bytes(ticket.TICKET_BYTES), now=NOW)
    assert ticket.spend(newcomer.pk, later, now=NOW)


def test_a_mailbox_code_in_flight_is_void(newcomer):
    session = parked(newcomer)
    code = mailbox.new_code(found(session).row, bytes(mailbox.CODE_BYTES), now=NOW)
    waiting = found(session)
    revoking.users(only(newcomer), HIT)
    judged = prove.mailbox_code(waiting, code, now=NOW, where=HERE)
    assert judged.waiting is None or not judged.waiting.decision.allowed
    assert found(session) is None


def test_a_link_that_unlocks_is_void(fan):
    unlock.send_link("fan", bytes(unlock.TOKEN_BYTES), page="x/", address=None, now=NOW, where=HERE)
    (token,) = re.findall(r"x/([^/\s]+)/", mail.outbox[-1].body)
    assert unlock.find(token, now=NOW) == fan
    revoking.users(only(fan), HIT)
    assert unlock.find(token, now=NOW) is None


def test_evidence_beside_a_token_is_void(member, factor):
    session = signed_in(member, (ProofKind.FACTOR, factor.pk))
    evidence = sessionless.evidence_of(session, member)

    def ask():
        user = facts.load_user(member.pk)
        return sessionless.judge(user, evidence=evidence, now=NOW, where=HERE)

    assert ask().allowed
    revoking.users(only(member), HIT)
    assert ask().reason is Reason.REVOKED


def test_a_known_browser_is_unknown(member):
    def known(cookie):
        who = facts.fresh(member).who()
        bound = {"account_epoch": who.account_epoch, "site_epoch": who.site_epoch}
        if cookie is not None:
            return devices.find(cookie, member.pk, password=member.password, now=NOW, **bound)
        return devices.issue(
            None,
            member.pk,
            password=member.password,
            proven=True,
            random=bytes(16),
            now=NOW,
            **bound,
        )

    cookie = known(None)
    assert known(cookie).proven
    revoking.users(only(member), HIT)
    assert known(cookie) is None


def test_everybody_is_one_write(fan):
    session = signed_in(fan)
    before = SiteState.objects.bump_epoch()
    Account.objects.all().delete()
    assert revoking.everybody(HIT) == 1
    assert SiteState.objects.get().epoch == before + 1
    assert not Account.objects.exists()
    assert verdict(session, fan).reason is Reason.REVOKED


def test_a_role_means_its_members(crowd):
    User.objects.filter(pk=crowd[2].pk).update(is_staff=True)
    assert revoking.role("staff", HIT) == 1
    assert epochs() == {"bob": 0, "cyd": 1}


def test_a_role_that_is_not_there_means_nobody(crowd):
    with pytest.raises(revoking.UnknownRoleError):
        revoking.role("no-such-role", HIT)
    assert epochs() == {"bob": 0}


def test_a_list_of_keys_is_taken_in_pieces(crowd, monkeypatch):
    monkeypatch.setattr(revoking, "KEYS", 2)
    keys = [one.pk for one in crowd]
    assert revoking.listed([*keys, keys[0], 10**6], HIT) == 3
    assert epochs() == {"ann": 1, "bob": 1, "cyd": 1}


@pytest.mark.parametrize(
    "revoke",
    [
        lambda order: revoking.users(User.objects.all(), order),
        lambda order: revoking.listed(list(User.objects.values_list("pk", flat=True)), order),
        lambda order: revoking.role("everyone", order),
        revoking.everybody,
    ],
    ids=["users", "listed", "role", "everybody"],
)
def test_a_dry_run_counts_and_nothing_else(crowd, revoke):
    count, said = events_of(revoke, Order(NOW, dry_run=True, mail=True))
    assert (count, said, epochs(), mail.outbox) == (3, [], {"bob": 0}, [])
    assert not SiteState.objects.exists()


def test_a_revocation_says_who_why_and_how_many(crowd, member):
    order = Order(NOW, actor=member, why="a stolen laptop", where=HERE)
    _, said = events_of(revoking.role, "everyone", order)
    assert set(names(said)) == {Event.SESSIONS_REVOKED}
    whole, *each = said
    assert (whole.target_pk, whole.actor_name, whole.reason) == ("", "member", Scope.ROLE)
    assert whole.data == {"count": 4, "why": "a stolen laptop", "role": "everyone"}
    assert whole.address == HERE.address
    assert {one.target_name for one in each} == {"member", "ann", "bob", "cyd"}


def test_of_many_there_is_one_event_and_no_mail(crowd, monkeypatch):
    monkeypatch.setattr(revoking, "MAX_NAMED", 2)
    User.objects.update(email="somebody@example.com")
    count, said = events_of(revoking.users, User.objects.all(), HIT)
    assert (count, len(said), mail.outbox) == (3, 1, [])


@pytest.mark.parametrize(
    "revoke, mailed, count",
    [
        (lambda order: revoking.users(User.objects.all(), order), None, 3),
        (lambda order: revoking.users(User.objects.all(), order), False, 0),
        (lambda order: revoking.role("everyone", order), None, 0),
        (lambda order: revoking.role("everyone", order), True, 3),
        (revoking.everybody, None, 0),
        (revoking.everybody, True, 3),
    ],
)
def test_who_is_told_by_mail(crowd, django_capture_on_commit_callbacks, revoke, mailed, count):
    for one in crowd:
        User.objects.filter(pk=one.pk).update(email=f"{one.username}@example.com")
    with django_capture_on_commit_callbacks(execute=True):
        revoke(Order(NOW, mail=mailed))
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == count


def test_the_progress_of_mails_is_told(crowd):
    steps = []
    revoking.everybody(Order(NOW, mail=True), told=steps.append)
    assert steps == [1, 1, 1]


def test_the_session_that_is_kept_goes_on(member, factor):
    session = signed_in(member)
    stamp = sessions.read(session, member.pk)
    revoking.users(only(member), HIT)
    assert verdict(session, member).reason is Reason.REVOKED
    revoking.keep(session, member)
    assert verdict(session, member).reason is not Reason.REVOKED
    assert sessions.read(session, member.pk).id == stamp.id


@pytest.mark.parametrize("other", ["of him", "of everybody", "of this session", "earlier"])
def test_what_somebody_else_ended_at_the_same_time_is_not_kept(member, factor, other):
    session = signed_in(member)
    tracking.began(session, member, now=NOW, where=HERE)
    stamp = sessions.read(session, member.pk)
    if other == "of this session":
        Account.objects.end_sessions(member.pk, {stamp.id: NOW + DAY}, now=NOW)
        UserSession.objects.end([stamp.id], why="owner", now=NOW)
    elif other == "of everybody":
        revoking.everybody(HIT)
    elif other == "earlier":
        Account.objects.bump_epoch(member.pk)
    revoking.users(only(member), HIT)
    if other == "of him":
        revoking.users(only(member), HIT)
    revoking.keep(session, member)
    assert verdict(session, member).reason is Reason.REVOKED


def test_a_session_without_a_name_gets_one_when_it_is_kept(fan):
    session = signed_in(fan)
    del session[sessions.STAMP_KEY]
    revoking.keep(session, fan)
    assert sessions.read(session, fan.pk).id
