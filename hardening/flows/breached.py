"""A password known from a breach: found when it is used, refused when it is set.

At a sign-in only after the password was found right: a wrong guess causes no look-up, no delay
and no prefix. The verdict lies on the account's row, bound to the password as it is stored, and
in the facts at hand, so that the decision of this very sign-in obeys it (rows 4 and 7). A clean
one holds for as many days as policies say; a hit stands until the password is another.

An answer that takes longer than the sign-in waits lands on the row when it comes; the next
request obeys it. Nothing goes through a broker: a queued password is a password at rest.

Rules: breach.md "When", "Kept"; NIST SP 800-63B-4 §3.1.1.2; OWASP ASVS 5.0 6.2.12.

The trap: sources that cannot be asked stop nobody. What is not known is not written either, and
is asked anew at the next sign-in.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import Error
from django.views.decorators.debug import sensitive_variables

from hardening import audit, facts, signals
from hardening.audit import NOWHERE, Event, Where
from hardening.breach.search import heeds_sign_ins, search
from hardening.breach.words import words_of
from hardening.conf import conf
from hardening.core.pwned import Candidate, Finding, mark
from hardening.core.values import PasswordMode
from hardening.flows.notices import once_a_day, tell
from hardening.models import Account
from hardening.models.counting import in_foreign_transaction
from hardening.models.database import alias, atomic, on_commit, release
from hardening.policies import DAY_SECONDS
from hardening.throttle.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.breach.sources import Answer
    from hardening.facts import Facts

LOGIN_WAIT_SECONDS = 0.145  # breach.md: a sign-in takes 150 ms longer at most, all told
FAULT_SECONDS = 60
SAME_SIGN_IN_SECONDS = 60  # its doors read the clock each for itself, before and after the hash

log = logging.getLogger("hardening")
_said = Sampling(FAULT_SECONDS)


class Written:
    """A verdict that may be lost: it was written in somebody's transaction.

    The request calls `again` when its transactions are over.
    """

    def __init__(self, write: Callable[[], None]) -> None:
        self._write: Callable[[], None] | None = write
        on_commit(self.stands)

    def stands(self) -> None:
        """Take note that the transaction was committed."""
        self._write = None

    def again(self) -> None:
        """Write it again, unless it was committed."""
        if self._write is not None:
            self._write()
            self._write = None


@sensitive_variables()
def at_sign_in(
    user: Any,
    password: str,
    *,
    before: str | None = None,
    wait: float = LOGIN_WAIT_SECONDS,
    now: int,
    where: Where = NOWHERE,
) -> Written | None:
    """Look up the password that `user` has just been found to have, where that is due.

    Args:
        user: With her facts attached; a verdict is put into them.
        password: As it was typed.
        before: How it was stored before the try, if that is known: a right password may be hashed
            anew while it is checked, and its verdict goes with it.
        wait: For how many seconds.
        now: Unix seconds.
        where: From where, for the event and the mail.

    Returns:
        What is to be written again should the transaction at hand be rolled back.
    """
    found = _carried_over(user, before)
    mode = _mode(found)
    if mode is PasswordMode.OFF or not heeds_sign_ins() or _stands(found, now=now):
        return None
    candidate = Candidate(password, words=words_of(user))
    late = partial(_landed, user, mark(user.password), mode=mode, now=now, where=where)
    result = search(candidate, wait=wait, late=late)
    _tell_of_faults(result.faults, now=now, where=where)
    if result.finding is Finding.UNKNOWN:
        return None
    columns = {"password_verdict": result.finding.value, "password_mark": mark(user.password)}
    _attach(user, found, {**columns, "password_checked_at": now})
    write = partial(_write, user, result.answer, mark(user.password), mode, now, where)
    write()
    return Written(write) if in_foreign_transaction() else None


@sensitive_variables()
def by_another(user: Any, password: str, *, now: int, where: Where = NOWHERE) -> Written | None:
    """Do so for a password that another backend has found right (by e-mail address, LDAP).

    Raises:
        FactsError: If nobody can tell whom it concerns.
        NotMigratedError: If our tables are missing.
    """
    vars(user)[facts.ATTRIBUTE] = facts.fresh(user)
    return at_sign_in(user, password, now=now, where=where)


@sensitive_variables()
def found_at_change(user: Any, password: str, *, now: int, where: Where = NOWHERE) -> bool:
    """Look up a password that is about to be replaced; true if that is how its leak was found.

    A thief who has just signed in with it may be quicker than the answer his sign-in did not wait
    for. So the change waits for it, and the next request is judged by it. A verdict that was there
    before is none of this: the session at hand has been judged by it.

    Raises:
        FactsError: If nobody can tell whom it concerns.
        NotMigratedError: If our tables are missing.
    """
    found = facts.fresh(user)
    if found.password_verdict is Finding.HIT:
        return False
    vars(user)[facts.ATTRIBUTE] = found
    at_sign_in(user, password, wait=conf().BREACH_TIMEOUT_SECONDS, now=now, where=where)
    return facts.of(user).password_verdict is Finding.HIT


@sensitive_variables()
def refuse(password: str, user: Any = None, *, now: int) -> bool:
    """Return whether a new password is known from a breach; waits for the answer.

    What nobody knows is not refused: the list that is always there has been asked.

    Args:
        password: As it was typed.
        user: Whose it is to be; `None` or unsaved at a registration.
        now: Unix seconds.
    """
    candidate = Candidate(password, words=words_of(user))
    result = search(candidate, wait=conf().BREACH_TIMEOUT_SECONDS)
    _tell_of_faults(result.faults, now=now, where=NOWHERE)
    return result.finding is Finding.HIT


def password_changed(user: Any) -> None:
    """Erase the verdict on the password before: a list of people with bad ones is a target list."""
    try:
        with atomic():  # a statement that fails would spoil the host's transaction
            Account.objects.forget_verdict(user.pk)
    except Error:  # before `migrate`, or in a database that cannot be written: it counts no more
        log.exception("the verdict on a password that is gone could not be erased")


def clear() -> None:
    """Forget which faults were told of lately; for tests."""
    _said.clear()


def _mode(found: Facts) -> PasswordMode:
    return found.policies.requirement(found.member_of).password_mode


def _carried_over(user: Any, before: str | None) -> Facts:
    """Return the facts, with the verdict where the same password is stored as another hash."""
    found = facts.attached(user)
    seen = found.columns["account_password_mark"]
    if before is None or before == user.password or not seen or seen != mark(before):
        return found
    stored = {"password_mark": mark(user.password)}
    Account.objects.filter(user_id=user.pk).update(**stored)
    return _attach(user, found, stored)


def _stands(found: Facts, *, now: int) -> bool:
    """Whether the verdict needs no look-up: a hit, or a clean one that is young enough."""
    if not found.user.has_usable_password():
        return False  # kept elsewhere (LDAP): nothing here says when it changes
    if found.password_verdict is not Finding.CLEAN:
        return found.password_verdict is Finding.HIT
    days = found.policies.requirement(found.member_of).recheck_days
    return 0 <= now - found.password_checked_at < days * DAY_SECONDS


def _attach(user: Any, found: Facts, columns: dict[str, Any]) -> Facts:
    changed = found.with_account(columns)
    vars(user)[facts.ATTRIBUTE] = changed  # `request.user` is lazy: not on what lies beneath it
    return changed


def _write(
    user: Any, answer: Answer, stored: str, mode: PasswordMode, now: int, where: Where
) -> None:
    """Store a verdict; of a hit the owner hears, once."""
    first = Account.objects.note_verdict(
        user.pk,
        verdict=answer.finding.value,
        mark=stored,
        checked_at=now,
        source=answer.source,
        corpus=answer.version,
    )
    if not first or answer.finding is not Finding.HIT:
        return
    data = {"source": answer.source, "mode": mode.slug}
    audit.record(Event.PASSWORD_BREACHED, user=user, data=data, now=now, where=where)
    if mode is not PasswordMode.REPORT:
        signals.password_flagged.send_robust(sender=type(user), user=user)
        _mail(user, mode, now=now, where=where)


def remind(found: Facts, *, now: int, where: Where) -> None:
    """Mail again that a password known from a breach was used where nobody knows the browser.

    Once a day; not of the sign-in that has just found it.
    """
    mode = _mode(found)
    since = abs(now - found.password_checked_at)
    earlier = mode >= PasswordMode.WARN and since > SAME_SIGN_IN_SECONDS
    if earlier and once_a_day(found.user, "breached", now=now):
        _mail(found.user, mode, now=now, where=where)


def _mail(user: Any, mode: PasswordMode, *, now: int, where: Where) -> None:
    enforced = mode is PasswordMode.ENFORCE and conf().ENFORCE
    tell(user, "password_breached", {"enforced": enforced}, now=now, where=where)


def _landed(
    user: Any, stored: str, answer: Answer, *, mode: PasswordMode, now: int, where: Where
) -> None:
    """Take an answer that came after its sign-in went on, in a thread of its own."""
    try:
        if answer.fault:
            _tell_of_faults((f"{answer.source}:{answer.fault}",), now=now, where=where)
        elif answer.finding is not Finding.UNKNOWN and _still_stored(user, stored):
            _write(user, answer, stored, mode, now, where)
    except Exception:
        log.exception("a verdict that came late could not be stored; the next sign-in asks anew")
    finally:
        release()


def _still_stored(user: Any, stored: str) -> bool:
    """Whether the password is the one that was asked about: it may have been changed meanwhile."""
    everybody = get_user_model()._base_manager.using(alias())  # noqa: SLF001
    now = everybody.filter(pk=user.pk).values_list("password", flat=True).first()
    return now is not None and mark(now) == stored


def _tell_of_faults(faults: tuple[str, ...], *, now: int, where: Where) -> None:
    """Record, once a minute and process, that a source cannot be asked."""
    for fault in faults:
        if _said.is_first(fault, now=now):
            ending = fault[-audit.REASON_LENGTH :]  # of a long dotted path the end tells most
            audit.record(Event.BREACH_SOURCE_DOWN, reason=ending, now=now, where=where)
