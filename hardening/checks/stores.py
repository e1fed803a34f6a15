"""Where the throttle counts: that the store can be used, and that it does not forget."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.core.cache.backends.base import BaseCache
from django.core.checks import CheckMessage, Error
from django.utils.connection import ConnectionProxy
from django.utils.module_loading import import_string

from hardening.conf import conf, problems
from hardening.conf.limits import REDIS_SCHEMES
from hardening.throttle import store

if TYPE_CHECKING:
    from collections.abc import Iterable


def store_can_be_used(**_: Any) -> Iterable[CheckMessage]:
    """E013: with no store each process counts for itself, as in an outage that never ends."""
    setting = _setting()
    said = _wrong_url(setting) if setting.startswith(REDIS_SCHEMES) else _wrong_path(setting)
    if said is not None:
        yield Error(
            f"HARDENING['THROTTLE_STORE'] {said}.",
            hint="Correct it: 'database', redis://name:password@host:6379/0 with its parts "
            "percent-encoded, or the path of a class with the methods of "
            "hardening.throttle.store.Store.",
            id="hardening.E013",
        )


def store_does_not_forget(**_: Any) -> Iterable[CheckMessage]:
    """E014: a cache evicts the victim's counter when junk names flood it, or is one per process."""
    setting = _setting()
    if not setting.startswith(REDIS_SCHEMES) and _forgets(_found(setting)[0]):
        yield Error(
            f"HARDENING['THROTTLE_STORE'] names {setting!r}, a cache: caches forget.",
            hint="Put 'database' there, or a 'redis://' URL.",
            id="hardening.E014",
        )


def store_has_its_driver(**_: Any) -> Iterable[CheckMessage]:
    """E015: without redis-py each process counts for itself."""
    if _setting().startswith(REDIS_SCHEMES) and not find_spec("redis"):
        yield Error(
            "HARDENING['THROTTLE_STORE'] is a Redis URL, and redis-py is not installed.",
            hint="Install it: pip install django-hardening[redis].",
            id="hardening.E015",
        )


def _setting() -> str:
    return "database" if problems() else conf().THROTTLE_STORE


def _wrong_url(url: str) -> str | None:
    if find_spec("redis"):
        try:
            import_string(store.REDIS_STORE)(url)
        except Exception:  # noqa: BLE001 - whatever redis-py says of it may show the password
            return "is a URL that redis-py does not understand"
    return None


def _wrong_path(setting: str) -> str | None:
    found, fault = _found(setting)
    lacking = [name for name in store.METHODS if not callable(getattr(found, name, None))]
    if fault:
        return f"names {setting!r}, which {fault}"
    if lacking and not _forgets(found):
        return f"names {setting!r}, which has no {' and no '.join(lacking)}"
    return None


def _found(setting: str) -> tuple[Any, str | None]:
    """Return what a dotted path names, and what is wrong with the path; nothing is called."""
    if setting == "database":
        return store.DatabaseStore, None
    try:
        return import_string(setting), None
    except Exception as fault:  # noqa: BLE001 - a module may fail in any way while it is imported
        return None, f"cannot be imported ({type(fault).__name__})"


def _forgets(found: Any) -> bool:
    """True for Django's caches: a class, an instance, or ``django.core.cache.cache``."""
    if isinstance(found, ConnectionProxy):
        return True
    return isinstance(found, BaseCache) or (
        isinstance(found, type) and issubclass(found, BaseCache)
    )
