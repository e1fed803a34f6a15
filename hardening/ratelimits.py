"""How often a page may be posted to at all, right or wrong: a gate before anything is looked at.

Counted by ``django-ratelimit`` in the host's cache, under keys of ours, which a site may use on
its own views::

    @ratelimit(key="hardening.ratelimits.by_address", rate="30/m")

These gates keep floods out. Guessing is bounded elsewhere (`hardening.throttle`), by counters that
survive a cache: what cannot be counted here passes.

The traps: ``django-ratelimit`` calls a cache that does not answer a reached limit. And its own
system check fails a site with Django's default cache; it is registered only where
``django_ratelimit`` stands in ``INSTALLED_APPS``, where it need not stand.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django_ratelimit.core import get_usage

from hardening import origin
from hardening.core.addresses import budget_prefix
from hardening.throttle.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest

LOG_SECONDS = 60

log = logging.getLogger("hardening")
_said = Sampling(LOG_SECONDS)
_generations = itertools.count()
_generation = [next(_generations)]


class _NotCountedError(Exception):
    """The cache did not answer."""


# --- keys for a site's own views -----------------------------------------------------------------


def by_address(group: str, request: Any) -> str:
    """Return whom a request counts for by its network address: IPv4 /32, IPv6 /64.

    The address is the client's, by `TRUSTED_PROXIES` and `TRUSTED_PROXY_COUNT`. Where nobody can
    tell it (a unix socket), each request counts for itself: one shared key would let any visitor
    use up everybody's requests.

    Args:
        group: What is counted; ``django-ratelimit`` tells groups apart itself.
        request: Django's, or a framework's around it.
    """
    del group
    address = origin.address(request)
    if address is None:
        return f"request:{secrets.token_hex(16)}"
    return f"address:{budget_prefix(address)}"


def by_account(group: str, request: Any) -> str:
    """Return whom a request counts for by who is signed in; by address where nobody is.

    Somebody whose sign-in waits for its second step is not signed in.
    """
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return f"account:{user.pk}"
    return by_address(group, request)


# --- the gates of our own pages -------------------------------------------------------------------


def wait(request: HttpRequest, group: str, rate: str, *, now: int) -> int:
    """Count one request; return 0 if it may pass, else how many seconds to wait.

    Args:
        request: The request; nothing of it is parsed, and no user is loaded.
        group: What is counted.
        rate: Such as "30/m", for each address and each account that is signed in.
        now: Unix seconds, for the log.
    """
    try:
        for key in _keys(group, request):
            seconds = _seconds_left(request, group, rate, key)
            if seconds:
                return seconds
    except Exception as fault:  # noqa: BLE001 - whatever a cache raises is no visitor's affair
        if _said.is_first("uncounted", now=now):
            # Not its message, nor its frames: both may hold the cache's address and password.
            name = type(fault).__name__
            log.error("requests cannot be counted and pass (%s): look at the cache", name)  # noqa: TRY400
    return 0


def forget() -> None:
    """Begin all counts of our own pages anew, in this process; for tests."""
    _generation[0] = next(_generations)
    _said.clear()


def _keys(group: str, request: HttpRequest) -> Iterator[str]:
    if origin.address(request) is not None:
        yield by_address(group, request)
    # Not `request.user`: reading it judges the session, and may park it, before the page has
    # looked for who waits already.
    signed_in = request.session.get(SESSION_KEY)
    if signed_in is not None:
        yield f"account:{signed_in}"


def _seconds_left(request: HttpRequest, group: str, rate: str, key: str) -> int:
    usage = get_usage(
        request,
        group=f"hardening:{group}:{_generation[0]}",
        key=lambda _group, _request: key,
        rate=rate,
        increment=True,
    )
    if usage is None:  # the host has switched it off
        return 0
    if not usage["limit"]:
        raise _NotCountedError
    return max(1, usage["time_left"]) if usage["should_limit"] else 0
