"""Step-up at a door: `requires` lets a view run only with a fresh proof of a factor.

Activity does not refresh a proof, and neither do a recovery code, a remembered browser or a
stamp from the future. The interrupted request is not stored: a person is led to the step page
and back to a GET, and reads that nothing was done yet; a JSON client reads 403
``step_up_required``.

The trap: what was typed into an interrupted form is gone. Guard the page that holds the form as
well, or keep what was typed before you return the refusal.

Source: OWASP ASVS 5.0 7.5.1, 7.5.3.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.urls import reverse

from hardening import answers
from hardening.core.values import Strength, Verdict
from hardening.facts import FactsError
from hardening.flows import steps, stepup
from hardening.flows.parking import OVER

if TYPE_CHECKING:
    from django.http import HttpResponse

    from hardening.core.values import Decision

HTTP_FORBIDDEN = 403
INTERRUPTED = "interrupted"  # in the query of the step page: a POST was, and was not done

_View = TypeVar("_View", bound=Callable[..., Any])

log = logging.getLogger("hardening")


def requires(
    *, max_age: int | None = None, strength: Strength = Strength.ANY, always: bool = False
) -> Callable[[_View], _View]:
    """Let a view run only if a factor was proven in this session not long ago.

    Args:
        max_age: Seconds; `None` takes what the policies of the person's roles say, else the
            setting ``STEP_UP_SECONDS``.
        strength: What the factor must reach.
        always: Ask even while the kill switch is on.

    Returns:
        A decorator for function views, sync and async (``method_decorator`` puts it on methods,
        and on the ``dispatch`` of classes whose methods are coroutines, too).
    """
    asked = partial(refusal, max_age=max_age, strength=strength, always=always)

    def decorator(view: _View) -> _View:
        if iscoroutinefunction(view) or _dispatches_coroutines(view):

            @wraps(view)
            async def aguarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refused = await sync_to_async(asked)(request)
                return await view(request, *args, **kwargs) if refused is None else refused

            return cast("_View", aguarded)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = asked(request)
            return view(request, *args, **kwargs) if refused is None else refused

        return cast("_View", guarded)

    return decorator


def admin_requires(
    *, max_age: int | None = None, strength: Strength = Strength.ANY, always: bool = False
) -> Callable[[_View], _View]:
    """Let an admin action or an admin view run only if a factor was proven not long ago.

    For actions, ``(modeladmin, request, queryset)``, functions and methods, and for views of a
    ``ModelAdmin`` or an ``AdminSite``, ``(self, request, …)``. An interrupted POST leads back to
    the page that held the form, and where nobody can tell which that was, to the list. Put it
    below ``@admin.action``; the arguments are those of `requires`.
    """
    asked = partial(refusal, max_age=max_age, strength=strength, always=always)

    def decorator(view: _View) -> _View:
        @wraps(view)
        def guarded(owner: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = asked(request, back=_admin_page(owner, request))
            return view(owner, request, *args, **kwargs) if refused is None else refused

        return cast("_View", guarded)

    return decorator


class RequiresMixin:
    """For class-based views, before ``View``: every method, async too, asks for a fresh proof."""

    max_age: int | None = None
    strength: Strength = Strength.ANY
    always: bool = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the request through if a factor was proven not long ago."""
        asked = requires(max_age=self.max_age, strength=self.strength, always=self.always)
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
    enrolled_only: bool = False,
    back: str = "",
) -> HttpResponse | None:
    """Return the answer that leads to a fresh proof, or `None` if there is one already.

    Args:
        request: Whose session is asked.
        max_age: As for `requires`; so are `strength` and `always`.
        strength: What the factor must reach.
        always: Ask even while the kill switch is on.
        enrolled_only: Let whoever has no factor pass, for what everybody must be able to do; what
            else proves a person there (the present password) is the view's own business.
        back: A path on this host to come back to; by default the page itself, and for a POST the
            page that held the form.
    """
    json = answers.wants_json(request)
    if not request.user.is_authenticated:
        return answers.sign_in_again() if json else _to(answers.login_page(_back(request)))
    try:
        who, decision = stepup.ask(
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
    if enrolled_only and not who.factors and decision.verdict not in OVER:
        return None
    body = missing(decision)
    if json:
        return answers.no_store(JsonResponse(body, status=HTTP_FORBIDDEN))
    query = {REDIRECT_FIELD_NAME: back or _back(request)}
    if not _is_read(request):
        query[INTERRUPTED] = "1"
    return answers.no_store(_to(f"{body['step']}?{urlencode(query)}"))


def missing(decision: Decision) -> dict[str, str]:
    """Return what a JSON client reads at a door that asks for a fresh proof."""
    stepping_up = decision.verdict in (Verdict.STEP_UP, Verdict.CHALLENGE)
    code = steps.JSON_CODES[Verdict.STEP_UP if stepping_up else Verdict.ENROL]
    url = resolve_url("hardening:step_up" if stepping_up else "hardening:enrol")
    return {"code": code, "step": url, "reason": decision.reason.value}


def _back(request: HttpRequest) -> str:
    """Return the page to come back to: this one, or for a POST the page that held the form."""
    if _is_read(request):
        return request.get_full_path()
    return _form_page(request) or request.path


def _is_read(request: HttpRequest) -> bool:
    return request.method in ("GET", "HEAD")


def _form_page(request: HttpRequest) -> str:
    """Return the page of this host that held the form, or an empty text."""
    return answers.safe_next(request, request.headers.get("Referer"))


def _admin_page(owner: Any, request: HttpRequest) -> str:
    """Return where an interrupted POST in the admin comes back to; empty for `refusal`'s own."""
    opts, site = getattr(owner, "opts", None), getattr(owner, "admin_site", None)
    if _is_read(request) or _form_page(request) or opts is None or site is None:
        return ""
    return reverse(f"{site.name}:{opts.app_label}_{opts.model_name}_changelist")


def _dispatches_coroutines(view: Callable[..., Any]) -> bool:
    """True for the ``dispatch`` of a class with coroutines, as ``method_decorator`` hands it over.

    It is no coroutine function itself: it returns what the method returned.
    """
    method = getattr(view, "func", view)
    return bool(getattr(getattr(method, "__self__", None), "view_is_async", False)) and (
        getattr(method, "__name__", "") == "dispatch"
    )


def _to(url: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(url)
