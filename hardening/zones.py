"""Whose clock a date is told by: the person's time zone, as the site knows it.

Where that is known differs from site to site, so `HARDENING["TIME_ZONE_OF"]` names a callable:
user in, name of a zone out (``Europe/Berlin``), or `None` for whoever has chosen none.

The trap: names are typed by people and zones are renamed. A name that nobody knows, or a callable
that fails, must keep no mail from going out; it is logged once, and the site's zone is taken.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.module_loading import import_string

from hardening.conf import conf

if TYPE_CHECKING:
    from datetime import tzinfo

SHOWN_CHARACTERS = 60  # of a name in the log
MOST_LOGGED = 100  # names a process remembers having logged; further ones are not

_logged: set[str] = set()

log = logging.getLogger("hardening")


def zone_of(user: Any) -> tzinfo:
    """Return the time zone of a person; the site's own where hers is not known."""
    return chosen(user) or timezone.get_default_timezone()


def chosen(user: Any) -> tzinfo | None:
    """Return it, `None` where it is not known: a page then keeps to what the site has activated."""
    path = conf().TIME_ZONE_OF
    if path is None:
        return None
    try:
        name = import_string(path)(user)
        text = str(name) if name else ""
    except Exception as fault:  # noqa: BLE001 - a callable of the site may fail in any way
        _say_once(path, f"failed ({type(fault).__name__})")
        return None
    return _named(text) if text else None


def _named(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # unknown; no name at all; a folder of zones
        _say_once(name, f"names a zone that is unknown: {name[:SHOWN_CHARACTERS]!r}")
        return None


def _say_once(what: str, text: str) -> None:
    if what not in _logged and len(_logged) < MOST_LOGGED:
        _logged.add(what)
        log.warning("HARDENING['TIME_ZONE_OF'] %s; the site's zone is taken", text)
