"""Middlewares of hosts that sign people in by themselves."""

from __future__ import annotations

from collections.abc import Callable

from asgiref.sync import iscoroutinefunction
from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import async_only_middleware, sync_and_async_middleware

from tests.host.doors import BACKEND, LEAK

HEADER = "X-Signed-In-By-Proxy"


class LoginEachRequest:
    """Call `login()` on every single request, as certificate and header sign-ons do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sign in whom the header names."""
        name = request.headers.get(HEADER)
        if name:
            login(request, get_user_model().objects.get(username=name), BACKEND)
        return self.get_response(request)


class CountResponses:
    """Read the session on the way out, as many a host's middleware does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Count."""
        response = self.get_response(request)
        request.session["pages"] = request.session.get("pages", 0) + 1
        return response


def choose_urlconf(get_response):
    """Serve this request from an urlconf of its own, as sites on sub-domains do."""

    def middleware(request):
        request.urlconf = "tests.doors.site"
        return get_response(request)

    return middleware


class FailAfterLogin:
    """Sign in whom the header names, and raise: before the view, for it, or after it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Fail when the request says so."""
        moment = request.headers.get("X-Fail")
        if moment:
            login(request, get_user_model().objects.get(username=request.headers[HEADER]), BACKEND)
        if moment == "before":
            raise RuntimeError(LEAK)
        response = self.get_response(request)
        if moment == "after":
            raise RuntimeError(LEAK)
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        """Fail in place of the view."""
        if request.headers.get("X-Fail") == "view":
            raise RuntimeError(LEAK)


def sync_only(get_response):
    """Pass everything on; knows nothing of coroutines."""

    def middleware(request):
        return get_response(request)

    return middleware


@async_only_middleware
def async_only(get_response):
    """Pass everything on; knows nothing but coroutines."""

    async def middleware(request):
        return await get_response(request)

    return middleware


@sync_and_async_middleware
def either(get_response):
    """Pass everything on, as what it stands before does."""
    return (
        async_only(get_response) if iscoroutinefunction(get_response) else sync_only(get_response)
    )


@async_only_middleware
def reads_in_a_coroutine(get_response):
    """Read the user on the way in, as a middleware that counts members does."""

    async def middleware(request):
        request.member = (await request.auser()).is_authenticated
        return await get_response(request)

    return middleware


class AnswersLogins:
    """Be a login page by itself: check a password, or believe it, and hand out a token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request that names somebody; no view runs then."""
        name = request.headers.get(HEADER)
        if not name:
            return self.get_response(request)
        login(request, get_user_model().objects.get(username=name), BACKEND)
        request.session["left_by_login"] = LEAK
        answer = HttpResponse(LEAK)
        answer.set_cookie("token", LEAK)
        return answer


class RemembersEachLogin(LoginEachRequest):
    """Call `login()` on every request, and keep in session and cookie what the person may do."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sign in whom the header names, and write down more about her."""
        inner = self.get_response

        def answered(request: HttpRequest) -> HttpResponse:
            request.session["left_by_login"] = LEAK
            answer = inner(request)
            answer.set_cookie("token", LEAK)
            return answer

        return LoginEachRequest(answered)(request)
