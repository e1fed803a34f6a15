"""What has to stand at its place in the host's settings: middleware, backend, URLs, templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from hardening.backends import HardeningBackend
from hardening.host import MODEL_BACKEND, OUR_BACKEND

if TYPE_CHECKING:
    from collections.abc import Iterable

MIDDLEWARE = "hardening.middleware.HardeningMiddleware"
AUTH_MIDDLEWARE = "django.contrib.auth.middleware.AuthenticationMiddleware"


def middleware_is_installed(**_: Any) -> Iterable[CheckMessage]:
    """E001: without the middleware nobody is ever asked for anything."""
    if MIDDLEWARE not in settings.MIDDLEWARE:
        yield Error(
            "HardeningMiddleware is not in MIDDLEWARE, so no session is ever judged.",
            hint=f"Add {MIDDLEWARE!r} directly after {AUTH_MIDDLEWARE!r}.",
            id="hardening.E001",
        )


def middleware_follows_authentication(**_: Any) -> Iterable[CheckMessage]:
    """E002: what stands between would see a user who has not been judged."""
    listed = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in listed:
        return
    place = listed.index(MIDDLEWARE)
    if place == 0 or not _names(listed[place - 1], AuthenticationMiddleware):
        yield Error(
            "HardeningMiddleware does not stand directly after AuthenticationMiddleware.",
            hint=f"Move {MIDDLEWARE!r} directly after {AUTH_MIDDLEWARE!r} in MIDDLEWARE.",
            id="hardening.E002",
        )


def backend_is_installed(**_: Any) -> Iterable[CheckMessage]:
    """E003: the backend brings the facts along and tells passwords from other sign-ins."""
    if not _our_places():
        yield Error(
            "HardeningBackend is not in AUTHENTICATION_BACKENDS.",
            hint=f"Put {OUR_BACKEND!r} in place of {MODEL_BACKEND!r}.",
            id="hardening.E003",
        )


def backend_is_first(**_: Any) -> Iterable[CheckMessage]:
    """E004: a backend before ours sees passwords that ours would have refused to hash."""
    places = _our_places()
    if places and places[0] != 0:
        yield Error(
            "HardeningBackend is not the first of AUTHENTICATION_BACKENDS.",
            hint=f"Move {OUR_BACKEND!r} to the head of the list.",
            id="hardening.E004",
        )


def model_backend_is_replaced(**_: Any) -> Iterable[CheckMessage]:
    """E005: with both, each wrong password is hashed twice and refusals are overruled."""
    if MODEL_BACKEND in settings.AUTHENTICATION_BACKENDS and _our_places():
        yield Error(
            "ModelBackend stands beside HardeningBackend in AUTHENTICATION_BACKENDS.",
            hint=f"Remove {MODEL_BACKEND!r}; sessions that name it go on.",
            id="hardening.E005",
        )


def urls_are_included(**_: Any) -> Iterable[CheckMessage]:
    """E007: whoever is asked for a second factor needs the page that asks."""
    try:
        reverse("hardening:verify")
    except (NoReverseMatch, ImproperlyConfigured):
        yield Error(
            "The URLs of hardening are not included, or not under the namespace 'hardening'.",
            hint="Add path('security/', include('hardening.urls')) to the root URLconf.",
            id="hardening.E007",
        )


def requests_reach_the_templates(**_: Any) -> Iterable[CheckMessage]:
    """W005: the banner needs the request; without it deadlines are never shown."""
    wanted = "django.template.context_processors.request"
    engines: list[dict[str, Any]] = list(settings.TEMPLATES)
    listed = [e.get("OPTIONS", {}).get("context_processors", ()) for e in engines]
    if not any(wanted in processors for processors in listed):
        yield Caution(
            "No template engine has the request context processor, so banners stay silent.",
            hint=f"Add {wanted!r} to the context processors in TEMPLATES.",
            id="hardening.W005",
        )


def _our_places() -> list[int]:
    configured = enumerate(settings.AUTHENTICATION_BACKENDS)
    return [index for index, path in configured if _names(path, HardeningBackend)]


def _names(path: str, kind: type) -> bool:
    """True if a dotted path leads to `kind` or to a class made of it."""
    try:
        found = import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, kind)
