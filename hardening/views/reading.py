"""Reading what was posted: a form or JSON, with a token that fits.

The trap: the token is checked here and not by the host's middleware, which would answer a stale
one, from a second tab, with a 403 instead of the page. What reloading the page cannot mend, such as
a proxy that hides HTTPS, must not lead back to it, or people press the button for ever.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.middleware.csrf import CsrfViewMiddleware, RejectRequest
from django.utils.decorators import decorator_from_middleware

from hardening import answers, logged_paths

if TYPE_CHECKING:
    from django.http import HttpRequest


log = logging.getLogger("hardening")


class UnreadableError(Exception):
    """The body is not what it claims to be: JSON that is none, text that is none."""


class _StaleTokenMiddleware(CsrfViewMiddleware):
    """Django's check; a form with a stale token leads back to its page instead of to a 403.

    An origin or referrer that does not fit is answered as the host answers it.
    """

    def _check_token(self, request: HttpRequest) -> None:
        try:
            super()._check_token(request)  # type: ignore[misc]
        except RejectRequest:
            request.hardening_stale_token = True  # type: ignore[attr-defined]
            raise

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        stale = getattr(request, "hardening_stale_token", False)
        if answers.wants_json(request):
            path = logged_paths.path(request)
            log.warning("a request to %r failed the CSRF check: %r", path, reason)
            body = {"code": "csrf_failed", "reason": reason}
            return answers.no_store(JsonResponse(body, status=403))
        if not stale:
            refused: HttpResponse = super()._reject(request, reason)  # type: ignore[misc]
            return answers.no_store(refused)
        path = logged_paths.path(request)
        log.warning("a form sent to %r had a token that does not fit: %r", path, reason)
        return answers.no_store(HttpResponseRedirect(request.get_full_path()))


checks_token = decorator_from_middleware(_StaleTokenMiddleware)


def posted(request: HttpRequest) -> QueryDict:
    """Return the form that was posted, or a JSON object's fields as a form.

    Raises:
        UnreadableError: If the body is neither.
    """
    try:
        fields = _form_of_json(request) if "json" in (request.content_type or "") else request.POST
        for _name, values in fields.lists():
            "".join(values).encode()  # half a surrogate pair is no text for any database
    except (ValueError, RecursionError, RequestDataTooBig):
        raise UnreadableError from None
    return fields


def _form_of_json(request: HttpRequest) -> QueryDict:
    body = json.loads(request.body)
    if not isinstance(body, dict):
        raise UnreadableError
    fields = QueryDict(mutable=True)
    for name, value in body.items():
        values = value if isinstance(value, list) else [value]
        fields.setlist(name, [str(one) for one in values if one is not None])
    return fields
