"""Populations to preview policies with: few people, and everything that policies look at."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from hypothesis import strategies as st

from hardening import facts, policies
from hardening.core.decision import decide
from hardening.core.grace import WaiverKind, encode
from hardening.core.values import Need, Proof, ProofKind, Session
from hardening.models import Account, PolicyWaiver, RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW

NEW_DAYS = 2  # of grace for new accounts, where a policy grants any
TOTP, KEY, BOUND = "1:totp:1:ku", "2:key:2:ku", "3:key:3:ku"
# As `registry.encode` writes them; the kinds `key` and `gone` are not installed here.
FACTORS = ["", "", TOTP, "12:totp:1:", KEY, BOUND, f"{TOTP},{KEY}", f"{BOUND},{TOTP}", "4:gone:1:"]
ROLES = [
    *("everyone", "staff", "superuser", "group:editors", "perm:auth.change_group"),
    "no-such-role",
]
STRENGTHS = ["any", "phishing-resistant", "device-bound"]
EDGE = NOW - NEW_DAYS * DAY  # who joined then has used all days up by now
JOINED = [EDGE - 400 * DAY, EDGE - 1, EDGE, EDGE + 1, NOW]


@dataclass(frozen=True)
class Someone:
    """One user, and what was granted: (kind, until, ended) each."""

    is_active: bool = True
    is_staff: bool = False
    is_superuser: bool = False
    in_group: bool = False
    may_by_group: bool = False
    may: bool = False
    has_mailbox: bool = True
    has_account: bool = True
    factors: str = ""
    joined: int = NOW - 400 * DAY
    half_a_second: bool = False
    frozen: bool = False
    must_enrol: bool = False
    granted: list = field(default_factory=list)


mostly = st.sampled_from([True, True, True, False])
seldom = st.sampled_from([False, False, False, True])
grants = st.tuples(
    st.sampled_from(WaiverKind), st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + DAY]), seldom
)
someone = st.builds(
    Someone,
    is_active=mostly,
    is_staff=st.booleans(),
    is_superuser=seldom,
    in_group=st.booleans(),
    may_by_group=seldom,
    may=seldom,
    has_mailbox=mostly,
    has_account=mostly,
    factors=st.sampled_from(FACTORS),
    joined=st.sampled_from(JOINED),
    half_a_second=st.booleans(),
    frozen=seldom,
    must_enrol=seldom,
    granted=st.lists(grants, max_size=2),
)
crowds = st.lists(someone, max_size=6)
rules = st.fixed_dictionaries(
    {
        "role": st.sampled_from(ROLES),
        "strength": st.sampled_from(STRENGTHS),
        "starts_at": st.sampled_from([NOW - DAY, NOW - 1, NOW, NOW + 1]).map(moment),
        "grace_days": st.sampled_from([0, 0, 1]),
        "new_account_days": st.sampled_from([0, NEW_DAYS]),
        "first_enrolment": st.sampled_from(["mailbox", "mailbox", "ticket"]),
    }
)
floors = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["staff", "superuser"]), "strength": st.sampled_from(STRENGTHS)},
        optional={"due": st.sampled_from(["2020-01-01", "2030-01-01"])},
    ),
    max_size=2,
)


@contextmanager
def thrown_away():
    """Undo what an example has written: hypothesis runs many of them in one test."""
    policies.forget()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    policies.forget()


def policy(**values):
    """Return a policy that is not saved; enforced and due, if nothing else is said."""
    default = {"role": "staff", "mode": Mode.ENFORCE, "starts_at": moment(NOW - DAY)}
    return RolePolicy(**{**default, **values})


def settle(crowd, row=None):
    """Make the people of a crowd; what was granted is about `row`, where there is one."""
    editors, clerks = (Group.objects.get_or_create(name=n)[0] for n in ("editors", "clerks"))
    right = Permission.objects.get(codename="change_group", content_type__app_label="auth")
    clerks.permissions.add(right)
    there = get_user_model().objects.count()
    return [_settle(one, there + n, row, editors, clerks, right) for n, one in enumerate(crowd)]


def _settle(one, number, row, editors, clerks, right):
    joined = moment(one.joined) + timedelta(milliseconds=500 if one.half_a_second else 0)
    user = get_user_model().objects.create(
        username=f"person{number}",
        email=f"person{number}@example.com" if one.has_mailbox else "",
        password="plain",
        is_active=one.is_active,
        is_staff=one.is_staff,
        is_superuser=one.is_superuser,
        date_joined=joined,
    )
    groups = ((editors, one.in_group), (clerks, one.may_by_group))
    user.groups.add(*[group for group, is_in in groups if is_in])
    if one.may:
        user.user_permissions.add(right)
    if one.has_account:
        columns = {"factors": one.factors, "frozen": one.frozen, "must_enrol": one.must_enrol}
        Account.objects.create(user=user, **columns)
    if row is not None and one.has_account:
        grant(user, row, *one.granted)
    return user


def grant(user, row, *granted):
    """Write waivers as (kind, until, ended), and what the decision reads of them."""
    for kind, until, ended in granted:
        PolicyWaiver.objects.create(
            user=user,
            policy=row,
            kind=kind.value,
            until=until,
            reason="abroad",
            granted_at=NOW - 9,
            approved_by="operator",
            ended_at=NOW - 1 if ended else None,
        )
    # As it was written a while ago: what has ended by itself meanwhile is still in the text.
    text = encode(PolicyWaiver.objects.values_of(user.pk, now=NOW - 8))
    Account.objects.filter(user_id=user.pk).update(waivers=text)


def decided(user, *, with_factors=True):
    """Return what the decision says of somebody who signs in, and the facts it went by.

    With every factor proven nothing is left that could stop her but a policy, or a reset.
    """
    who = facts.fresh(user).who()
    shown = who.factors if with_factors else ()
    proofs = [Proof(ProofKind.PASSWORD, NOW, who.account_epoch)]
    proofs += [Proof(ProofKind.FACTOR, NOW, who.account_epoch, factor_id=f.id) for f in shown]
    session = Session(
        proofs=tuple(proofs),
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        signing_in=True,
    )
    return decide(Need(), who, session, now=NOW), who
