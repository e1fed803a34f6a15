"""Some hundreds of people, and three months of their past, so that the compliance page has news.

Everything follows from the tables below: seeded twice, on any machine, it is the same crowd. None
of them can sign in: they have no password, and nobody holds their authenticators.

Nobody is told: rows are written, and no flow is run that would mail. What a mail would have said is
in the events.

The trap: this writes into the past, which a real site never does. It imports from `hardening` what
no host should: rows, their arithmetic, and `hardening.testing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import make_password
from django.utils.text import slugify

from hardening import audit, testing
from hardening.audit import Event
from hardening.flows import waivers
from hardening.models import Account, Factor, OperatorRequest, PolicyWaiver, RolePolicy
from hardening.models.request import OPEN_SECONDS, Deed, State
from hardening.models.waiver import Kind
from project.backstage.demo_data import LOST_PHONE
from project.backstage.demo_policies import EDITORS, MANAGERS
from project.backstage.models import Artist, Membership, User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

DAY = 24 * 60 * 60

FIRST_WORDS = (
    *("amber", "brisk", "candid", "dapper", "early", "faint", "gentle", "hasty"),
    *("idle", "jolly", "keen", "lively", "mellow", "nimble", "opal", "plain"),
    *("quiet", "rapid", "silver", "tidy", "upbeat", "velvet", "wry", "young"),
)
SECOND_WORDS = (
    *("badger", "bittern", "cicada", "curlew", "dipper", "egret", "finch", "gannet"),
    *("heron", "jackdaw", "kestrel", "linnet", "marten", "otter", "plover", "wren"),
)
ARTIST_FIRST = ("Borrowed", "Copper", "Distant", "Folding", "Glass", "Second")
ARTIST_SECOND = ("Almanac", "Ferries", "Orchard", "Parade", "Signals", "Weekend")


@dataclass(frozen=True, slots=True)
class Spared:
    """More time or an exemption: granted and ending so many days from now (past: negative)."""

    kind: Kind
    granted: int
    until: int
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """People of one kind.

    Attributes:
        count: How many.
        enrolled: Whether they have a second factor.
        new: Whether their accounts are some days old only.
        spared: What each of them is spared; as many as there are people, or none.
    """

    count: int
    enrolled: bool = False
    new: bool = False
    spared: tuple[Spared, ...] = ()


_TOUR = "On tour without the work phone until then."
_LEAVE = "On parental leave; the team has another manager meanwhile."
_REPLACEMENT = "Replacement phone is ordered."
_KIOSK = "Edits from the shared terminal of a hospital, where phones are not allowed."

CROWD: dict[str, tuple[Group, ...]] = {
    MANAGERS.role: (
        Group(38, enrolled=True),
        Group(4),
        Group(
            3,
            spared=(
                Spared(Kind.EXTENSION, -12, 2, _REPLACEMENT),
                Spared(Kind.EXTENSION, -9, 6, _TOUR),
                Spared(Kind.EXTENSION, -4, 20, _TOUR),
            ),
        ),
        Group(
            3,
            spared=(
                Spared(Kind.EXEMPTION, -80, 5, _LEAVE),
                Spared(Kind.EXEMPTION, -20, 60, _LEAVE),
                Spared(Kind.EXEMPTION, -60, -3, _LEAVE),  # over: the status command says so
            ),
        ),
    ),
    EDITORS.role: (
        Group(108, enrolled=True),
        Group(111),
        Group(14, new=True),
        Group(
            3,
            spared=(
                Spared(Kind.EXTENSION, -6, 9, _TOUR),
                Spared(Kind.EXTENSION, -5, 15, _REPLACEMENT),
                Spared(Kind.EXTENSION, -2, 24, _TOUR),
            ),
        ),
        Group(4, spared=tuple(Spared(Kind.EXEMPTION, -d, 80 - d, _KIOSK) for d in (8, 16, 24, 32))),
    ),
    "": (Group(4, enrolled=True), Group(56)),  # listeners: no policy covers them
}
SIZE = sum(group.count for groups in CROWD.values() for group in groups)


def create(*, now: datetime) -> None:
    """Create the crowd, unless it is there, and the request that waits for a second operator."""
    _lose_the_phone(now=now)
    if User.objects.filter(username=_name(0)).exists():
        return
    people = list(_people())
    users = _users(people, now=now)
    _memberships(people, users)
    for (role, group, place), user in zip(people, users, strict=True):
        if group.enrolled:
            testing.enrol(user, name="Authenticator app")
        if group.spared:
            _spare(user, role, group.spared[place], now=now)
    _report(people, users, now=now)


def _people() -> Iterator[tuple[str, Group, int]]:
    """Yield role, group and the place in it, for everybody."""
    for role, groups in CROWD.items():
        for group in groups:
            for place in range(group.count):
                yield role, group, place


def _name(number: int) -> str:
    """Return the user name of the crowd's `number`; no two are the same."""
    first, lap = number % len(FIRST_WORDS), number // len(FIRST_WORDS)
    return f"{FIRST_WORDS[first]}-{SECOND_WORDS[(first + lap) % len(SECOND_WORDS)]}"


def _users(people: list[tuple[str, Group, int]], *, now: datetime) -> list[User]:
    nobodys = make_password(None)  # opens nothing, whatever is typed
    made = []
    for number, (_role, group, place) in enumerate(people):
        age = place % 12 + 1 if group.new else 120 + 7 * number % 900
        since = 1 + 5 * number % (20 if group.enrolled else 90)
        made.append(
            User(
                username=_name(number),
                email=f"{_name(number)}@backstage.example",
                password=nobodys,
                date_joined=now - timedelta(days=age),
                last_login=now - timedelta(days=min(since, age - 1)),
            )
        )
    return User.objects.bulk_create(made)


def _memberships(people: list[tuple[str, Group, int]], users: list[User]) -> None:
    """Put managers and editors into teams of artists that have no page yet."""
    names = [f"{first} {second}" for first in ARTIST_FIRST for second in ARTIST_SECOND]
    artists = [
        Artist.objects.get_or_create(slug=slugify(name), defaults={"name": name})[0]
        for name in names
    ]
    kinds = {MANAGERS.role: Membership.Role.MANAGER, EDITORS.role: Membership.Role.EDITOR}
    Membership.objects.bulk_create(
        Membership(artist=artists[number % len(artists)], user=user, role=kinds[role])
        for number, ((role, _group, _place), user) in enumerate(zip(people, users, strict=True))
        if role in kinds
    )


def _spare(user: User, role: str, spared: Spared, *, now: datetime) -> None:
    policy = RolePolicy.objects.filter(role=role).first()
    if policy is None:  # somebody has deleted it from a demo that is being seeded again
        return
    granted, until = (int(now.timestamp()) + days * DAY for days in (spared.granted, spared.until))
    exempt = spared.kind is Kind.EXEMPTION
    waiver = PolicyWaiver(
        user=user,
        policy=policy,
        kind=spared.kind,
        until=until,
        reason=spared.reason,
        granted_at=granted,
        requested_by="operator" if exempt else "",
        approved_by="staff",
    )
    waiver.save()
    Account.objects.of(user.pk)
    waivers.rewrite(user.pk, now=int(now.timestamp()))
    data = {"waiver": waiver.pk, "policy": policy.pk, "role": role}
    audit.record(
        Event.WAIVER_EXEMPTED if exempt else Event.WAIVER_EXTENDED,
        user=user,
        actor=User.objects.get(username="staff"),
        data={**data, "until": until, "why": spared.reason},
        now=granted,
    )


def _report(people: list[tuple[str, Group, int]], users: list[User], *, now: datetime) -> None:
    """Record the sign-ins that the editors' policy would have stopped, had it been enforced."""
    stopped = [
        user
        for (role, group, _place), user in zip(people, users, strict=True)
        if role == EDITORS.role and group == Group(group.count)
    ]
    said = {"proofs": ["password"], "would_be_stopped": [EDITORS.role]}
    since = int(now.timestamp()) - EDITORS.due * DAY
    for user in sorted(stopped, key=_signed_in):
        at = _signed_in(user)
        if at > since:
            audit.record(Event.LOGIN_COMPLETED, user=user, data=dict(said), now=at)


def _signed_in(user: User) -> int:
    return int(user.last_login.timestamp()) if user.last_login else 0


def _lose_the_phone(*, now: datetime) -> None:
    """Give "drummer" a factor that nobody holds, and let "operator" ask for its reset.

    A request that nobody has answered in time is made anew by the next seeding.
    """
    drummer = User.objects.get(username=LOST_PHONE.username)
    if not Factor.objects.owned(drummer.pk).exists():
        testing.enrol(drummer, name="Lost phone")
    moment = int(now.timestamp())
    asked = OperatorRequest.objects.filter(target=drummer)
    if asked.exclude(state=State.OPEN).exists() or asked.open(now=moment).exists():
        return
    operator = User.objects.get(username="operator")
    request = OperatorRequest.objects.create(
        deed=Deed.RECOVERY,
        target=drummer,
        reason="Lost the phone after the concert on Friday.",
        evidence="Called back on the number in the contract; knows the last two invoices.",
        requester_pk=audit.pk_of(operator),
        requester_name=audit.name_of(operator),
        requested_at=moment,
        expires_at=moment + OPEN_SECONDS,
    )
    data = {"request": request.pk, "deed": Deed.RECOVERY.value}
    audit.record(Event.REQUEST_OPENED, user=drummer, actor=operator, data=data, now=moment)
