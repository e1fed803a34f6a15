"""One password try: charged before anything is hashed, then settled once.

`start` → the hash → `succeed`, `fail` or `abandon`; `settle` when the request is over. A known
browser has a budget of its own, so that nobody else's guessing locks its owner out. Any other try
is charged to its address and to the account, all or nothing, in that order. Names that nobody has
are counted like those that somebody has, by the same rules, in rows of the same shape.

Times are integer microseconds.

The trap: everything that differs between a known and an unknown name tells which is which. The
same statements run for both; what runs for one alone runs beside a hash, or when the answer is on
its way.

Source: OWASP ASVS 5.0 6.3.1; NIST SP 800-63B-4 §3.2.2.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import Error

from hardening import audit, devices, facts, host, signals
from hardening.audit import NOWHERE, Event, Where
from hardening.conf import conf
from hardening.core.names import canonical, is_storable
from hardening.core.throttle import SECOND_US
from hardening.flows import attack, charges
from hardening.flows.notices import once_a_day, tell
from hardening.models import Account, counting
from hardening.models.database import on_commit
from hardening.throttle import database, lookup, store, subjects
from hardening.throttle.budgets import Budget, Refused, Taken
from hardening.throttle.sampling import Ration, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.core.hidden import Hidden
    from hardening.facts import Facts
    from hardening.flows.breached import Written

SAMPLE_SECONDS = 600
MOST_A_MINUTE = 60  # own: events of refusals, however many names and addresses are tried

log = logging.getLogger("hardening")
_sampled = Sampling(SAMPLE_SECONDS)
_ration = Ration(MOST_A_MINUTE)


@dataclass(slots=True)
class Try:
    """One try on its way.

    Attributes:
        user: Whose name was typed, with her facts attached; `None` if nobody's.
        outcome: What it was charged to, or why it is refused.
        known: Whether it comes from a browser with a budget of its own.
        is_open: Whether nobody has settled it yet.
        wrong: Whether it was settled as wrong, so that its charge must stand.
        bearer: Whose known browser it is, by primary key, and the hash that was stored then: a
            right password may be hashed anew while it is checked.
        revoked: Whether the browser that it comes from failed too often to be known any more.
        typed: The password, where another backend may yet find it right.
        written: A verdict on the password that goes with the view's transaction, likewise.
        at_risk: Whether the charge goes with the view's transaction, if that is rolled back.
    """

    user: Any
    outcome: Taken | Refused
    known: bool = False
    bearer: tuple[Any, str] | None = field(default=None, repr=False)
    is_open: bool = True
    wrong: bool = False
    revoked: bool = False
    at_risk: bool = False
    typed: Hidden | None = field(default=None, repr=False)
    written: Written | None = field(default=None, repr=False)

    @property
    def admitted(self) -> bool:
        """Whether the password may be judged."""
        return self.outcome.admitted

    def outlived(self) -> None:
        """Take note that the view's transaction was committed, and the charge with it."""
        self.at_risk = False

    @property
    def flagged(self) -> bool:
        """Whether it comes from an address that has lately been up to no good."""
        return isinstance(self.outcome, Taken) and self.outcome.flagged

    @property
    def net_over(self) -> bool:
        """Whether it comes from a net that has failed too often: a challenge is due."""
        return isinstance(self.outcome, Taken) and self.outcome.net_over


def at_once(errand: Callable[[], None]) -> None:
    """Do what is left to do; a door with an answer under way lets it wait for that."""
    errand()


def start(
    name: str,
    *,
    address: str | None,
    cookie: str | None,
    now_us: int,
    where: Where = NOWHERE,
    later: Callable[[Callable[[], None]], None] = at_once,
) -> Try:
    """Charge one try at the password of `name`; nothing is charged if it is refused.

    Args:
        name: As it was typed.
        address: The client's network address; `None` where nobody knows it.
        cookie: The browser's device cookie.
        now_us: Microseconds since 1970.
        where: From where, for the event of a refusal.
        later: Takes what must not be done before the answer has been sent.

    Raises:
        FactsError: If nobody can tell whose name it is.
        NotMigratedError: If our tables are missing.
    """
    limits = conf().THROTTLE
    place = charges.place_of(address, limits)
    held = _early(place, cookie, now_us)
    if isinstance(held, Refused):
        return _refused(Try(None, held), held, where, now_us, later)
    try:
        user = facts.load_user_by_name(name) if is_storable(name) else None
        alone = host.judges_alone()
        meant = lookup.resolve(name) if user is None else charges.borne_by(user, name, alone=alone)
        owner = charges.bearer_of(cookie, meant) if user is None else meant and user
    except BaseException:  # nothing will be judged
        if held is not None:
            store.current().give_back(held, now_us=now_us)
        raise
    device, revoked = charges.device_of(owner, cookie, now_us), False
    if device is not None and owner is not None:
        outcome = store.current().take([charges.of_device(device, owner, limits)], now_us=now_us)
        if outcome.admitted:
            trial = Try(user, outcome, known=True, bearer=(owner.pk, owner.password))
            # The decision knows proven ones alone, and asks others by where they come from.
            return _admitted(trial, None if device.proven else place)
        revoked = isinstance(outcome, Refused) and outcome.capped
    trial = Try(user, charges.charge(place, held, charges.account_of(name, meant, limits), now_us))
    _tell_of_outage(now_us, where)
    trial.revoked = revoked
    if isinstance(trial.outcome, Taken):
        return _admitted(trial, place)
    if user is not None and alone:
        lookup.resolve(name)  # as for a name that nobody has
    return _refused(trial, trial.outcome, where, now_us, later)


def succeed(trial: Try) -> None:
    """The password was right: the try costs nothing. Nobody else's charge is touched."""
    was_open = trial.is_open
    abandon(trial)
    if not was_open or trial.known or not isinstance(trial.outcome, Taken):
        return
    try:
        attack.note(failed=False, now=trial.outcome.at_us // SECOND_US)
    except Error:
        log.exception("a try could not be counted for the alarm")


def abandon(trial: Try) -> None:
    """Nobody has called the password wrong: give the try back."""
    if trial.is_open and isinstance(trial.outcome, Taken):
        store.current().give_back(trial.outcome, now_us=trial.outcome.at_us)
    trial.is_open = False


def fail(trial: Try) -> None:
    """The password was wrong: the charge stands."""
    trial.typed = None
    if not trial.is_open or not isinstance(trial.outcome, Taken):
        return
    trial.wrong, trial.is_open = True, False
    now = trial.outcome.at_us // SECOND_US
    *place, account = trial.outcome.budgets
    try:
        if place and not trial.known:
            database.note_account(place[0].key, account.key, now=now)
            if place[0].net is not None and not trial.net_over:
                database.note_net(place[0].net, now_us=trial.outcome.at_us)
        attack.note(failed=True, now=now, known=trial.known)
    except Error:  # what is counted beside the charge is for the alarm, and stops nobody
        log.exception("a failed try could not be counted for the alarm")


def settle(trial: Try) -> None:
    """Settle a try for good, now that the request's transactions are over.

    SQLite has one connection to write with: a charge made inside a view's transaction went with
    it if that was rolled back. If the password was wrong it is made again, and refused if others
    were charged meanwhile, which is no less. Of any other there is nothing left to give back: it
    would be paid out of what others owe.
    """
    trial.typed = None
    if trial.written is not None:
        trial.written.again()
    if not trial.at_risk:
        abandon(trial)
        return
    trial.at_risk = trial.is_open = False
    if trial.wrong and isinstance(trial.outcome, Taken):
        store.charge_again(trial.outcome)


def note_name(found: Facts) -> None:
    """Remember how the name of an account is counted, however its owner has it spelled."""
    digest = subjects.name(canonical(found.user.get_username()))
    if found.name_key != digest:
        Account.objects.of(found.user.pk)
        Account.objects.filter(user_id=found.user.pk).update(name_key=digest)


def forgive(user: Any) -> bool:
    """Forget the account's consecutive failures; true if there were any."""
    return store.forgive(subjects.password(user.pk, user.password))


def forgive_signed_in(user: Any) -> None:
    """Do so after a complete sign-in, which stands where the counters are out of order."""
    try:
        forgive(user)
    except Error:
        log.exception("the failures of somebody who has signed in could not be forgotten")


def clear() -> None:
    """Forget what was recorded lately, so that the next refusal is; for tests."""
    _sampled.clear()
    _ration.clear()


def _admitted(trial: Try, place: Budget | None = None) -> Try:
    outcome = trial.outcome
    looked_at = not trial.known and not charges.is_remote()
    if place is not None and isinstance(outcome, Taken) and not looked_at:
        # What makes an address suspect lies in the database, in rows that nobody has read yet.
        flagged, net_over = database.suspicion(place, now_us=outcome.at_us)
        trial.outcome = replace(outcome, flagged=flagged, net_over=net_over and not trial.known)
    if counting.may_be_lost():
        trial.at_risk = True
        on_commit(trial.outlived)
    return trial


def _early(place: Budget | None, cookie: str | None, now_us: int) -> Taken | Refused | None:
    """Ask about the address before anybody asks whose name it is, where that is likely to refuse.

    A store beside the database is asked each time: a refusal there costs no query at all. The
    database is looked at first where this process has lately refused the address: a flood from one
    place then costs one query a try, and searches no user table.

    Not with a device cookie: whether it is known is for the account's facts to say.
    """
    if place is None or devices.has_entries(cookie):
        return None
    if charges.is_remote():
        return store.current().take([place], now_us=now_us)
    if not _sampled.knows(place.key, now=now_us // SECOND_US):
        return None
    try:
        return database.refusal(place, now_us=now_us)
    except Error:  # who asks for the facts next will say so
        return None


def _tell_of_outage(now_us: int, where: Where) -> None:
    """Record, once a minute and process, that a store is down; its limits are smaller then."""
    down = store.take_outage_notice()
    if down is not None:
        now = now_us // SECOND_US
        audit.record(Event.THROTTLE_STORE_DOWN, reason=down, now=now, where=where)


# --- refusals -------------------------------------------------------------------------------------


def _refused(
    trial: Try,
    refused: Refused,
    where: Where,
    now_us: int,
    later: Callable[[Callable[[], None]], None],
) -> Try:
    """Record the first of a flood of refusals, and tell the owner of an account at its cap."""
    trial.is_open = False
    now = now_us // SECOND_US
    key = refused.budget.key if refused.budget else ""
    wait = refused.retry_after
    signals.attempt_refused.send_robust(sender=Try, user=trial.user, retry_after=wait)
    if not _sampled.is_first(key, now=now):
        return trial
    reason = "account" if refused.budget and refused.budget.backoff else "address"
    if _ration.admits(now=now):
        audit.record(Event.LOGIN_THROTTLED, user=trial.user, reason=reason, now=now, where=where)
    if refused.capped and trial.user is not None:
        later(partial(_tell_of_cap, trial.user, now=now, where=where))
    return trial


def _tell_of_cap(user: Any, *, now: int, where: Where) -> None:
    if once_a_day(user, "capped", now=now):
        tell(user, "login_locked", {}, now=now, where=where)
