"""A strict Content-Security-Policy on every page, those of Django's admin included.

The policy stands in `settings.CONTENT_SECURITY_POLICY`. The trap: files that `runserver` serves
from `/static/` do not pass through middleware and carry no policy; they need none. Django's own
debug pages are styled inline and look bare under it, which is the price of having no exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.deprecation import MiddlewareMixin

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Put the site's policy on each response that has none of its own."""

    def process_response(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
    ) -> HttpResponseBase:
        """Add the header; works for sync and async servers alike."""
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response
