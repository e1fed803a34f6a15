"""What became of the password tries of one request, kept on that request.

A try is settled by whoever hears of its end: our own backend, Django's ``user_login_failed``,
``user_logged_in`` (another backend found the password right), or the end of the request.

Code that gives ``authenticate()`` no request is judged like any other; of its tries the last one
is kept in the context at hand (the thread's, or the task's).

The trap: frameworks wrap the request. Everything is kept on Django's own one underneath, which is
what the middleware sees.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from hardening.flows import attempts, breached
from hardening.flows.judging import Came

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.audit import Where
    from hardening.flows.attempts import Try

TRIES = "hardening_tries"
REFUSAL = "hardening_refusal"
SOLVED = "hardening_solved"
ERRANDS = "hardening_errands"

_alone: ContextVar[tuple[Try, ...]] = ContextVar("hardening_tries", default=())


@dataclass(frozen=True, slots=True)
class Refusal:
    """A try that was not judged. `retry_after` in seconds; `busy`: no place to hash fell free."""

    retry_after: int
    busy: bool = False


def underneath(request: Any) -> Any:
    """Return Django's own request, whatever a framework has put around it."""
    return getattr(request, "_request", request)


def note(request: Any, trial: Try) -> None:
    """Remember a try that was judged."""
    if request is not None:
        underneath(request).__dict__.setdefault(TRIES, []).append(trial)
        return
    _settle_alone()
    _alone.set((trial,))


def refuse(request: Any, refusal: Refusal) -> None:
    """Mark the request: the middleware answers in place of the view."""
    if request is not None:
        setattr(underneath(request), REFUSAL, refusal)


def later(request: Any, errand: Callable[[], None]) -> None:
    """Do `errand` when the answer has been sent; at once where the middleware sends none.

    That is: without a request, with one that somebody made up, and while a body is streamed.
    """
    kept = {} if request is None else vars(underneath(request))
    if "hardening_csrf" in kept and "hardening_answered" not in kept:
        kept.setdefault(ERRANDS, []).append(errand)
    else:
        errand()


def errands(request: Any) -> list[Callable[[], None]]:
    """Return what is to be done when the answer has been sent, once."""
    found: list[Callable[[], None]] = vars(request).pop(ERRANDS, [])
    return found


def refusal_of(request: Any) -> Refusal | None:
    """Return the mark, if there is one."""
    return getattr(request, REFUSAL, None)


def failed(request: Any) -> None:
    """No backend found the password right: the charges stand."""
    for trial in _tries(request):
        attempts.fail(trial)


def succeeded(request: Any) -> bool:
    """Somebody signed in: what is still open was right for another backend. True if any was."""
    tries = [trial for trial in _all_tries(request) if trial.is_open]
    for trial in tries:
        attempts.succeed(trial)
    if request is not None and hasattr(underneath(request), REFUSAL):
        delattr(underneath(request), REFUSAL)
    return bool(tries)


@sensitive_variables("typed", "right")
def look_up(request: Any, user: Any, *, now: int, where: Where) -> None:
    """Look up the password of `user` that another backend than ours has found right, if one did.

    Raises:
        FactsError: If nobody can tell whom it concerns.
        NotMigratedError: If our tables are missing.
    """
    right: tuple[Try, str] | None = None
    for trial in _all_tries(request):
        typed, trial.typed = trial.typed, None
        if typed is not None and _is_hers(trial, user, typed):
            right = trial, typed  # of several people's in one request, whose was found last
    if right is not None:
        right[0].written = breached.by_another(user, right[1], now=now, where=where)


@sensitive_variables("typed")
def _is_hers(trial: Try, user: Any, typed: str) -> bool:
    """Whether a password may be that of `user`: it is not, if it was found right for another.

    A name that is one person's here may be somebody else's there (an e-mail address taken for a
    user name); her own password says so, and costs a hash.
    """
    if trial.user is None or trial.user.pk == user.pk:
        return True
    return bool(user.check_password(typed))


def over(request: Any) -> None:
    """The request is over: what nobody called wrong was not."""
    for trial in _tries(request):
        attempts.settle(trial)
    _settle_alone()


def waits_alone() -> bool:
    """Whether a try without a request waits for its end."""
    alone = _alone.get()
    return bool(alone) and any(trial.is_open or trial.at_risk for trial in alone)


def clear() -> None:
    """Forget tries without a request as they are; for tests."""
    _alone.set(())


def _settle_alone() -> None:
    for trial in _alone.get():
        attempts.settle(trial)
    _alone.set(())


def came(request: Any, cookie: str | None, user: Any) -> Came:
    """Return how the sign-in of `user` came; `cookie` is the browser's device cookie."""
    solved = bool(net_over(request)) and hasattr(underneath(request), SOLVED)
    flagged = any(trial.flagged for trial in _tries(request))
    flagged = flagged or (bool(net_over(request)) and not solved)
    if is_revoked(request):
        cookie = None
    stored = _stored_before(request, user)
    return Came(cookie, stored=stored, flagged=flagged, solved=solved)


def _stored_before(request: Any, user: Any) -> str | None:
    """Return the hash that a try from a known browser of this user began with, if there was one."""
    bearers = [trial.bearer for trial in _tries(request) if trial.bearer is not None]
    return next((stored for pk, stored in bearers if pk == user.pk), None)


def net_over(request: Any) -> bool | None:
    """Whether a try of this request came from a net over its limit; `None`: none was judged."""
    tries = _tries(request)
    return any(trial.net_over for trial in tries) if tries else None


def solve(request: Any) -> None:
    """Remember that this request met the challenge of its net."""
    setattr(underneath(request), SOLVED, True)


def is_revoked(request: Any) -> bool:
    """Whether a try of this request came from a browser that is to be forgotten."""
    return any(trial.revoked for trial in _tries(request))


def _tries(request: Any) -> list[Try]:
    if request is None:
        return list(_alone.get())
    found: list[Try] = getattr(underneath(request), TRIES, [])
    return found


def _all_tries(request: Any) -> list[Try]:
    """Return those without the request too: `login()` is always given one, `authenticate()` not."""
    return [*_alone.get(), *_tries(request)]
