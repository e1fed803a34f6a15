"""API views as hosts write them: one for each way to authenticate, a login, a guarded door."""

from __future__ import annotations

import logging

from django.contrib.auth import authenticate, get_user_model, login
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import authentication, exceptions
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from hardening.contrib import drf
from tests.howto import defined
from tests.sites.drf.models import ApiToken

LEAK = "for members only"
audit_log = logging.getLogger("tests.sites.drf")


class Here(APIView):
    """Say who asks."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request):
        """Read."""
        return Response({"user": request.user.get_username()})

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def post(self, request):
        """Write."""
        return Response({"user": request.user.get_username()})


class Signed(authentication.BaseAuthentication):
    """A signature of another package's making: it names a user and asks nobody."""

    def authenticate(self, request):
        """Return whom the header names."""
        name = request.headers.get("X-Signed")
        if name is None:
            return None
        user = get_user_model().objects.filter(username=name).first()
        if user is None:
            raise exceptions.AuthenticationFailed
        return user, "signature"


class DeclaredSigned(Signed):
    """The same, saying that it has asked."""

    asks_decision = True


TOKENS = defined("drf", "A view that makes such tokens", ApiToken=ApiToken)
REPORTS = defined(
    "drf", "Other authentication packages", **TOKENS, JWTAuthentication=Signed, audit_log=audit_log
)


class Expiring(drf.TokenAuthentication):
    """A token that somebody else calls too old."""

    def authenticate_credentials(self, key):
        """Refuse all of them, in words of its own."""
        raise exceptions.AuthenticationFailed("The token is too old.")


class LastMinute(drf.HasFreshProof):
    """A proof of the last minute."""

    max_age = 60


class AlwaysLastMinute(LastMinute):
    """Likewise, whatever the kill switch says."""

    always = True


class Evidence(APIView):
    """Tell what a token would carry that is made by this request."""

    authentication_classes = [TOKENS["PersonalTokens"]]

    def get(self, request):
        """Tell."""
        return Response({"evidence": drf.evidence_of(request)})


class Exempt(drf.SessionAuthentication):
    """What hosts make of it that trust every site."""

    def enforce_csrf(self, request):
        """Do not."""


@api_view(["POST"])
@permission_classes([AllowAny])
def api_login(request):
    """Sign in through the API, telling all about it."""
    user = authenticate(request, **request.data)
    if user is None:
        raise exceptions.AuthenticationFailed
    login(request, user)
    request.session["left_by_login"] = LEAK
    return Response({"user": user.get_username(), "secret": LEAK}, headers={"X-Leak": LEAK})


def here(authenticator=None, *permissions, **options):
    """Return a view of its own for an authentication class and permissions."""
    if authenticator is not None:
        options["authentication_classes"] = [authenticator]
    return Here.as_view(permission_classes=permissions or [IsAuthenticated], **options)


def throttled(authenticator):
    """Return a view that answers each user once a minute."""
    return here(authenticator, throttle_classes=[UserRateThrottle])


staff_only = here(None, IsAuthenticated, IsAdminUser)
