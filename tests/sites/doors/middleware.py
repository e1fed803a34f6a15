"""Middlewares that packages bring: a login on each request, another user put into the request."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable

from django.contrib.auth import authenticate, get_user_model, login
from django.http import HttpRequest, HttpResponse

ACTS_AS = "acts_as"


class ActAs:
    """Put somebody else into `request.user` for whoever the session says acts as her."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Swap the user if the owner of the session is signed in and acts as another."""
        if request.user.is_authenticated and ACTS_AS in request.session:
            user = get_user_model().objects.get(username=request.session[ACTS_AS])

            async def auser() -> object:
                return user

            request.user, request.auser = user, auser
        return self.get_response(request)


class BasicEachRequest:
    """Sign in by HTTP Basic, with `login()`, on each request: a wall around a whole site."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sign in whom the header names, if its password is right."""
        kind, _, pair = request.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, password = b64decode(pair).decode().partition(":")
            user = authenticate(request, username=name, password=password)
            if user is not None:
                login(request, user)
        return self.get_response(request)
