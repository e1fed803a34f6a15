"""The middleware: decides when the user is first read, and answers for who is parked.

Stands directly after ``AuthenticationMiddleware``. A view that never looks at the user costs
nothing and stays cacheable. There is no list of exempt URLs: somebody parked is anonymous
everywhere, and only our own step pages know who waits.

One implementation, sync; under ASGI what may query goes through ``sync_to_async``.

The trap: a response is replaced on the way *out*, in `outgoing`. What looks at the session there
must not be what loads it: a page that looked at nobody stays cacheable.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SynchronousOnlyOperation
from django.http import Http404, HttpResponse
from django.utils.functional import LazyObject, SimpleLazyObject, empty

from hardening import alarms, answers, host, origin, outgoing, sessions
from hardening.breach import search
from hardening.facts import FactsError, NotMigratedError
from hardening.flows import live, parking, tracking
from hardening.flows.parking import Mark

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

log = logging.getLogger("hardening")


class HardeningMiddleware:
    """Wraps ``request.user`` and ``request.auser``, and replaces what a parked login answers."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Remember the way on; be a coroutine where that is one.

        A process that serves makes the sources of breached passwords now: the first sign-in need
        not wait until their libraries are imported.
        """
        search.prepare()
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Handle one request."""
        if self.is_async:
            return self._acall(request)
        _prepare(request)
        response = self.get_response(request)
        if _concerned(request):
            response = outgoing.finish(request, response)
        if tracking.is_due(request.session, now=int(time.time())):
            outgoing.see(request)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        _prepare(request)
        awaited: Awaitable[HttpResponseBase] = self.get_response(request)
        response = await awaited
        if _concerned(request):
            response = await sync_to_async(outgoing.finish)(request, response)
        if tracking.is_due(request.session, now=int(time.time())):
            await sync_to_async(outgoing.see)(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Note that a view is about to run, and whether it is one of our step pages."""
        request.hardening_in_view = True  # type: ignore[attr-defined]
        if hasattr(view, "hardening_step"):
            request.hardening_step = True  # type: ignore[attr-defined]
        session = getattr(request, "session", None)
        if session is not None and parking.mark_of(session) is not None:
            parking.set_aside(session)
        return None

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        """Let the pages of an admin shout, before they are rendered."""
        return alarms.raise_on(request, response)

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponse | None:
        """A view failed after a login that does not stand: its answer is still ours to give.

        Django logs nothing once this returns a response, so we do.
        """
        session = getattr(request, "session", None)
        if isinstance(fault, FactsError) and session is not None:
            parking.set_mark(session, Mark(None))
        mark = parking.mark_of(session)
        if mark is None:
            return None
        if mark.view_saw_nobody and isinstance(fault, PermissionDenied | Http404):
            return HttpResponse(status=403 if isinstance(fault, PermissionDenied) else 404)
        log.error("the view failed at %r while nobody was signed in", request.path, exc_info=fault)
        return HttpResponse(status=500)


# --- on the way in ---------------------------------------------------------------------------


def _prepare(request: HttpRequest) -> None:
    """Watch the session, and let the decision stand between Django's lazy user and its readers.

    Where Django's own lazy object is still untouched, it is told to ask us: a second one around
    it would cost an anonymous page as much as all the rest of this.
    """
    sessions.watch(request.session)
    meta = request.META.get
    request.hardening_csrf = (meta("CSRF_COOKIE"), meta("CSRF_COOKIE_NEEDS_UPDATE"))  # type: ignore[attr-defined]
    request.auser = partial(_adecided, request, request.auser)
    inner: Any = request.user
    kept: dict[str, Any] = vars(inner) if type(inner) is SimpleLazyObject else {}
    if kept.get("_wrapped") is empty:
        kept["_setupfunc"] = partial(_decided, request, kept["_setupfunc"])
    else:
        request.user = SimpleLazyObject(partial(_decided, request, partial(_unwrapped, inner)))  # type: ignore[assignment]


async def _adecided(request: HttpRequest, ainner: Callable[[], Awaitable[Any]]) -> Any:
    if not hasattr(request, "hardening_user"):
        await sync_to_async(sessions.adopt_model_backend)(request.session)
        user = await ainner()
        request.hardening_user = await sync_to_async(_decided)(request, partial(_unwrapped, user))  # type: ignore[attr-defined]
    return request.hardening_user  # type: ignore[attr-defined]


def _decided(request: HttpRequest, load: Callable[[], Any]) -> Any:
    """Return the user if the decision allows the session; else nobody, and a mark."""
    user: Any = None
    try:
        session = request.session
        if session.session_key and session.get(BACKEND_SESSION_KEY) == host.MODEL_BACKEND:
            sessions.adopt_model_backend(session)
        user = load()
        return _judged(request, user) if user.is_authenticated else user
    except NotMigratedError:
        return AnonymousUser() if user is None else user
    except SynchronousOnlyOperation:  # an async view reads request.user: Django's own clear error
        raise
    except Exception:
        log.exception("a live session could not be judged; answering 503")
        parking.set_mark(request.session, Mark(None))
        return AnonymousUser()


def _judged(request: HttpRequest, user: Any) -> Any:
    now = int(time.time())
    decision = live.judge(request.session, user, now=now)
    if decision.allowed:
        request.hardening_decision = decision  # type: ignore[attr-defined]
        return user
    if getattr(request, "hardening_answered", False):
        return AnonymousUser()  # a streaming body: too late to park, the next request will
    live.leave(
        request.session,
        user,
        decision,
        next_url=(
            answers.safe_next(request, request.get_full_path())
            if answers.is_navigation(request)
            else ""
        ),
        now=now,
        where=origin.where(request),
    )
    return AnonymousUser()


def _unwrapped(inner: Any) -> Any:
    """Evaluate Django's lazy user and return the object inside."""
    if not isinstance(inner, LazyObject):
        return inner
    if inner._wrapped is empty:  # noqa: SLF001
        inner._setup()  # noqa: SLF001
    return inner._wrapped  # noqa: SLF001


# --- on the way out ----------------------------------------------------------------------------


def _concerned(request: HttpRequest) -> bool:
    """True if there may be something to do; looks only at a session the page has looked at."""
    request.hardening_answered = True  # type: ignore[attr-defined]
    session = request.session
    if parking.mark_of(session) is not None or outgoing.has_errands(request):
        return True
    if not session.accessed:
        return False
    cookies = request.COOKIES
    if not cookies and session.session_key is None:
        return False  # nobody came, nobody stays: most visitors of most sites
    if session.is_empty():
        presented = host.session_cookie_name() in cookies
        if presented and not host.saves_every_request():
            sessions.keep_cookie(session, presented=presented)
        return False
    return sessions.is_loaded(session) and sessions.PARKED_KEY in session
