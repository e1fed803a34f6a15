"""Step-up at a door: `requires` lets a view run only with a fresh proof of a factor.

Activity does not refresh a proof, and neither do a recovery code, a remembered browser or a
stamp from the future. The interrupted request is not stored: a person is led to the step page
and back to a GET; a JSON client reads 403 ``step_up_required``.

Source: OWASP ASVS 5.0 7.5.1, 7.5.3.
"""

from __future__ import annotations

import logging
import time
from functools import partial, wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url

from hardening import answers
from hardening.core.values import Strength, Verdict
from hardening.facts import FactsError
from hardening.flows import steps, stepup

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from hardening.core.values import Decision

HTTP_FORBIDDEN = 403

log = logging.getLogger("hardening")


def requires(
    *, max_age: int | None = None, strength: Strength = Strength.ANY, always: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a view run only if a factor was proven in this session not long ago.

    Args:
        max_age: Seconds; `None` takes what the policies of the person's roles say, else the
            setting ``STEP_UP_SECONDS``.
        strength: What the factor must reach.
        always: Ask even while the kill switch is on.

    Returns:
        A decorator for function views, sync and async (``method_decorator`` puts it on methods).
    """
    asked = partial(refusal, max_age=max_age, strength=strength, always=always)

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @wraps(view)
            async def aguarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refused = await sync_to_async(asked)(request)
                return await view(request, *args, **kwargs) if refused is None else refused

            return aguarded

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = asked(request)
            return view(request, *args, **kwargs) if refused is None else refused

        return guarded

    return decorator


class RequiresMixin:
    """For class-based views, before ``View``: every method, async too, asks for a fresh proof."""

    max_age: int | None = None
    strength: Strength = Strength.ANY

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the request through if a factor was proven not long ago."""
        asked = requires(max_age=self.max_age, strength=self.strength)
        view = super().dispatch  # type: ignore[misc]
        if self.view_is_async:  # type: ignore[attr-defined]

            async def adispatch(*given: Any, **named: Any) -> Any:
                return await view(*given, **named)

            return asked(adispatch)(request, *args, **kwargs)
        return asked(view)(request, *args, **kwargs)


def refusal(
    request: HttpRequest,
    *,
    max_age: int | None = None,
    strength: Strength = Strength.ANY,
    always: bool = False,
) -> HttpResponse | None:
    """Return the answer that leads to a fresh proof, or `None` if there is one already."""
    json = answers.wants_json(request)
    if not request.user.is_authenticated:
        return answers.sign_in_again() if json else _to(answers.login_page(_back(request)))
    try:
        _who, decision = stepup.ask(
            request.session,
            request.user,
            max_age=max_age,
            strength=strength,
            always=always,
            now=int(time.time()),
        )
    except FactsError:
        log.exception("nobody can tell whether a proof is fresh; answering 503")
        return answers.unavailable(request, json=json)
    if decision.allowed:
        return None
    body = missing(decision)
    if json:
        return answers.no_store(JsonResponse(body, status=HTTP_FORBIDDEN))
    back = urlencode({REDIRECT_FIELD_NAME: _back(request)})
    return answers.no_store(_to(f"{body['step']}?{back}"))


def missing(decision: Decision) -> dict[str, str]:
    """Return what a JSON client reads at a door that asks for a fresh proof."""
    stepping_up = decision.verdict in (Verdict.STEP_UP, Verdict.CHALLENGE)
    code = steps.JSON_CODES[Verdict.STEP_UP if stepping_up else Verdict.ENROL]
    url = resolve_url("hardening:step_up" if stepping_up else "hardening:enrol")
    return {"code": code, "step": url, "reason": decision.reason.value}


def _back(request: HttpRequest) -> str:
    """Return the page to come back to: this one, or for a POST the page that held the form."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    return answers.safe_next(request, request.headers.get("Referer")) or request.path


def _to(url: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(url)
