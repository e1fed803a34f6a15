"""Changing the password: forced, on a parked login, or of one's own accord on a live session.

Asks for the current password and the new one (OWASP ASVS 5.0 6.2.3). Django's session hash ends
every other session; the record or session at hand is stamped with the new hash.

The trap: the record of a parked login dies with any password change. The change made on that
very record must carry it over, in the same transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from hardening import audit, facts, sessions
from hardening.audit import Event, Where
from hardening.conf import conf
from hardening.core.throttle import SECOND_US
from hardening.core.values import BeyondPassword, Verdict
from hardening.flows import breached, live, record, rows
from hardening.flows.notices import tell
from hardening.models import Account, ParkedLogin
from hardening.models.database import atomic
from hardening.throttle import subjects
from hardening.throttle.gates import Reservation, reserve
from hardening.tokens import EpochTokenGenerator

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

    from hardening.flows.record import Waiting

BUDGET = "change_password"


def try_current(user: Any, *, now: int) -> Reservation:
    """Charge one try at the current password, before the form hashes it."""
    key = subjects.account(BUDGET, user.pk, known_browser=True)
    return reserve(key, conf().THROTTLE.codes, now_us=now * SECOND_US)


def change_parked(waiting: Waiting, new: str, *, now: int, where: Where) -> Waiting | None:
    """Set the new password on a parked login that was asked to; `None` if it was not."""
    if waiting.decision.verdict is not Verdict.CHANGE_PASSWORD:
        return None
    user = waiting.user
    with atomic():
        _store(user, new)
        moved = ParkedLogin.objects.waiting(now=now).filter(pk=waiting.row.pk)
        moved.update(auth_hash=rows.auth_hash(user))
    _tell(user, now=now, where=where)
    waiting.row.refresh_from_db()
    return record.refreshed(waiting, waiting.row, now=now)


@sensitive_variables()
def stop_if_leaked(
    session: SessionBase, user: Any, current: str, *, now: int, where: Where
) -> bool:
    """Park a session whose password is found in a breach just now; true if it is parked.

    Whoever has proven a mailbox or a factor in it may change the password whatever is known.

    Args:
        session: A live one, about to change the password.
        user: Whose.
        current: The password as it is, found right a moment ago.
        now: Unix seconds.
        where: From where.

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    proven = sessions.read(session, user.pk).session().has(*BeyondPassword)
    if proven or not breached.found_at_change(user, current, now=now, where=where):
        return False
    decision = live.judge(session, user, now=now)
    if not decision.allowed:
        live.leave(session, user, decision, next_url="", now=now, where=where)
    return not decision.allowed


def change_live(user: Any, new: str, *, now: int, where: Where) -> None:
    """Set the new password; the door then calls ``update_session_auth_hash``."""
    with atomic():
        _store(user, new)
    _tell(user, now=now, where=where)


@sensitive_variables()
def reset(user: Any, token: str, new: str, *, now: int, where: Where) -> bool:
    """Set the new password by a mailed link; true for exactly one caller.

    Whoever waits behind another request with the same link finds it used: the password that the
    token is bound to is read anew, once the account's row is locked. Nobody is signed in by this;
    every session, parked sign-in and known browser ends with the old password.

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    Account.objects.of(user.pk)  # before: a lock needs a row
    with atomic():
        Account.objects.lock(user.pk)
        user = facts.load_user(user.pk)
        if user is None or not EpochTokenGenerator().check_token(user, token):
            return False
        _store(user, new)
    tell(user, "password_changed", {}, now=now, where=where)
    audit.record(Event.PASSWORD_RESET_DONE, user=user, now=now, where=where)
    return True


def _store(user: Any, new: str) -> None:
    Account.objects.changed_password(user.pk)  # first: it is the lock
    user.set_password(new)
    user.save(update_fields=["password"])


def _tell(user: Any, *, now: int, where: Where) -> None:
    tell(user, "password_changed", {}, now=now, where=where)
    audit.record(Event.PASSWORD_CHANGED, user=user, now=now, where=where)
