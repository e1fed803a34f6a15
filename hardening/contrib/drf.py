"""Django REST framework: authentication classes and permissions that ask the same decision.

The classes are Django REST framework's own, and ask afterwards whether whoever they have found
may pass. Session: the middleware has asked already. Basic and token requests carry no session
and so no proof of a factor: whom the decision would stop at the login page, it refuses here.

Every refusal is an exception that carries ``code``, ``step`` and ``reason`` besides ``detail``,
so the host's ``EXCEPTION_HANDLER`` stays as it is. Status and ``WWW-Authenticate`` of a failed
authentication follow Django REST framework's rule: 401 if the first authentication class of the
view names a scheme, else 403.

The trap: a frozen or inactive account is answered exactly like wrong credentials; whatever is
said about an account is said to somebody who has shown a right password or token.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions, permissions

from hardening import access, answers, attempted, origin, sessions
from hardening.core.values import Strength, Verdict
from hardening.facts import FactsError, NotMigratedError
from hardening.flows import sessionless, stepup, unguarded
from hardening.flows.parking import OVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rest_framework.request import Request
    from rest_framework.views import APIView

    from hardening.core.values import Decision

log = logging.getLogger("hardening")


# --- answers -----------------------------------------------------------------------------------


class StepRequired(exceptions.AuthenticationFailed):
    """The credentials are right, and the decision asks for more than they prove."""

    default_detail = _("This account needs more than these credentials. Sign in on the site.")

    def __init__(self, decision: Decision) -> None:
        super().__init__({"detail": self.default_detail, **answers.missing(decision)})


class NewPasswordRequired(exceptions.PermissionDenied):
    """The password is right and must be replaced, on a page: no other credentials help."""

    default_detail = _("This account needs a new password. Sign in on the site to choose one.")

    def __init__(self, decision: Decision) -> None:
        super().__init__({"detail": self.default_detail, **answers.missing(decision)})


class CredentialsRefused(exceptions.AuthenticationFailed):
    """Wrong credentials, or an account that may not sign in: nobody can tell which."""

    def __init__(self, detail: Any = None) -> None:
        text = detail or self.default_detail
        super().__init__({"detail": text, "code": "login_required", "step": answers.login_page()})


class LoginRequired(exceptions.NotAuthenticated):
    """Nobody is signed in."""

    def __init__(self) -> None:
        body = {"code": "login_required", "step": answers.login_page()}
        super().__init__({"detail": self.default_detail, **body})


class FreshProofRequired(exceptions.PermissionDenied):
    """A factor has to be proven again, or a first one set up, before this door opens."""

    default_detail = _("This needs a fresh proof of your second factor.")

    def __init__(self, decision: Decision) -> None:
        super().__init__({"detail": self.default_detail, **access.missing(decision)})


class CsrfRefused(exceptions.PermissionDenied):
    """The CSRF token is missing or wrong."""

    def __init__(self, detail: Any) -> None:
        super().__init__({"detail": detail, "code": "csrf_failed"})


class Unavailable(exceptions.APIException):
    """Nobody can tell whether the request may pass."""

    status_code = 503
    default_detail = _("We could not check your sign-in. Please try again.")
    wait = answers.UNAVAILABLE_SECONDS  # becomes Retry-After

    def __init__(self) -> None:
        super().__init__({"detail": self.default_detail, "code": "unavailable"})


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Give what Django REST framework says about credentials a code; a fault becomes a 503."""
    try:
        yield
    except (StepRequired, CredentialsRefused):
        raise
    except exceptions.AuthenticationFailed as refused:
        raise CredentialsRefused(refused.detail) from None
    except (FactsError, NotMigratedError) as fault:
        log.exception("nobody can tell whether an API request may pass; answering 503")
        raise Unavailable from fault


def _ask(request: Request, user: Any, *, password: bool = False, evidence: str = "") -> None:
    """Ask about a request that authenticated by itself; return if it may pass."""
    where, now = origin.where(request._request), int(time.time())  # noqa: SLF001
    try:
        if password:
            attempted.look_up(request, user, now=now, where=where)
        decision = sessionless.judge(
            user,
            password=password,
            evidence=evidence,
            flagged=attempted.came(request, None, user).flagged,
            now=now,
            where=where,
        )
    except NotMigratedError:  # tolerated and logged, as everywhere
        return
    if decision.verdict in OVER:
        raise CredentialsRefused
    if decision.verdict is Verdict.CHANGE_PASSWORD:
        raise NewPasswordRequired(decision)
    if not decision.allowed:
        raise StepRequired(decision)
    request._request.hardening_asked = user  # type: ignore[attr-defined]  # noqa: SLF001


# --- authentication ----------------------------------------------------------------------------


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session, judged by the middleware; CSRF is enforced as ever, with a code."""

    asks_decision = True

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the user of the session, if the decision was asked about her.

        A user whom other code has put into the request, with no session that the middleware
        judged, is judged here.
        """
        with _in_our_words():
            found = super().authenticate(request)
            if found is not None and not _judged_by_the_middleware(request):
                _ask(request, found[0])
            return found

    def enforce_csrf(self, request: Request) -> None:
        """Refuse a request that another site may have made its user send."""
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as refused:
            raise CsrfRefused(refused.detail) from None


class BasicAuthentication(authentication.BasicAuthentication):
    """A password with each request: enough only for whom a password is enough."""

    asks_decision = True

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the user of the header, if the decision lets a password pass."""
        with _in_our_words():
            found = super().authenticate(request)
            if found is not None:
                _ask(request, found[0], password=True)
            return found

    def authenticate_credentials(
        self, userid: str, password: str, request: Any = None
    ) -> tuple[Any, Any]:
        """Check name and password; say no more than that something is wrong."""
        try:
            return super().authenticate_credentials(userid, password, request)
        except exceptions.AuthenticationFailed:
            raise CredentialsRefused from None


class TokenAuthentication(authentication.TokenAuthentication):
    """A token proves that somebody made it once: enough for whom nothing more is asked.

    A token that was made by a session with a proven factor may say so: see `evidence`.
    """

    asks_decision = True

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the user of the token and the token, if the decision lets a token pass."""
        with _in_our_words():
            found = super().authenticate(request)
            if found is not None:
                _ask(request, found[0], evidence=self.evidence(found[1]))
            return found

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        """Look the token up; say no more than that something is wrong."""
        try:
            return super().authenticate_credentials(key)
        except exceptions.AuthenticationFailed:
            raise CredentialsRefused from None

    def evidence(self, token: Any) -> str:
        """Return what `evidence_of` gave when this token was made; override it to keep some."""
        return ""


def evidence_of(request: Request) -> str:
    """Return what the session of this request has proven, for a token that it makes.

    Signed, and bound to the account: it lives as long as the session would, until a change of
    password or factors, or a revocation. Empty if the request came without a session of its user.
    """
    if not (_by_session(request) and _judged_by_the_middleware(request)):
        return ""
    return sessionless.evidence_of(request._request.session, request.user)  # noqa: SLF001


def _judged_by_the_middleware(request: Request) -> bool:
    return hasattr(request._request, "hardening_decision")  # noqa: SLF001 - as DRF's own class


# --- permissions -------------------------------------------------------------------------------


class MeetsPolicy(permissions.BasePermission):
    """Signed in, and the decision lets this request pass, however it was authenticated.

    For views behind an authentication class that asks nothing (JWT, OAuth). It raises instead
    of answering "no", so that the client reads a code: combine it with ``&``, never with ``|``.
    """

    asks_decision = True

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return true, or raise what is missing."""
        if not getattr(request.user, "is_authenticated", False):  # None, where the host says so
            raise LoginRequired
        if not _has_asked(request):
            with _in_our_words():
                _ask(request, request.user)
        return True


class HasFreshProof(MeetsPolicy):
    """A factor was proven in this session not long ago; subclass it to say how long.

    The same question as `hardening.access.requires`. A request without a session has no proof
    of a factor at all.
    """

    asks_decision = True
    max_age: int | None = None  # seconds; None: by the policies of the person's roles
    strength: Strength = Strength.ANY
    always: bool = False  # ask even while the kill switch is on

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return true, or raise what is missing."""
        super().has_permission(request, view)
        with _in_our_words():
            decision = self._decision(request)
        if decision.verdict in OVER:
            raise LoginRequired
        if not decision.allowed:
            raise FreshProofRequired(decision)
        return True

    def _decision(self, request: Request) -> Decision:
        asked: dict[str, Any] = {
            "max_age": self.max_age,
            "strength": self.strength,
            "always": self.always,
            "now": int(time.time()),
        }
        if _by_session(request):
            session = request._request.session  # noqa: SLF001 - never DRF's own attributes
            return stepup.ask(session, request.user, **asked)[1]
        return sessionless.judge_freshness(request.user, **asked)


def _by_session(request: Request) -> bool:
    """True if the session says who this is; a class that finds people itself must agree with it."""
    found = type(request.successful_authenticator)
    if not issubclass(found, authentication.SessionAuthentication):
        return False
    session = request._request.session  # noqa: SLF001 - never DRF's own attributes
    return unguarded.reads_the_session(found) or sessions.signs_in(session, request.user)


def _has_asked(request: Request) -> bool:
    if getattr(request._request, "hardening_asked", None) is request.user:  # noqa: SLF001
        return True
    if _by_session(request):
        return _judged_by_the_middleware(request)
    return unguarded.says_so(type(request.successful_authenticator), "authenticate")


if find_spec("drf_spectacular") is not None:
    from hardening.contrib import drf_schema  # noqa: F401 - importing it is what it is for
