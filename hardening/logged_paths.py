"""Keeps the tokens of mailed links out of what Django logs about requests.

A link's token stands in its path, and Django logs the path of each request that is answered with
4xx or 5xx (loggers ``django.request`` and ``django.security.*``): whoever reads the log would hold
links that still work. A filter on those loggers blots them out, by the name of the URL's argument
and, where no URL was found, by their shape. OWASP ASVS 5.0 16.2.5.

The trap: an access log of the web server is none of Django's, and holds every path.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest

LOGGERS = ("django.request", "django.security.csrf", "django.security")
ARGUMENT = "token"
SHORTEST = 20  # characters; "set-password" stands in such a place too, and is no secret
BLOT = "…"
# What `hardening.flows.links` makes, and what Django's PasswordResetTokenGenerator makes.
SHAPES = re.compile(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{43}|\b[0-9a-z]{1,13}-[0-9a-f]{32,64}\b")


class LinkTokenFilter(logging.Filter):
    """Lets every record pass, without a link's token in its arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Blot tokens out."""
        if isinstance(record.args, tuple):
            token = _token(getattr(record, "request", None))
            record.args = tuple(_blotted(each, token) for each in record.args)
        return True


def connect() -> None:
    """Put the filter on Django's loggers, once."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, LinkTokenFilter) for each in logger.filters):
            logger.addFilter(LinkTokenFilter())


def path(request: HttpRequest) -> str:
    """Return the path of a request as it may be logged."""
    return str(_blotted(request.path, _token(request)))


def _token(request: Any) -> str:
    match = getattr(request, "resolver_match", None)
    token = match.kwargs.get(ARGUMENT, "") if match is not None else ""
    return token if isinstance(token, str) and len(token) >= SHORTEST else ""


def _blotted(said: Any, token: str) -> Any:
    if not isinstance(said, str):
        return said
    return SHAPES.sub(BLOT, said.replace(token, BLOT) if token else said)
