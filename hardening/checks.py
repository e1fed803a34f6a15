"""System checks: every wiring mistake that would be silent, each with an action as its hint.

``E`` leaves a door open, ``W`` weakens it. One function an id; checks read settings and code,
never the database, so they run before ``migrate``.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from hardening import keys, roles
from hardening.backends import HardeningBackend
from hardening.conf import conf, problems
from hardening.core.values import Strength
from hardening.factors import registry
from hardening.flows import unguarded
from hardening.host import MODEL_BACKEND, OUR_BACKEND
from hardening.models import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger("hardening")
MIDDLEWARE = "hardening.middleware.HardeningMiddleware"
AUTH_MIDDLEWARE = "django.contrib.auth.middleware.AuthenticationMiddleware"
NO_MAIL_BACKENDS = ("django.core.mail.backends.dummy.EmailBackend",)
MAX_PLACES = 5  # named in one message
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


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


def _names(path: str, kind: type) -> bool:
    """True if a dotted path leads to `kind` or to a class made of it."""
    try:
        found = import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, kind)


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


def _our_places() -> list[int]:
    configured = enumerate(settings.AUTHENTICATION_BACKENDS)
    return [index for index, path in configured if _names(path, HardeningBackend)]


def settings_are_understood(**_: Any) -> Iterable[CheckMessage]:
    """E006: a setting that is not understood is never a default."""
    for problem in problems():
        yield Error(problem, hint="Correct it in settings.HARDENING.", id="hardening.E006")


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


def floor_names_known_roles(**_: Any) -> Iterable[CheckMessage]:
    """E008: an unknown role counts as "everybody is in it" until it is mended."""
    if problems():
        return
    for entry in conf().POLICIES:
        # Groups and permissions are looked up by name in the database: their form is enough.
        if roles.find(entry.role) is None:
            yield Error(
                f"HARDENING['POLICIES'] names the unknown role {entry.role!r}.",
                hint="Register it with hardening.roles.register, or correct the name.",
                id="hardening.E008",
            )


def floor_asks_what_can_be_reached(**_: Any) -> Iterable[CheckMessage]:
    """E009: nobody could meet a policy that no installed kind of factor reaches."""
    if problems():
        return
    best = registry.strongest()
    for entry in conf().POLICIES:
        if Strength.from_slug(entry.strength) > best:
            yield Error(
                f"HARDENING['POLICIES'] asks {entry.role!r} for {entry.strength!r}, "
                "which no installed kind of factor reaches.",
                hint="Install a stronger kind of factor, or ask for 'any'.",
                id="hardening.E009",
            )


def tables_stand_beside_the_users(**_: Any) -> Iterable[CheckMessage]:
    """E010: the facts ride along in the query for the user, so they need its database."""
    if router.db_for_write(Account) != router.db_for_write(get_user_model()):
        yield Error(
            "The tables of hardening are routed to another database than the user's.",
            hint="Route the app label 'hardening' to the database of the user model.",
            id="hardening.E010",
        )


def api_authentication_asks(**_: Any) -> Iterable[CheckMessage]:
    """E011: a stolen password or token opens what an API authenticates without asking."""
    for listed, places in unguarded.find().items():
        name, ours = unguarded.path(listed), unguarded.replacement(listed)
        where = ", ".join(places[:MAX_PLACES]) + (", …" if len(places) > MAX_PLACES else "")
        yield Error(
            f"{name} authenticates requests and asks no decision, in {where}.",
            hint=f"Put {ours!r} in its place."
            if ours
            else "Add 'hardening.contrib.drf.MeetsPolicy' to the permission classes there, or set "
            "asks_decision = True on a class that asks by itself.",
            id="hardening.E011",
        )


def user_names_are_unique(**_: Any) -> Iterable[CheckMessage]:
    """E012: a name that two people share signs neither in; auth.E003 is about ModelBackend only."""
    model = get_user_model()
    name = model.USERNAME_FIELD
    options: Any = model._meta  # noqa: SLF001 - as Django's own check does
    unique = options.get_field(name).unique or any(
        constraint.fields == (name,) for constraint in options.total_unique_constraints
    )
    if not unique and OUR_BACKEND in settings.AUTHENTICATION_BACKENDS:
        yield Error(
            f"{model.__name__}.{name} is not unique, and HardeningBackend finds people by it.",
            hint=f"Add unique=True to the field, or list a subclass of {OUR_BACKEND!r} that tells "
            "people of one name apart.",
            id="hardening.E012",
        )


def mail_can_be_sent(**_: Any) -> Iterable[CheckMessage]:
    """W001: without mail nobody can prove a mailbox or be told of a theft."""
    backend, server = _mail_goes_by()
    unset = backend == SMTP_BACKEND and server == "localhost" and not settings.DEBUG
    if backend in NO_MAIL_BACKENDS or unset:
        names = "MAILERS" if hasattr(settings, "MAILERS") else "EMAIL_HOST (or EMAIL_BACKEND)"
        yield Caution(
            "No mail server is configured: first sign-ins need a ticket, and nobody is told.",
            hint=f"Set {names}; until then use 'manage.py hardening_ticket'.",
            id="hardening.W001",
        )


def _mail_goes_by() -> tuple[str, str]:
    """Return the default mail backend and its server, from the settings that this Django reads.

    Since Django 6.1 that is `MAILERS`, where a site has it; `EMAIL_BACKEND` must then not be
    read, and reading it elsewhere says that it is deprecated, which is the host's affair.
    """
    mailers: dict[str, Any] | None = getattr(settings, "MAILERS", None)
    if mailers is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return settings.EMAIL_BACKEND, settings.EMAIL_HOST
    default = mailers.get("default")
    if default is None:
        return NO_MAIL_BACKENDS[0], ""  # Django raises when we send
    return default.get("BACKEND", SMTP_BACKEND), default.get("OPTIONS", {}).get("host", "localhost")


def vault_has_its_own_keys(**_: Any) -> Iterable[CheckMessage]:
    """W002 (deploy): one leaked SECRET_KEY would open every authenticator secret too."""
    if not problems() and keys.is_default():
        yield Caution(
            "The vault's keys are derived from SECRET_KEY.",
            hint="Set HARDENING['VAULT_KEYS'] to a key of its own, then run hardening_rekey.",
            id="hardening.W002",
        )


def kill_switch_is_off(**_: Any) -> Iterable[CheckMessage]:
    """W003: the kill switch restores access for everybody, thieves included."""
    if not problems() and not conf().ENFORCE:
        yield Caution(
            "HARDENING['ENFORCE'] is False: no second factor is asked of anybody.",
            hint="Remove it as soon as the emergency is over.",
            id="hardening.W003",
        )


def publishers_are_covered(**_: Any) -> Iterable[CheckMessage]:
    """W004: a role that changes what the public sees, and no policy of the floor covers it."""
    if problems():
        return
    covered = {entry.role for entry in conf().POLICIES}
    for role in roles.registered():
        if role.publishes_publicly and not covered & {role.key, "everyone"}:
            yield Caution(
                f"The role {role.key!r} publishes publicly and the floor does not cover it.",
                hint=f"Add {{'role': {role.key!r}}} to HARDENING['POLICIES'], "
                "or enforce a policy in the admin and silence this check.",
                id="hardening.W004",
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


def shout_if_the_kill_switch_is_on() -> None:
    """Log it at each start, for servers run no checks."""
    if not problems() and not conf().ENFORCE:
        log.critical("hardening asks nobody for a second factor: HARDENING['ENFORCE'] is False")


CHECKS: tuple[Callable[..., Iterable[CheckMessage]], ...] = (
    middleware_is_installed,
    middleware_follows_authentication,
    backend_is_installed,
    backend_is_first,
    model_backend_is_replaced,
    settings_are_understood,
    urls_are_included,
    floor_names_known_roles,
    floor_asks_what_can_be_reached,
    tables_stand_beside_the_users,
    api_authentication_asks,
    user_names_are_unique,
    mail_can_be_sent,
    kill_switch_is_off,
    publishers_are_covered,
    requests_reach_the_templates,
)
DEPLOY_CHECKS: tuple[Callable[..., Iterable[CheckMessage]], ...] = (vault_has_its_own_keys,)


def register_all() -> None:
    """Register every check; called when the app is ready."""
    for check in CHECKS:
        register(_listed(check), Tags.security)
    for check in DEPLOY_CHECKS:
        register(_listed(check), Tags.security, deploy=True)


def _listed(check: Callable[..., Iterable[CheckMessage]]) -> Callable[..., list[CheckMessage]]:
    def run(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
        return list(check(app_configs=app_configs, **kwargs))

    run.__name__ = check.__name__
    return run
