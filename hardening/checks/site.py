"""What the rest of the site has to be like: its users, databases, mail and API views."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution
from django.db import connections, router

from hardening import host
from hardening.conf import conf, problems
from hardening.flows import unguarded
from hardening.host import OUR_BACKEND

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_MAIL_BACKENDS = ("django.core.mail.backends.dummy.EmailBackend",)
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
# Read committed, as the option of each driver says it; PostgreSQL treats 1 like 2.
ISOLATION_LEVELS: dict[str, tuple[Any, ...]] = {"mysql": ("read committed",), "postgresql": (2, 1)}
# The first names of apps that lock accounts out: django-axes, django-defender, django-brute-buster.
LOCKOUT_APPS = {"axes": "django-axes", "defender": "django-defender"}
LOCKOUT_APPS |= {"brutebuster": "django-brute-buster"}
PROXY_SETTINGS = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")
MAX_PLACES = 5  # named in one message


def tables_stand_beside_the_users(**_: Any) -> Iterable[CheckMessage]:
    """E010: the facts ride along in the query for the user, so they need its database."""
    home = router.db_for_write(get_user_model())
    ours = apps.get_app_config("hardening").get_models()
    if any(router.db_for_write(model) != home for model in ours):
        yield Error(
            "The tables of hardening are routed to another database than the user's.",
            hint="Route the app label 'hardening' to the database of the user model.",
            id="hardening.E010",
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


def transactions_see_what_is_committed(**_: Any) -> Iterable[CheckMessage]:
    """W006: at a stricter level servers break transactions off that we expect to wait."""
    connection = connections[router.db_for_write(get_user_model())]
    accepted = ISOLATION_LEVELS.get(connection.vendor)
    if accepted is None:
        return
    level = connection.settings_dict["OPTIONS"].get("isolation_level", accepted[0])
    if (level.lower() if isinstance(level, str) else level) not in accepted:
        yield Caution(
            f"The database's isolation level is {level!r}: two tries at once may end in an error.",
            hint="Remove 'isolation_level' from OPTIONS in DATABASES: Django's own is right.",
            id="hardening.W006",
        )


def proxies_are_named(**_: Any) -> Iterable[CheckMessage]:
    """W007 (deploy): behind a proxy that nobody named all visitors share one address."""
    if problems() or conf().TRUSTED_PROXIES or conf().TRUSTED_PROXY_COUNT:
        return
    for name in PROXY_SETTINGS:
        if getattr(settings, name, None):
            yield Caution(
                f"{name} says that a proxy stands before this site, and no proxy is trusted: all "
                "visitors count as one address.",
                hint="Set HARDENING['TRUSTED_PROXIES'] to the networks of your proxies, or "
                "HARDENING['TRUSTED_PROXY_COUNT'] to how many there are. If your server sets "
                "REMOTE_ADDR to the client's address itself, silence this check.",
                id="hardening.W007",
            )
            return


def links_lead_home(**_: Any) -> Iterable[CheckMessage]:
    """W011: whoever sends a request would choose where a mailed link leads, so none is mailed."""
    if host.takes_any_host():
        yield Caution(
            "ALLOWED_HOSTS takes any host, so no link that ends a lock is mailed.",
            hint="Put the host names of this site into ALLOWED_HOSTS, in place of '*'.",
            id="hardening.W011",
        )


def nobody_else_locks_out(**_: Any) -> Iterable[CheckMessage]:
    """W008: two counters on one login; the other one locks owners out of known browsers."""
    listed = (*settings.INSTALLED_APPS, *settings.AUTHENTICATION_BACKENDS, *settings.MIDDLEWARE)
    first_names = dict.fromkeys(str(path).partition(".")[0].lower() for path in listed)
    for name in first_names:
        if name in LOCKOUT_APPS:
            yield Caution(
                f"{LOCKOUT_APPS[name]} is active and locks accounts or addresses out beside us.",
                hint=f"Remove {name!r} from INSTALLED_APPS, AUTHENTICATION_BACKENDS and "
                "MIDDLEWARE: guessing is bounded without locking owners out.",
                id="hardening.W008",
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
