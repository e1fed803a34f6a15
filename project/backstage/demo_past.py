"""Two months of sign-ins, an attack in them, and sessions in several browsers: all made up.

The events are genuine in all but their time: recorded by `audit.record`, which signs each, oldest
first (`oldest_first`), and sealed. So `hardening_audit verify` finds nothing, and the plots of the
events' page have something to show. The sessions lie in the session store, as those of people do.

Everything follows from the numbers below: seeded on any machine, it is the same past.

The trap: as in `demo_crowd`, this imports from `hardening` what no host should.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest import mock

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.urls import reverse

from hardening import audit, sessions
from hardening.audit import Event, Where
from hardening.core.values import Proof, ProofKind
from hardening.flows import notices, sealing, tracking
from hardening.models import Account, SecurityEvent, SiteState, UserSession
from project.backstage.models import Revision, User
from project.backstage.publishing import tell_team

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
DAYS = 60
WEEK = (9, 8, 9, 11, 14, 6, 5)  # sign-ins on each day of a week, the site's oldest day first
ATTACKED = 12  # days ago
ATTACK_MINUTES = 26
DEVICES = ("Firefox on Windows", "Chrome on Android", "Safari on iPhone", "Chrome on macOS")
SIGNED_IN = {"proofs": ["password"]}
WITH_FACTOR = {"proofs": ["password", "factor"]}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A session in another browser: begun and last seen so many seconds ago."""

    username: str
    began: int
    seen: int
    device: str
    address: str
    told: bool = False  # the owner got a mail about it


SESSIONS = (
    Elsewhere("fan", 9 * DAY, 2 * DAY, "Firefox on Windows", "203.0.113.24"),
    Elsewhere("fan", 2 * HOUR, 20 * MINUTE, "Chrome on Android", "198.51.100.61", told=True),
    Elsewhere("listener", 5 * DAY, 3 * HOUR, "Safari on iPhone", "203.0.113.77"),
    Elsewhere("editor", 6 * DAY, 5 * HOUR, "Chrome on macOS", "203.0.113.130"),
    Elsewhere("editor", DAY, 40 * MINUTE, "Firefox on Linux", "203.0.113.131"),
)


@dataclass(frozen=True, slots=True)
class _Happened:
    """Something that is still to be recorded; `at` in Unix seconds."""

    at: int
    event: Event
    user: Any = None
    where: Where = audit.NOWHERE
    reason: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@contextmanager
def oldest_first() -> Iterator[None]:
    """Record what is recorded meanwhile at the end, in the order of time, and seal it.

    Whoever makes a past up does so one thing after the other. A log whose events say that they are
    older than those before them looks as if somebody had added to it.
    """
    kept: list[tuple[int, Event, dict[str, Any]]] = []
    record = audit.record

    def keep(event: Event, *, now: int, **said: Any) -> None:
        kept.append((now, event, said))

    with mock.patch.object(audit, "record", keep):
        yield
    for now, event, said in sorted(kept, key=lambda one: one[0]):
        record(event, now=now, **said)
    if kept:
        sealing.seal(now=max(now for now, _event, _said in kept) + sealing.SETTLE_SECONDS)


def draw(*, now: datetime, site: str) -> None:
    """Record the past, and begin the sessions, unless all that is there.

    Args:
        now: With a time zone.
        site: Scheme and host of this demo, for the links in mails.
    """
    at = int(now.timestamp())
    if not SecurityEvent.objects.filter(event=Event.LOGIN_FAILURES.value).exists():
        for one in [*_everyday(at), *_attack(at)]:
            data = dict(one.data)
            audit.record(
                one.event, user=one.user, where=one.where, reason=one.reason, data=data, now=one.at
            )
        _tell_of_the_last_change(site)
    for listed in SESSIONS:
        _begin(listed, now=at, site=site)


# --- events ------------------------------------------------------------------------------------


def _everyday(now: int) -> list[_Happened]:
    """Return what happens every day: sign-ins, some asked for more, some slips of the fingers."""
    people = list(User.objects.filter(is_staff=False).order_by("pk"))
    happened: list[_Happened] = []
    for day in range(DAYS, 0, -1):
        for turn in range(WEEK[day % 7]):
            number = day * 37 + turn * 11
            user = people[number % len(people)]
            at = now - day * DAY + (number * 4421) % DAY
            where = Where(
                address=f"203.0.113.{number % 250 + 1}",
                device=DEVICES[number % len(DEVICES)],
                request_id=f"{number:012x}",
            )
            happened += _visit(number, user, at, where)
    return happened


def _visit(number: int, user: User, at: int, where: Where) -> list[_Happened]:
    """Return what one person's sign-in leaves behind."""
    found: list[_Happened] = []
    if number % 5 == 0:
        minute = at // MINUTE * MINUTE
        wrong = {"minute": minute, "tries": 1 + number % 3, "failures": 1 + number % 3}
        data = {**wrong, "known_browsers": number % 2}
        found.append(_Happened(minute + MINUTE - 1, Event.LOGIN_FAILURES, data=data))
    if number % 19 == 0:
        found.append(_Happened(at, Event.LOGIN_THROTTLED, user, where, reason="account"))
    if number % 3 == 0:
        asked = {"verdict": "challenge", "roles": []}
        found.append(_Happened(at, Event.LOGIN_PARKED, user, where, data=asked))
        found.append(_Happened(at + 20, Event.PROOF_ACCEPTED, user, where, reason="factor"))
    proofs = WITH_FACTOR if number % 3 == 0 else SIGNED_IN
    found.append(_Happened(at + 21, Event.LOGIN_COMPLETED, user, where, data=proofs))
    return found


def _attack(now: int) -> list[_Happened]:
    """Return half an hour of stolen passwords: most are wrong, the right ones open nothing."""
    began = (now - ATTACKED * DAY) // HOUR * HOUR + 7 * MINUTE
    people = list(User.objects.filter(is_staff=False).order_by("-pk")[:ATTACK_MINUTES])
    happened = [_Happened(began + 3 * MINUTE, Event.ATTACK_BEGAN)]
    for place in range(ATTACK_MINUTES):
        at = began + place * MINUTE
        failures = 20 + (place * 31) % 50
        data = {"minute": at, "tries": failures + 3, "failures": failures, "known_browsers": 0}
        happened.append(_Happened(at + MINUTE - 1, Event.LOGIN_FAILURES, data=data))
        where = Where(address=f"198.51.100.{place * 9 % 250 + 1}", request_id=f"a{place:011x}")
        throttled = _Happened(at + 9, Event.LOGIN_THROTTLED, where=where, reason="address")
        happened.append(throttled)
        if place % 3 == 1 and place > 3:  # noqa: PLR2004 - after attack mode began
            asked, user = {"verdict": "mailbox", "roles": []}, people[place % len(people)]
            happened.append(
                _Happened(at + 30, Event.LOGIN_PARKED, user, where, "attack_mode", data=asked)
            )
    ended = _Happened(began + (ATTACK_MINUTES + 30) * MINUTE, Event.ATTACK_ENDED)
    return [*happened, ended]


def _tell_of_the_last_change(site: str) -> None:
    """Mail the team of Night Trams what was changed last."""
    revision = Revision.objects.filter(page__artist__slug="night-trams").first()
    if revision is not None:
        slug = revision.page.artist.slug
        history = reverse("backstage:history", args=[slug])
        undo = reverse("backstage:undo", args=[slug, revision.number])
        tell_team(
            revision,
            history_url=f"{site}{history}#change-{revision.number}",
            undo_url=f"{site}{undo}",
        )


# --- sessions ----------------------------------------------------------------------------------


def _begin(listed: Elsewhere, *, now: int, site: str) -> None:
    """Begin a session as a sign-in does, some time ago; tell its owner, where that is due."""
    user = User.objects.get(username=listed.username)
    here = {"user_id": user.pk, "device": listed.device}
    if UserSession.objects.filter(**here).exists():
        return
    began, seen = now - listed.began, now - listed.seen
    epoch = Account.objects.filter(user_id=user.pk).values_list("epoch", flat=True).first() or 0
    site_epoch = SiteState.objects.values_list("epoch", flat=True).first() or 0
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    proof = Proof(ProofKind.PASSWORD, began, epoch)
    stamp = sessions.Stamp(
        str(user.pk), sessions.new_id(), epoch, site_epoch, proofs=(proof,), started=began
    )
    sessions.write(session, stamp)
    session.save()
    where = Where(address=listed.address, device=listed.device, site=site)
    tracking.began(session, user, now=seen, where=where)
    if listed.told:
        notices.new_browser(user, now=began, where=where)
