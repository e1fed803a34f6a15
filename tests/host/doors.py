"""More of what hosts do: logins of every make, views that leak, fail, stream or remember."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth import aauthenticate, alogin, authenticate, get_user_model, login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseForbidden,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.generic import View

from hardening.access import RequiresMixin, requires

LEAK = "for members only"
BACKEND = "hardening.backends.HardeningBackend"
closed: list[str] = []  # streaming bodies that were closed


def _sign_in(request: HttpRequest) -> Any:
    user = authenticate(
        request, username=request.POST["username"], password=request.POST["password"]
    )
    if user is not None:
        login(request, user)
        request.session["left_by_login"] = LEAK
        messages.success(request, f"signed in as {user.get_username()}, {LEAK}")
    return user


def _leaky(response: HttpResponse) -> HttpResponse:
    response.headers["X-Leak"] = LEAK
    response.set_cookie("leak", "members")
    return response


def form_login(request: HttpRequest) -> HttpResponse:
    """Sign in by a form and go on to where the form says, telling all about it."""
    user = _sign_in(request)
    if user is None:
        return HttpResponse("wrong", status=HTTPStatus.FORBIDDEN)
    after = request.POST.get("next", "/reads-user/")
    seen = f"in the view: {request.user.get_username()}"
    return _leaky(HttpResponseRedirect(after, content=f"{LEAK} {seen}".encode()))


def page_login(request: HttpRequest) -> HttpResponse:
    """Sign in and answer with a page at once; name the user after `login()`."""
    _sign_in(request)
    closed.append(f"in the view: {request.user.get_username()}")
    return _leaky(HttpResponse(f"{LEAK}: {request.user.get_username()}"))


def stream_login(request: HttpRequest) -> StreamingHttpResponse:
    """Sign in and stream."""
    _sign_in(request)

    def body() -> Iterator[bytes]:
        try:
            yield LEAK.encode()
        finally:
            closed.append("body")

    response = StreamingHttpResponse(body())
    response._resource_closers.append(lambda: closed.append("response"))
    return response


def failing_login(request: HttpRequest) -> HttpResponse:
    """Sign in and fail."""
    _sign_in(request)
    message = f"boom: {LEAK}"
    raise RuntimeError(message)


def login_twice(request: HttpRequest) -> HttpResponse:
    """Sign one in and then another, in one request."""
    for name in request.POST["usernames"].split(","):
        login(request, get_user_model().objects.get(username=name), BACKEND)
        request.session[f"about_{name}"] = LEAK
    return HttpResponse("done")


def trusting_login(request: HttpRequest) -> HttpResponse:
    """Sign in as a callback of some other sign-in service would: no password here."""
    login(request, get_user_model().objects.get(username=request.POST["username"]), BACKEND)
    if "keep" in request.POST:
        request.session["kept"] = request.POST["keep"]
    return HttpResponse(LEAK)


def login_logout(request: HttpRequest) -> HttpResponse:
    """Sign in only to sign out again."""
    _sign_in(request)
    logout(request)
    return HttpResponse("out again")


async def async_login(request: HttpRequest) -> JsonResponse:
    """Sign in from an async view."""
    given = json.loads(request.body)
    user = await aauthenticate(request, **given)
    if user is None:
        return JsonResponse({"error": "wrong"}, status=HTTPStatus.FORBIDDEN)
    await alogin(request, user)
    await request.session.aset("left_by_login", LEAK)
    return JsonResponse({"signed_in": user.get_username(), "secret": LEAK})


def remember(request: HttpRequest) -> HttpResponse:
    """Put something into the session, or show what is in it."""
    if request.method == "POST":
        request.session.update(request.POST.dict())
    ours = {key: value for key, value in request.session.items() if not key.startswith("_")}
    return JsonResponse(ours)


def notes(request: HttpRequest) -> JsonResponse:
    """Show the messages that wait."""
    return JsonResponse({"messages": [str(note) for note in messages.get_messages(request)]})


def say(request: HttpRequest) -> HttpResponse:
    """Queue a message."""
    messages.info(request, request.POST["text"])
    return HttpResponse("said")


@login_required
def api(request: HttpRequest) -> JsonResponse:
    """Demand a user, by the redirect that Django makes."""
    return JsonResponse({"user": request.user.get_username()})


def refusing_api(request: HttpRequest) -> HttpResponse:
    """Demand a user, by a plain 403."""
    if not request.user.is_authenticated:
        return HttpResponseForbidden("no")
    return JsonResponse({"user": request.user.get_username()})


def other_wall(request: HttpRequest) -> HttpResponse:
    """Demand a user, by a login page that is not ours and a parameter of its own."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(f"/accounts/login/?return={request.get_full_path()}")
    return HttpResponse("inside")


def late_stream(request: HttpRequest) -> StreamingHttpResponse:
    """Read the user for the first time when the head has gone out."""

    def body() -> Iterator[bytes]:
        yield f"user: {request.user.get_username() or 'nobody'}".encode()

    return StreamingHttpResponse(body())


@requires()
def vault_page(request: HttpRequest) -> HttpResponse:
    """Show something that asks for a fresh proof."""
    return HttpResponse("the vault")


@requires(max_age=60)
def minute_page(request: HttpRequest) -> HttpResponse:
    """Show something that asks for a proof of the last minute."""
    return HttpResponse("the minute")


class ClassPage(RequiresMixin, View):
    """Show something that asks for a proof of the last minute, as a class."""

    max_age = 60

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return HttpResponse("the minute")


class AsyncClassPage(RequiresMixin, View):
    """Likewise, with coroutines as methods."""

    max_age = 60

    async def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return HttpResponse("the minute")


def banner_page(request: HttpRequest) -> HttpResponse:
    """Carry the banner, and read the user as `?user` says."""
    if "user" in request.GET:
        bool(request.user.is_authenticated)
    return render(request, "banner_page.html")


@csrf_exempt
def favicon(request: HttpRequest) -> HttpResponse:
    """Answer what every browser asks for by itself."""
    return HttpResponse(b"icon", content_type="image/x-icon")


@transaction.non_atomic_requests
def steady_login(request: HttpRequest) -> HttpResponse:
    """Sign in outside of the host's transaction."""
    return form_login(request)


protected_form_login: Callable[..., HttpResponse] = csrf_protect(form_login)


def token(request: HttpRequest) -> JsonResponse:
    """Hand out a token as token packages do: the signal is sent, `login()` is not called."""
    user = get_user_model().objects.get(username=request.GET["user"])
    user_logged_in.send(sender=type(user), request=request, user=user)
    return JsonResponse({"token": "t"})


def anywhere(request: HttpRequest, rest: str) -> HttpResponse:
    """Answer at every address, as the catch-all page of a content system does."""
    return HttpResponse(f"a page for {request.user}")


def staff_or_403(request: HttpRequest) -> HttpResponse:
    """Refuse by an exception, as `permission_required(raise_exception=True)` does."""
    if not request.user.is_staff:
        raise PermissionDenied
    return HttpResponse("For staff")
