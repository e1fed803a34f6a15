"""How a door answers: where it may lead, in HTML or in JSON, never cached.

Shared by the middleware, the decorators and the pages. The only module below the doors that
knows requests and responses.

The trap: `next` comes from strangers. Only a path on this host is ever kept; browsers read
``//host``, backslashes and control characters in ways that a prefix test does not.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from hardening import host
from hardening.conf import conf
from hardening.flows import steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from hardening.core.values import Decision

MAX_NEXT_LENGTH = 2000
UNAVAILABLE_SECONDS = 30
REFUSALS = (401, 403)
_R = TypeVar("_R", bound="HttpResponseBase")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")

log = logging.getLogger("hardening")


def safe_next(request: HttpRequest, url: str | None) -> str:
    """Return the path and query of `url` if it leads to this host, else an empty text."""
    if not url or len(url) > MAX_NEXT_LENGTH or _UNSAFE.search(url):
        return ""
    try:
        allowed = {request.get_host()}
    except DisallowedHost:
        return ""
    if not url_has_allowed_host_and_scheme(url, allowed, require_https=request.is_secure()):
        return ""
    parts = urlsplit(url)
    path = parts.path or get_script_prefix()  # the site may live below a path of its host
    if not path.startswith("/") or path.startswith("//"):
        return ""
    return f"{path}?{parts.query}" if parts.query else path


def after_login(next_url: str) -> str:
    """Return where a completed sign-in leads."""
    return next_url or resolve_url(host.login_redirect_url())


def login_page(next_url: str = "") -> str:
    """Return the URL of the site's login page, bearing `next`."""
    url = resolve_url(host.login_url())
    return f"{url}?{urlencode({REDIRECT_FIELD_NAME: next_url})}" if next_url else url


def is_navigation(request: HttpRequest) -> bool:
    """True if a person's browser asked for this page itself; polls and scripts are not."""
    if request.method != "GET":
        return False
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    return accepts_html(request)


def accepts_html(request: HttpRequest) -> bool:
    """True if the client named HTML among what it accepts."""
    return "text/html" in request.headers.get("Accept", "")


def wants_json(request: HttpRequest, response: HttpResponseBase | None = None) -> bool:
    """True for a JSON client: a JSON ``Accept`` or body; else as the view was about to answer."""
    if accepts_html(request):
        return False
    if "json" in request.headers.get("Accept", "") or "json" in (request.content_type or ""):
        return True
    return response is not None and "json" in response.headers.get("Content-Type", "")


def refuses_a_program(request: HttpRequest, response: HttpResponseBase) -> bool:
    """True for a 401 or 403 to a client that shows no HTML: a redirect would only mislead it."""
    return response.status_code in REFUSALS and not accepts_html(request)


def leads_to_login(request: HttpRequest, response: HttpResponseBase) -> bool:
    """True for the shape of ``redirect_to_login``: the query carries the current path.

    So it is known whatever the login page's URL: the admin and others have their own.
    """
    if response.status_code != 302:  # noqa: PLR2004 - the shape of redirect_to_login
        return False
    query = urlsplit(response.headers.get("Location", "")).query
    here = {request.get_full_path(), request.build_absolute_uri()}
    return any(value in here for _name, value in parse_qsl(query))


def no_store(response: _R) -> _R:
    """Forbid every cache to keep a response."""
    add_never_cache_headers(response)
    return response


def afterwards(response: HttpResponseBase, errand: Callable[[], Any], *, fault: str) -> None:
    """Do `errand` once the server has sent the answer, under WSGI and ASGI alike.

    For what would tell, by the time it takes, that somebody has a name. Nobody is there any more
    who could be told of a fault: `fault` is logged.
    """
    language = translation.get_language() or "en"
    closers: list[Any] = response._resource_closers  # type: ignore[attr-defined]  # noqa: SLF001
    closers.append(functools.partial(_quietly, errand, language, fault))


def _quietly(errand: Callable[[], Any], language: str, fault: str) -> None:
    try:
        with translation.override(language):
            errand()
    except Exception:
        log.exception(fault)


def step_url(decision: Decision) -> str:
    """Return the URL of the page that asks for what is missing."""
    name = steps.url_name(decision)
    return login_page() if name is None else resolve_url(name)


def is_at_step(request: HttpRequest, decision: Decision) -> bool:
    """True if this request is for the very page that `step` leads to."""
    return request.path == urlsplit(step_url(decision)).path


def missing(decision: Decision) -> dict[str, str]:
    """Return what a JSON client reads about a refusal."""
    code, reason = steps.json_code(decision), decision.reason.value
    return {"code": code, "step": step_url(decision), "reason": reason}


def step(decision: Decision, *, json: bool) -> HttpResponse:
    """Answer with the page that asks for what is missing, or with its code."""
    if json:
        return no_store(JsonResponse(missing(decision), status=401))
    return no_store(HttpResponseRedirect(step_url(decision)))


def sign_in_again() -> HttpResponse:
    """Tell a JSON client that nobody is signed in."""
    return no_store(JsonResponse({"code": "login_required", "step": login_page()}, status=401))


def throttled(request: HttpRequest, retry_after: int, *, json: bool) -> HttpResponse:
    """Answer 429: too many tries. The same for names that exist and names that do not."""
    context = {
        "heading": _("Too many tries"),
        "text": _(
            "For safety, signing in with a password has to wait a little. This does not mean that "
            "the name or the password was wrong, or right."
        ),
        "locked": True,
    }
    return _told_to_wait(request, 429, "throttled", retry_after, context, json=json)


def too_fast(request: HttpRequest, retry_after: int, *, json: bool) -> HttpResponse:
    """Answer 429: a page is asked for faster than people type, whatever is in the requests."""
    context = {
        "heading": _("Too many requests"),
        "text": _("Too many requests came from your network or your account. Nothing was lost."),
    }
    return _told_to_wait(request, 429, "throttled", retry_after, context, json=json)


def busy(request: HttpRequest, retry_after: int, *, json: bool) -> HttpResponse:
    """Answer 503: more people sign in right now than this machine can check."""
    context = {
        "heading": _("Very many people are signing in"),
        "text": _("We could not check your password yet. Nothing was lost. Please try again."),
    }
    return _told_to_wait(request, 503, "busy", retry_after, context, json=json)


def _told_to_wait(
    request: HttpRequest,
    status: int,
    code: str,
    retry_after: int,
    context: dict[str, Any],
    *,
    json: bool,
) -> HttpResponse:
    if json:
        body = {"code": code, "retry_after": retry_after}
        response: HttpResponse = JsonResponse(body, status=status)
    else:
        context = {
            # Our own bare page: a host's base template may well query for what is overloaded.
            "hardening_base": "hardening/base.html",
            "site_name": host.site_name(request.get_host()),
            "support": conf().SUPPORT,
            "retry_after": retry_after,
            **context,
        }
        page = render_to_string("hardening/refused.html", context, request)
        response = HttpResponse(page, status=status)
    response.headers["Retry-After"] = str(retry_after)
    response.headers["X-Frame-Options"] = "DENY"
    return no_store(response)


def unavailable(request: HttpRequest, *, json: bool) -> HttpResponse:
    """Answer 503: the question whether somebody may pass could not be answered."""
    if json:
        response: HttpResponse = JsonResponse({"code": "unavailable"}, status=503)
    else:
        context = {
            # Our own bare page: a host's base template may well read the user once more.
            "hardening_base": "hardening/base.html",
            "site_name": host.site_name(request.get_host()),
            "support": conf().SUPPORT,
            "heading": _("This page is not available right now"),
            "text": _("We could not check your sign-in. Nothing was lost. Please try again."),
            "retry_after": UNAVAILABLE_SECONDS,
        }
        response = HttpResponse(render_to_string("hardening/unavailable.html", context), status=503)
    response.headers["Retry-After"] = str(UNAVAILABLE_SECONDS)
    # What the host's middleware behind ours had set is gone with the response that this replaces.
    response.headers["X-Frame-Options"] = "DENY"
    return no_store(response)
