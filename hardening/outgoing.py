"""What goes out in place of what a view answered: where a sign-in waits, or a try was refused.

A request that tried a password is settled here, gets its device cookie if one is due, and leaves
its errands to be run behind the answer.

The trap: whatever a login view wrote into its answer (a page that says "signed in as …", cookies,
a token) must not leave while the login is parked; only the CSRF cookie that ``csrf_protect`` put
there is kept, or the step page could not be posted.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser

from hardening import answers, attempted, browser_cookie, host, origin, sessions
from hardening.facts import FactsError
from hardening.flows import outbox, parking, record, tracking

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from hardening.attempted import Refusal
    from hardening.flows.parking import Mark

REDIRECTS = (301, 302, 303, 307)
FAULTS = 500  # and above

log = logging.getLogger("hardening")


def finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return what goes out: what the view answered, or what stands in its place."""
    if not has_errands(request):
        return _finish(request, response)
    if response.status_code >= FAULTS:  # nobody found it right: a fault makes no guess free
        attempted.failed(request)
    attempted.over(request)
    refusal = attempted.refusal_of(request)
    # A sign-in of the same request that does not stand is the more urgent of the two.
    if refusal is None or parking.mark_of(request.session) is not None:
        response = _finish(request, response)
    else:
        response = _refuse(request, response, refusal)
    browser_cookie.write(request, response, now=int(time.time()))
    for errand in attempted.errands(request):
        answers.afterwards(response, errand, fault="an owner could not be told")
    now = int(time.time())
    if outbox.is_time(now=now):
        retry = partial(outbox.a_few, now=now)
        answers.afterwards(response, retry, fault="notices that wait could not be tried again")
    return response


def see(request: HttpRequest) -> None:
    """Write down that a live session was seen, behind the view and its transaction."""
    if parking.mark_of(request.session) is None:
        tracking.touch(request.session, now=int(time.time()), where=origin.where(request))


def has_errands(request: HttpRequest) -> bool:
    """True if a password was tried or refused, something is to be told, or a cookie to be set."""
    noted = vars(request)
    # Written out: every page of the site asks this.
    return (
        attempted.TRIES in noted
        or attempted.REFUSAL in noted
        or browser_cookie.WISH in noted
        or attempted.ERRANDS in noted
        or attempted.waits_alone()
    )


def _refuse(request: HttpRequest, response: HttpResponseBase, refusal: Refusal) -> HttpResponseBase:
    """Answer a try that was not judged: the same for names that exist and names that do not."""
    json = answers.refuses_a_program(request, response) or answers.wants_json(request, response)
    _release(response)
    if refusal.busy:
        return _keep_csrf(response, answers.busy(request, refusal.retry_after, json=json))
    return _keep_csrf(response, answers.throttled(request, refusal.retry_after, json=json))


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    mark = parking.mark_of(request.session)
    if mark is not None:
        return _replace(request, response, mark)
    if getattr(request, "hardening_step", False):
        return response
    return _towards_step(request, response)


def _replace(request: HttpRequest, response: HttpResponseBase, mark: Mark) -> HttpResponseBase:
    """Answer in place of the view: 503, the login page, or the step that is missing."""
    _forget_user(request)
    if _is_open_to_nobody(request, mark):
        _drop_messages(request)
        request.session.flush()
        return _without_cookies(response)
    json = answers.refuses_a_program(request, response) or answers.wants_json(request, response)
    _release(response)
    if mark.decision is None:
        if mark.undo:
            _drop_messages(request)
            _undo_login(request)
        return _keep_csrf(response, answers.unavailable(request, json=json))
    if mark.decision.verdict in parking.OVER:
        _drop_messages(request)
        request.session.flush()  # once more: the view may have gone on writing
    if mark.row is not None:
        _drop_messages(request)
        new = mark.signing_in and not mark.repeated
        heading = _heading(request, response, mark) if new else None
        parking.conceal(
            request.session,
            mark.row,
            mid_life=mark.mid_life,
            next_url=answers.safe_next(request, heading),
        )
    return _keep_csrf(response, answers.step(mark.decision, json=json))


def _is_open_to_nobody(request: HttpRequest, mark: Mark) -> bool:
    """True if somebody who may not sign in is at a page that is there for signing in.

    A middleware that signs her in on each request would else be led to the login page for ever.
    The page itself was made for nobody: such a login is anonymous before any view runs. What a
    middleware answered in place of a view was made for her.
    """
    if not getattr(request, "hardening_in_view", False):
        return False
    if mark.decision is None or mark.decision.verdict not in parking.OVER or not mark.by_middleware:
        return False
    ours = getattr(request, "hardening_step", False)
    return bool(ours) or answers.is_at_step(request, mark.decision)


def _heading(request: HttpRequest, response: HttpResponseBase, mark: Mark) -> str | None:
    """Return where a sign-in was heading: to where the view redirects.

    A sign-in by a middleware happens on the way to some page. That page is the one to come back
    to, unless the middleware itself leads on; a login page in between is not.
    """
    redirects = response.status_code in REDIRECTS
    if mark.by_middleware and (not redirects or answers.leads_to_login(request, response)):
        return request.get_full_path() if answers.is_navigation(request) else None
    return response.headers.get("Location") if redirects else None


def _undo_login(request: HttpRequest) -> None:
    try:
        sessions.undo(request.session)
    except Exception:  # the store may well be what is broken; whoever asked stays anonymous
        log.exception("the session from before a sign-in could not be put back")


def _release(response: HttpResponseBase) -> None:
    """Free what a dropped response holds.

    Not by ``close()``, which also says ``request_finished`` in the middle of this request: that
    would drop database connections and the host's URLconf while we still need them.
    """
    closers: list[Any] = response._resource_closers  # type: ignore[attr-defined]  # noqa: SLF001
    while closers:
        try:
            closers.pop()()
        except Exception:
            log.exception("a dropped response could not be closed")


def _forget_user(request: HttpRequest) -> None:
    anonymous = AnonymousUser()

    async def auser() -> AnonymousUser:
        return anonymous

    for cached in ("_cached_user", "_acached_user", "hardening_user"):
        if hasattr(request, cached):
            delattr(request, cached)
    request.user = anonymous
    request.auser = auser


def _drop_messages(request: HttpRequest) -> None:
    """Forget messages that wait to be stored: "signed in as …" tells who was let in half-way."""
    storage = getattr(request, "_messages", None)
    if storage is not None:
        storage._queued_messages = []  # noqa: SLF001 - there is no public way
        storage.added_new = False


def _without_cookies(response: HttpResponseBase) -> HttpResponseBase:
    """Drop cookies that a middleware may have set for whom it signed in."""
    for name in set(response.cookies) - {host.csrf_cookie_name()}:
        del response.cookies[name]
    return response


def _keep_csrf(old: HttpResponseBase, new: HttpResponse) -> HttpResponse:
    name = host.csrf_cookie_name()
    if name in old.cookies:
        new.cookies[name] = old.cookies[name]
    return new


def _towards_step(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """While a login is parked, what leads to a login page leads to the pending step instead.

    The shape of ``redirect_to_login`` is known by its query, which carries the current path,
    whatever the login page's URL: the admin and others have their own.
    """
    to_login = answers.leads_to_login(request, response)
    refused = answers.refuses_a_program(request, response)
    if not to_login and not refused:
        return response
    now = int(time.time())
    try:
        waiting = record.waiting(request.session, now=now)
    except FactsError:
        log.exception("nobody can tell whether a sign-in still waits; answering 503")
        _release(response)
        return answers.unavailable(request, json=answers.wants_json(request, response))
    if waiting is None:
        # The handle stays: a cookie written now would replace that of the completed sign-in, if
        # this request was on its way meanwhile (sessions in signed cookies).
        return response
    if to_login and answers.is_navigation(request):
        record.head_for(waiting, answers.safe_next(request, request.get_full_path()))
    _release(response)
    json = refused or answers.wants_json(request, response)
    decision = waiting.decision
    return _keep_csrf(response, answers.step(decision, json=json))
