"""What a host site brings: pages that ignore, read or demand the user, and a login of its own."""

from __future__ import annotations

import json
from http import HTTPStatus

from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST


def public(request: HttpRequest) -> HttpResponse:
    """Answer everybody the same, without a look at who asks."""
    return HttpResponse("Open to everybody")


def reads_user(request: HttpRequest) -> HttpResponse:
    """Name who asks."""
    name = request.user.get_username() if request.user.is_authenticated else "nobody"
    return HttpResponse(f"Here is {name}")


async def async_reads_user(request: HttpRequest) -> HttpResponse:
    """Name who asks, from an async view."""
    user = await request.auser()
    name = user.get_username() if user.is_authenticated else "nobody"
    return HttpResponse(f"Here is {name}")


@login_required
def members(request: HttpRequest) -> HttpResponse:
    """Show something to people who are signed in, and to nobody else."""
    return HttpResponse(f"Members only: {request.user.get_username()}")


@require_POST
def json_login(request: HttpRequest) -> JsonResponse:
    """Sign in as many a site's own API does: JSON in, Django's `login()`, a leaky JSON answer."""
    given = json.loads(request.body)
    user = authenticate(request, username=given["username"], password=given["password"])
    if user is None:
        return JsonResponse({"error": "wrong"}, status=HTTPStatus.FORBIDDEN)
    login(request, user)
    request.session["left_by_login"] = "host data"
    return JsonResponse({"signed_in": user.get_username(), "secret": "for members only"})
