"""The device cookie at the door: read from a request, wished for by a flow's door, set at the end.

Who signs somebody in completely calls `remember`; whatever answer goes out in the end, `write`
puts the cookie there. So it survives a response that is replaced, and a streaming one. What the
cookie holds is the business of `devices`.

Over HTTPS the name begins with ``__Host-``: browsers take such a cookie only with ``Secure``, for
this very host and all of its paths (RFC 6265bis §4.1.3.2), so nobody on the network and no
neighbouring subdomain can plant one. Only over plain HTTP, in development, the bare name counts.

The trap: frameworks wrap the request. The wish lies on Django's own, which the middleware holds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.utils.cache import patch_cache_control
from django.views.decorators.debug import sensitive_variables

from hardening import devices, host, sessions
from hardening.conf import conf
from hardening.core.values import BeyondPassword, ProofKind

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

NAME = "hardening_device"
HOST_PREFIX = "__Host-"
WISH = "hardening_browser"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be written at the end of a request."""

    user_pk: Any
    password: str = field(repr=False)
    account_epoch: int
    site_epoch: int
    proven: bool
    afresh: bool
    remembered_days: int | None = None  # `None`: as it was


def name(request: HttpRequest) -> str:
    """Return the name that counts for this request."""
    return f"{HOST_PREFIX}{NAME}" if _is_https(request) else NAME


def read(request: HttpRequest | None) -> str | None:
    """Return the cookie as the browser sent it; nothing of it is believed yet."""
    if request is None:
        return None
    request = _own(request)
    return request.COOKIES.get(name(request))


def is_proven(request: HttpRequest, user: Any, *, now: int) -> bool:
    """Return whether this browser is known to whoever is signed in, by more than a password."""
    device = _device(request, user, now=now)
    return device is not None and device.proven


def remembered_until(request: HttpRequest, user: Any, *, most: int, now: int) -> int:
    """Return until when (Unix seconds) no code is asked for here; 0: it always is.

    Args:
        request: Of a live session.
        user: Whose.
        most: For how many days her policies allow that.
        now: Unix seconds.
    """
    device = _device(request, user, now=now)
    if device is None or not device.is_remembered(most, now=now):
        return 0
    return device.remembered_until(most)


def _device(request: HttpRequest, user: Any, *, now: int) -> devices.Device | None:
    stamp = sessions.read(request.session, user.pk)
    return devices.find(
        read(request),
        user.pk,
        password=user.password,
        account_epoch=stamp.account_epoch,
        site_epoch=stamp.site_epoch,
        now=now,
    )


@sensitive_variables("password")
def remember(
    request: HttpRequest | None,
    user_pk: Any,
    *,
    password: str,
    account_epoch: int,
    site_epoch: int,
    proven: bool,
    afresh: bool = False,
) -> None:
    """Wish that this browser be known to this account from now on.

    Said twice for one account, what was proven adds up and the later epochs and password count;
    the last account wins. Without a request there is no browser.

    Args:
        request: Django's, or a framework's around it.
        user_pk: The account's primary key.
        password: The hash as stored in the user's row.
        account_epoch: The account's epoch as it is now.
        site_epoch: The site's.
        proven: Whether a mailbox or a factor was proven, and not a password alone.
        afresh: Nothing of what the browser's older entry had proven is carried over.
    """
    if request is None:
        return
    wish = _Wish(user_pk, password, account_epoch, site_epoch, proven, afresh)
    earlier = getattr(_own(request), WISH, None)
    if earlier is not None and earlier.user_pk == user_pk:
        proven = proven or earlier.proven
        wish = replace(wish, proven=proven, afresh=afresh or earlier.afresh)
    setattr(_own(request), WISH, wish)


def ask_for_no_code(request: HttpRequest, days: int) -> bool:
    """Wish that the browser that is remembered be asked for no code; false if none is.

    Args:
        request: In which a sign-in has just been completed by a code.
        days: For how long; 0: from now on it is asked.
    """
    wish: _Wish | None = getattr(_own(request), WISH, None)
    if wish is not None:
        setattr(_own(request), WISH, replace(wish, remembered_days=days))
    return wish is not None


def remember_session(
    request: HttpRequest, user: Any, *, proven: bool, afresh: bool = False
) -> None:
    """Do so under the epochs that the live session bears: after its owner has moved them on.

    `user` bears the password hash as it is stored by now.
    """
    stamp = sessions.read(request.session, user.pk)
    remember(
        request,
        user.pk,
        password=user.password,
        account_epoch=stamp.account_epoch,
        site_epoch=stamp.site_epoch,
        proven=proven,
        afresh=afresh,
    )


def remember_sign_in(request: HttpRequest, user: Any, *, afresh: bool = False) -> None:
    """Do so after a complete sign-in, if it proved anything to us; an SSO knows browsers itself.

    Where the password was hashed anew at the sign-in, or changed before its end, the entry that
    this browser came with is none any more; that it was proven, the session remembers.
    """
    shown = sessions.read(request.session, user.pk).session()
    if shown.has(*BeyondPassword, ProofKind.PASSWORD):
        proven = shown.has(*BeyondPassword) or shown.known_browser
        remember_session(request, user, proven=proven, afresh=afresh)


def write(request: HttpRequest, response: HttpResponseBase, *, now: int) -> None:
    """Set the cookie on the answer that goes out, if that was wished; at most once a request.

    No shared cache may then keep the answer.
    """
    request = _own(request)
    wish: _Wish | None = getattr(request, WISH, None)
    if wish is None:
        return
    delattr(request, WISH)
    response.set_cookie(
        name(request),
        _value(wish, read(request), now),
        max_age=conf().DEVICE_COOKIE_DAYS * devices.DAY_SECONDS,
        path="/",
        secure=_is_https(request),
        httponly=True,
        samesite="Lax",
    )
    patch_cache_control(response, private=True)


def _value(wish: _Wish, sent: str | None, now: int) -> str:
    if wish.afresh:
        sent = devices.forget(sent, wish.user_pk)
    return devices.issue(
        sent,
        wish.user_pk,
        password=wish.password,
        account_epoch=wish.account_epoch,
        site_epoch=wish.site_epoch,
        proven=wish.proven,
        remembered_days=wish.remembered_days,
        random=os.urandom(devices.NONCE_BYTES),
        now=now,
    )


def _is_https(request: HttpRequest) -> bool:
    """True over HTTPS; also where a proxy does not say so but the site's sessions need it."""
    return request.is_secure() or host.is_https_only()


def _own(request: HttpRequest) -> HttpRequest:
    own: HttpRequest = getattr(request, "_request", request)
    return own


__all__ = [
    "ask_for_no_code",
    "is_proven",
    "name",
    "read",
    "remember",
    "remember_session",
    "remember_sign_in",
    "remembered_until",
    "write",
]
