"""Middlewares of hosts that sign people in by themselves."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse

from tests.host.doors import BACKEND

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
