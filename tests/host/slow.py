"""Views that take their time, stream, or fail, sync and async; and where they are served.

`slow` calls whatever a test has put into `meanwhile`: what another request does while this one is
on its way. So an interleaving is an order of lines, and no thread has to be lucky.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.contrib import messages
from django.contrib.auth import aauthenticate, alogin, get_user_model, login
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    SuspiciousOperation,
    SynchronousOnlyOperation,
)
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path

from tests.doors.site import urlpatterns as more
from tests.host.doors import BACKEND, LEAK

meanwhile: list[Callable[[], Any]] = []
FAULTS: dict[str, type[Exception]] = {
    "RuntimeError": RuntimeError,
    "Http404": Http404,
    "PermissionDenied": PermissionDenied,
    "SuspiciousOperation": SuspiciousOperation,
    "BadRequest": BadRequest,
}


def _others_go_on() -> None:
    while meanwhile:
        meanwhile.pop()()


def slow(request: HttpRequest) -> HttpResponse:
    """Use the session as the form says, before and after others had their turn."""
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    _use(request, before)
    _others_go_on()
    _use(request, after)
    return HttpResponse("at last")


def _use(request: HttpRequest, how: str) -> None:
    if how == "reads":
        request.session.get("cart")
    elif how == "user":
        bool(request.user.is_authenticated)
    elif how == "writes":
        request.session["written_by"] = "a slow request"


# --- streams ------------------------------------------------------------------------------------


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Stream from a plain iterator; read the user before or in the middle of it."""
    if "early" in request.GET:
        bool(request.user.is_authenticated)

    def body() -> Iterator[bytes]:
        yield b"user: "
        yield (request.user.get_username() or "nobody").encode()

    return StreamingHttpResponse(body())


async def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    """Likewise, from an async iterator."""
    if "early" in request.GET:
        await request.auser()

    async def body() -> AsyncIterator[bytes]:
        yield b"user: "
        user = await request.auser()
        yield (user.get_username() or "nobody").encode()

    return StreamingHttpResponse(body())


async def async_stream_login(request: HttpRequest) -> StreamingHttpResponse:
    """Sign in, and tell of it in an async stream."""
    await _asign_in(request)

    async def body() -> AsyncIterator[bytes]:
        yield LEAK.encode()

    return StreamingHttpResponse(body(), headers={"X-Leak": LEAK})


# --- logins that fail ---------------------------------------------------------------------------


def _give_away(request: HttpRequest) -> None:
    request.session["left_by_login"] = LEAK
    messages.success(request, f"signed in, {LEAK}")


async def _asign_in(request: HttpRequest) -> Any:
    user = await aauthenticate(request, **json.loads(request.body))
    await alogin(request, user)
    return user


def fail_after_login(request: HttpRequest, fault: str) -> HttpResponse:
    """Sign in and raise."""
    login(request, get_user_model().objects.get(username=request.POST["username"]), BACKEND)
    _give_away(request)
    raise FAULTS[fault](LEAK)


async def async_fail_after_login(request: HttpRequest, fault: str) -> HttpResponse:
    """Sign in and raise, in a coroutine."""
    user = await get_user_model().objects.aget(username=request.POST["username"])
    await alogin(request, user, BACKEND)
    await request.session.aset("left_by_login", LEAK)
    raise FAULTS[fault](LEAK)


def fail_while_rendering(request: HttpRequest, fault: str) -> TemplateResponse:
    """Sign in, and raise when the page is rendered, after the view has returned."""
    login(request, get_user_model().objects.get(username=request.POST["username"]), BACKEND)
    _give_away(request)

    def boom() -> str:
        raise FAULTS[fault](LEAK)

    page = engines["django"].from_string("{{ boom }}")
    return TemplateResponse(request, page, {"boom": boom})


def fail_for_members(request: HttpRequest) -> HttpResponse:
    """Count on a user, as a view behind a login wall does; fail where there is none."""
    request.session["draft"] = "unfinished"
    return HttpResponse(request.user.email)


async def wrong_reader(request: HttpRequest) -> HttpResponse:
    """Read `request.user` where only `request.auser` works, and shrug the error off."""
    try:
        name = request.user.get_username()
    except SynchronousOnlyOperation:
        name = "refused"
    return HttpResponse(name)


urlpatterns = [
    *more,
    path("slow/", slow),
    path("stream/", stream),
    path("async-stream/", async_stream),
    path("async-stream-login/", async_stream_login),
    path("fail/sync/<fault>/", fail_after_login),
    path("fail/async/<fault>/", async_fail_after_login),
    path("fail/rendering/<fault>/", fail_while_rendering),
    path("fail/members/", fail_for_members),
    path("wrong-reader/", wrong_reader),
]
