"""The rooms behind the doors, and the doors that no package brings.

Every login view here leaks what it can (`LEAK` in body, header, cookie, session): nothing of it
may reach a client whose sign-in is parked.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import user_passes_test
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from rest_framework import authentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from hardening.contrib import drf
from tests.host.doors import LEAK
from tests.sites.doors.middleware import ACTS_AS

# --- rooms -----------------------------------------------------------------------------------


@user_passes_test(lambda user: user.is_staff)
def staff_room(request: HttpRequest) -> HttpResponse:
    """Show something to staff."""
    return HttpResponse(f"staff: {request.user.get_username()}")


@api_view()
@authentication_classes([drf.SessionAuthentication])
@permission_classes([IsAuthenticated])
def api_me(request: Request) -> Response:
    """Name who asks, by her session."""
    return Response({"user": request.user.get_username()})


@api_view()
@authentication_classes([drf.BasicAuthentication, drf.TokenAuthentication])
@permission_classes([IsAuthenticated])
def api_call(request: Request) -> Response:
    """Name who asks, by what the request itself brings."""
    return Response({"user": request.user.get_username()})


@api_view()
@authentication_classes([authentication.SessionAuthentication])
@permission_classes([IsAdminUser])
def api_staff(request: Request) -> Response:
    """Show something to staff, by Django REST framework's own session authentication."""
    return Response({"staff": request.user.get_username()})


# --- doors -----------------------------------------------------------------------------------


def leaky(where: str) -> HttpResponse:
    """Answer as a login view does, and tell too much."""
    response = HttpResponseRedirect(where, content=LEAK.encode(), headers={"X-Leak": LEAK})
    response.set_cookie("leak", "members")
    return response


def callback(request: HttpRequest) -> HttpResponse:
    """Come back from another sign-in service: its claims, our backend for them, `login()`."""
    user = authenticate(request, claims={"email": request.GET["email"]})
    login(request, user)
    request.session["id_token"] = LEAK
    messages.success(request, f"Welcome, {user.get_username()}")
    return leaky(request.GET["next"])


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def api_login(request: Request) -> Response:
    """Sign in with the framework's own request, which wraps Django's."""
    user = authenticate(request, **request.data)
    if user is None:
        return Response({"error": "wrong"}, status=403)
    login(request, user)
    request.session["left_by_login"] = LEAK
    return Response({"signed_in": user.get_username(), "secret": LEAK}, headers={"X-Leak": LEAK})


def act_as(request: HttpRequest) -> HttpResponse:
    """Sign in and act as somebody else from the first moment."""
    given = {name: request.POST[name] for name in ("username", "password")}
    login(request, authenticate(request, **given))
    request.session[ACTS_AS] = request.POST["acts_as"]
    return leaky(request.POST["next"])
