"""Where a request came from: the client's network address, and what events say of it.

`REMOTE_ADDR` unless the settings name proxies; the rules are `hardening.core.addresses`'.

The trap: behind a proxy that nobody told us of, every visitor has the proxy's address, and one
budget. No check can see that before the first request, so the first such request is remarked on.
"""

from __future__ import annotations

import functools
import logging
import re
import secrets
from typing import TYPE_CHECKING, Any

from django.core.exceptions import DisallowedHost, ImproperlyConfigured
from django.core.signals import setting_changed

from hardening import host
from hardening.audit import Where
from hardening.conf import conf
from hardening.core import browsers
from hardening.core.addresses import address_of, client_address, network
from hardening.sessions import name_of

if TYPE_CHECKING:
    from hardening.core.addresses import Network

REQUEST_ID = "hardening_request_id"
REQUEST_ID_BYTES = 12
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")

log = logging.getLogger("hardening")


def address(request: Any) -> str | None:
    """Return the client's network address, unmapped and in its shortest form, or `None`.

    Args:
        request: Django's, or a framework's around it; `None`: nobody asked over a network.
    """
    if request is None:
        return None
    meta = request.META
    near = str(meta.get("REMOTE_ADDR") or "")
    forwarded = str(meta.get("HTTP_X_FORWARDED_FOR") or "")
    trusted, count = _trust()
    if forwarded and not trusted and not count:
        _remark(near)
    return client_address(near, forwarded, trusted=trusted, proxy_count=count)


def where(request: Any) -> Where:
    """Return where a request came from, for events."""
    if request is None:
        return Where()
    return Where(
        address=address(request) or "",
        session=name_of(getattr(request, "session", None)),
        device=browsers.label(str(request.META.get("HTTP_USER_AGENT") or "")),
        request_id=request_id(request),
        site=_site(request),
    )


def _site(request: Any) -> str:
    try:
        return host.link_origin(request) or ""
    except (
        AttributeError,
        DisallowedHost,
        KeyError,
    ):  # a host of a stranger's; a request that somebody made up
        return ""


def request_id(request: Any) -> str:
    """Return the name of a request, the same for all that is recorded during it.

    A proxy that is trusted may have given it one; else it is random. What a stranger sends is
    never believed: he would write into the search of whoever reads the log.
    """
    own = getattr(request, "_request", request)
    known: str | None = getattr(own, REQUEST_ID, None)
    if known is None:
        trusted, count = _trust()
        given = str(own.META.get("HTTP_X_REQUEST_ID") or "") if trusted or count else ""
        known = given if _NAME.fullmatch(given) else secrets.token_hex(REQUEST_ID_BYTES)
        setattr(own, REQUEST_ID, known)
    return known


def _trust() -> tuple[tuple[Network, ...], int]:
    try:
        chosen = conf()
    except ImproperlyConfigured:
        return (), 0  # nobody is trusted; the decision, which reads them too, says what is wrong
    return _networks(chosen.TRUSTED_PROXIES), chosen.TRUSTED_PROXY_COUNT


@functools.lru_cache(maxsize=8)
def _networks(listed: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(network(text) for text in listed)


def _remark(near: str) -> None:
    """Say it where the near end is a machine of the site's own: a proxy, by all appearance."""
    found = address_of(near)
    if found is None or not found.is_global:
        _say_once()


@functools.cache
def _say_once() -> None:
    log.warning(
        "a request bears X-Forwarded-For, which nobody may be believed about: all visitors behind "
        "that proxy count as one. Set TRUSTED_PROXIES or TRUSTED_PROXY_COUNT in "
        "settings.HARDENING"
    )


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "HARDENING":
        _say_once.cache_clear()


setting_changed.connect(_forget, dispatch_uid="hardening.origin")
