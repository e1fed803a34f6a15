"""Settings: `settings.HARDENING`, a dict, read into one frozen `Conf` that knows every key.

A typo is an error with a suggestion, never a default: a mistyped policy must not open a door. The
dict is read once and again after Django's `setting_changed`, so `override_settings` works.
Units stand in the names. Dates without a zone are UTC.

The trap: changing the dict in place is not seen; settings are replaced, not edited. And no
message here shows a value of a key that may hold a secret.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from hardening.conf.limits import all_limits, networks, store, whole
from hardening.conf.passwords import base_url, file_path, sources, timeout
from hardening.conf.readers import (
    MAX_PARALLEL_SESSIONS,
    MAX_PARKED_LOGIN_SECONDS,
    MAX_SESSION_SECONDS,
    MAX_STEP_UP_SECONDS,
    MIN_ABSOLUTE_SECONDS,
    MIN_SESSION_SECONDS,
    MIN_VAULT_KEY_CHARACTERS,
    FloorPolicy,
    boolean,
    dotted_path,
    entries,
    issuer,
    kind,
    name_of,
    name_or_none,
    or_none,
    paragraph,
    password_mode,
    policies,
    seconds,
    unknown,
    vault_keys,
)
from hardening.core.limits import Limits
from hardening.core.values import PasswordMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = "HARDENING"
MAX_DEVICE_COOKIE_DAYS = 400  # what browsers keep a cookie for at most (RFC 6265bis §5.5)
MAX_TRUSTED_PROXIES = 16
MAX_THROTTLE_WORKERS = 1000
MAX_RETENTION_DAYS = 10 * 365


@dataclass(frozen=True, slots=True)
class Conf:
    """Every key of `settings.HARDENING` with its default. Keys that may hold secrets hide in repr.

    Attributes:
        ENFORCE: False is the kill switch: nobody is asked for anything beyond the password.
        ISSUER: The site's name in authenticator apps; `None`: the caller uses the site's name.
        POLICIES: The floor; see `FloorPolicy`.
        VAULT_KEYS: Newest first, at least 32 characters each; empty: derived from `SECRET_KEY`.
        VAULT_PROVIDER: Dotted path of a callable that returns such a list instead.
        PARKED_LOGIN_SECONDS: How long a sign-in may wait for its second step.
        STEP_UP_SECONDS: How old a fresh proof may be.
        SESSION_IDLE_SECONDS: After how long without a request a session is over, for everybody;
            `None`: no limit; policies can only ask for less.
        SESSION_ABSOLUTE_SECONDS: How long after its sign-in, likewise.
        SESSION_PARALLEL: How many sessions an account may have at the same time, likewise.
        AUDIT_RETENTION_DAYS: How long sealed events are kept; 0: for ever.
        TRUSTED_PROXIES: Networks whose `X-Forwarded-For` is believed.
        TRUSTED_PROXY_COUNT: How many proxies stand before the site, where they have no fixed
            addresses; 0: none is believed but `TRUSTED_PROXIES`.
        THROTTLE_STORE: "database", a "redis://" URL or the dotted path of a store.
        THROTTLE: Limits by key; what is not named keeps its default.
        THROTTLE_WORKERS: By how many processes a limit is divided while the store is down.
        DEVICE_COOKIE_DAYS: How long a browser is known.
        PEPPER_KEYS: Newest first; mixed into passwords before they are hashed; see `hashers`.
        BREACHED_PASSWORDS: What is done, for everybody, about a password known from a breach;
            policies can only do more.
        BREACH_SOURCES: Who is asked after the list that is always there: "corpus", "api" or the
            dotted path of a source.
        BREACH_API_URL: Where Pwned Passwords' range API is, or a mirror of it.
        BREACH_TIMEOUT_SECONDS: How long it may take altogether.
        BREACH_CORPUS: Path of a corpus file; `None`: there is none.
        BREACH_CACHE: Alias of a Django cache that keeps the API's answers for a day; `None`: each
            process keeps a few for itself.
        CHALLENGE: Dotted path of what a browser has to do where its net failed too often, see
            `hardening.throttle.challenge`; `None`: nothing is offered.
        MAIL_FROM: Sender of our mails; `None`: `DEFAULT_FROM_EMAIL`.
        BASE_TEMPLATE: What our pages extend.
        SUPPORT: How people reach an operator; shown where no other way is left.
        SITE_URL: Scheme and host that links in mails begin with; `None`: those of the request,
            where `ALLOWED_HOSTS` vouches for them.
        TIME_ZONE_OF: Dotted path of a callable that takes a user and returns the name of her time
            zone, or `None`; see `hardening.zones`. `None`: everybody's is Django's `TIME_ZONE`.
    """

    ENFORCE: bool = True
    ISSUER: str | None = None
    POLICIES: tuple[FloorPolicy, ...] = (FloorPolicy("staff"), FloorPolicy("superuser"))
    VAULT_KEYS: tuple[str, ...] = field(default=(), repr=False)
    VAULT_PROVIDER: str | None = None
    PARKED_LOGIN_SECONDS: int = 600
    STEP_UP_SECONDS: int = 300
    SESSION_IDLE_SECONDS: int | None = None
    SESSION_ABSOLUTE_SECONDS: int | None = None
    SESSION_PARALLEL: int | None = None
    AUDIT_RETENTION_DAYS: int = 400
    TRUSTED_PROXIES: tuple[str, ...] = ()
    TRUSTED_PROXY_COUNT: int = 0
    THROTTLE_STORE: str = field(default="database", repr=False)
    THROTTLE: Limits = field(default_factory=Limits)
    THROTTLE_WORKERS: int = 4
    DEVICE_COOKIE_DAYS: int = 180
    PEPPER_KEYS: tuple[str, ...] = field(default=(), repr=False)
    BREACHED_PASSWORDS: PasswordMode = PasswordMode.WARN
    BREACH_SOURCES: tuple[str, ...] = ("corpus", "api")
    BREACH_API_URL: str = "https://api.pwnedpasswords.com"
    BREACH_TIMEOUT_SECONDS: float = 1.0
    BREACH_CORPUS: str | None = None
    BREACH_CACHE: str | None = None
    CHALLENGE: str | None = "hardening.throttle.puzzle.Puzzles"
    MAIL_FROM: str | None = None
    BASE_TEMPLATE: str = "hardening/base.html"
    SUPPORT: str = ""
    SITE_URL: str | None = None
    TIME_ZONE_OF: str | None = None


def conf() -> Conf:
    """Return the settings.

    Raises:
        ImproperlyConfigured: If anything in `settings.HARDENING` is wrong; all of it is said.
    """
    read, mistakes = _read()
    if mistakes:
        raise ImproperlyConfigured("\n".join(mistakes))
    return read


def problems() -> list[str]:
    """Return every mistake in `settings.HARDENING`, for the system check."""
    return list(_read()[1])


def site_secrets() -> tuple[bytes, ...]:
    """Return `SECRET_KEY` and its fallbacks, newest first, for the key ring's default roots.

    Empty fallbacks are left out: whoever reads this line would know the key made of one.

    Raises:
        ImproperlyConfigured: If `SECRET_KEY` is empty; Django says so.
    """
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(
        secret if isinstance(secret, bytes) else secret.encode() for secret in secrets if secret
    )


@functools.cache
def _read() -> tuple[Conf, tuple[str, ...]]:
    given = getattr(settings, NAME, {})
    if not isinstance(given, dict):
        return Conf(), (f"{NAME} must be a dict, not {kind(given)}.",)
    mistakes = [unknown(key, _READERS, NAME) for key in given if key not in _READERS]
    values, wrong = entries(given, _READERS)
    mistakes += [f"{NAME}{said}" for said in wrong]
    if given.get("VAULT_KEYS") and given.get("VAULT_PROVIDER"):
        mistakes.append(f"{NAME} has both VAULT_KEYS and VAULT_PROVIDER: keep one of them.")
    return Conf(**values), tuple(mistakes)


def _forget(*, setting: str, **_: Any) -> None:
    if setting == NAME:
        _read.cache_clear()


setting_changed.connect(_forget, dispatch_uid="hardening.conf")

_READERS: Mapping[str, Callable[[object], Any]] = {
    "ENFORCE": boolean,
    "ISSUER": issuer,
    "POLICIES": policies,
    "VAULT_KEYS": vault_keys,
    "VAULT_PROVIDER": dotted_path,
    "PARKED_LOGIN_SECONDS": seconds(MAX_PARKED_LOGIN_SECONDS),
    "STEP_UP_SECONDS": seconds(MAX_STEP_UP_SECONDS),
    "SESSION_IDLE_SECONDS": or_none(seconds(MAX_SESSION_SECONDS, least=MIN_SESSION_SECONDS)),
    "SESSION_ABSOLUTE_SECONDS": or_none(seconds(MAX_SESSION_SECONDS, least=MIN_ABSOLUTE_SECONDS)),
    "SESSION_PARALLEL": or_none(whole(1, MAX_PARALLEL_SESSIONS)),
    "AUDIT_RETENTION_DAYS": whole(0, MAX_RETENTION_DAYS),
    "TRUSTED_PROXIES": networks,
    "TRUSTED_PROXY_COUNT": whole(0, MAX_TRUSTED_PROXIES),
    "THROTTLE_STORE": store,
    "THROTTLE": all_limits,
    "THROTTLE_WORKERS": whole(1, MAX_THROTTLE_WORKERS),
    "DEVICE_COOKIE_DAYS": whole(1, MAX_DEVICE_COOKIE_DAYS),
    "PEPPER_KEYS": vault_keys,
    "BREACHED_PASSWORDS": password_mode,
    "BREACH_SOURCES": sources,
    "BREACH_API_URL": base_url,
    "BREACH_TIMEOUT_SECONDS": timeout,
    "BREACH_CORPUS": file_path,
    "BREACH_CACHE": name_or_none,
    "CHALLENGE": dotted_path,
    "MAIL_FROM": name_or_none,
    "BASE_TEMPLATE": name_of,
    "SUPPORT": paragraph,
    "SITE_URL": or_none(base_url),
    "TIME_ZONE_OF": dotted_path,
}

__all__ = [
    "MAX_PARALLEL_SESSIONS",
    "MAX_PARKED_LOGIN_SECONDS",
    "MAX_SESSION_SECONDS",
    "MAX_STEP_UP_SECONDS",
    "MIN_ABSOLUTE_SECONDS",
    "MIN_SESSION_SECONDS",
    "MIN_VAULT_KEY_CHARACTERS",
    "NAME",
    "Conf",
    "FloorPolicy",
    "conf",
    "problems",
    "site_secrets",
]
