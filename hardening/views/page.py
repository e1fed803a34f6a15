"""What all pages share: who is on the page, HTML or JSON, the way on, the way out.

Pages are ``login_not_required`` (who waits is not signed in) and outside the host's transactions
(a spent code and a counted failure must survive an exception in a host's template). They check
their CSRF token themselves, so that a stale one, from a second tab, leads back to the page.

The trap: a page that works on a parked login must look for that first and for ``request.user``
second; reading the user of a live session may park it.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import auth, messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.signals import user_logged_in
from django.db import connections, transaction
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.middleware.csrf import rotate_token
from django.shortcuts import render, resolve_url
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.generic import View

from hardening import (
    alarms,
    answers,
    attempted,
    browser_cookie,
    host,
    origin,
    ratelimits,
    sessions,
    signals,
)
from hardening.conf import conf
from hardening.factors import totp
from hardening.factors.mailbox import email_of, mask
from hardening.facts import FactsError, NotMigratedError
from hardening.flows import breakglass, enrol, login, record, steps
from hardening.moments import moment
from hardening.views import wording
from hardening.views.reading import UnreadableError, checks_token, posted

if TYPE_CHECKING:
    from collections.abc import Callable

    from django import forms
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from hardening.flows.record import Waiting

STEP_MARK = "hardening_step"  # the middleware looks for it on the view
HTTP_GONE = 410
HTTP_INVALID = 400
HTTP_THROTTLED = 429

log = logging.getLogger("hardening")


@dataclass(frozen=True, slots=True)
class StepHead:
    """The head of a step: whose it is, where it leads, which of how many."""

    person: str
    destination: str = ""
    reason: str = ""
    number: int | None = None
    of: int | None = None
    is_sign_in: bool = True


class PageView(View):
    """One of our pages. Subclasses set `template_name` and handle methods."""

    template_name: ClassVar[str]
    step_page: ClassVar[bool] = True
    offers_break_glass: ClassVar[bool] = False  # to superusers, beside the other ways
    rate: ClassVar[str] = "60/m"  # posts, for each address and each account that is signed in
    http_method_names = ["get", "head", "post", "options"]  # noqa: RUF012 - as Django has it

    now: int
    data: QueryDict

    @classmethod
    def page(cls) -> Callable[..., HttpResponseBase]:
        """Return the view function for the URLconf, with the marks the middleware looks for."""
        inner = checks_token(cls.as_view())
        # The check has just been put around the view; this only keeps the host's from a 403.
        view = login_not_required(csrf_exempt(inner))
        for alias in connections:  # whichever database holds the accounts
            view = transaction.non_atomic_requests(using=alias)(view)
        setattr(view, STEP_MARK, cls.step_page)
        return view

    @method_decorator(sensitive_post_parameters())
    @method_decorator(sensitive_variables())  # covers every frame below, down to the core
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle a request; a fault in the facts is a 503 for everybody."""
        self.now = int(time.time())
        self.json = answers.wants_json(request)
        try:
            response = self._too_fast() or self._handled(*args, **kwargs)
        except (FactsError, NotMigratedError):
            log.exception("a page could not tell who is asking; answering 503")
            return answers.unavailable(request, json=self.json)
        except UnreadableError:
            response = JsonResponse(
                {"code": "invalid", "detail": _("The request could not be read.")},
                status=HTTP_INVALID,
            )
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("X-Frame-Options", "DENY")
        return answers.no_store(response)

    def _too_fast(self) -> HttpResponseBase | None:
        """Answer 429 before anything is read, where posts come faster than people type."""
        if self.request.method != "POST":
            return None
        group = type(self).__name__
        seconds = ratelimits.wait(self.request, group, self.rate, now=self.now)
        return answers.too_fast(self.request, seconds, json=self.json) if seconds else None

    def _handled(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.request.method == "POST":
            self.data = posted(self.request)
        return super().dispatch(self.request, *args, **kwargs)

    # --- answering ---------------------------------------------------------------------------

    def show(
        self,
        template: str | None = None,
        *,
        form: forms.BaseForm | None = None,
        on: Waiting | None = None,
        status: int = 200,
        **context: Any,
    ) -> HttpResponse:
        """Render a page, or its JSON: errors of the form, or the code of what is asked."""
        if form is not None and form.errors and status == HttpResponse.status_code:
            status = HTTP_INVALID
        if self.json:
            return self._as_json(form, on, status, context)
        opened = alarms.break_glass_until(self.request)
        page = {
            "hardening_base": conf().BASE_TEMPLATE,
            "site_name": host.site_name(self.request.get_host()),
            "support": conf().SUPPORT,
            "form": form,
            "step": context.pop("step", None) or (self.step_head(on) if on else None),
            "problem": "",
            "retry_after": 0,
            "break_glass": moment(opened) if opened else None,
            "break_glass_way": self._offers_break_glass(on),
            **context,
        }
        return render(
            self.request, f"hardening/{template or self.template_name}", page, status=status
        )

    def _offers_break_glass(self, waiting: Waiting | None) -> bool:
        if waiting is None or not self.offers_break_glass:
            return False
        return breakglass.is_offered(waiting, now=self.now)

    def _as_json(
        self, form: Any, waiting: Waiting | None, status: int, context: dict[str, Any]
    ) -> HttpResponse:
        body: dict[str, Any] = {"code": "ok"}
        if status == HTTP_THROTTLED:
            body = {"code": "throttled", "retry_after": context.get("retry_after", 0)}
        elif form is not None and form.errors:
            body = {"code": "invalid", "errors": form.errors.get_json_data()}
        elif status >= HTTP_INVALID:
            body = {"code": "invalid", "detail": str(context.get("problem", ""))}
        elif waiting is not None:
            body = {"code": steps.json_code(waiting.decision), "step": self.request.path}
        body.update(context.get("payload", {}))
        return JsonResponse(body, status=status)

    def go(self, url: str, **payload: Any) -> HttpResponse:
        """Lead on: a redirect, or its JSON."""
        if self.json:
            return JsonResponse({"code": "ok", "next": url, **payload})
        return HttpResponseRedirect(url)

    def say(self, text: str) -> None:
        """Queue a message where the host has messages; the page shows the new state anyway."""
        messages.success(self.request, text, fail_silently=True)

    def note(self, text: str) -> None:
        """Queue a message of something that was not done, where the host has messages."""
        messages.warning(self.request, text, fail_silently=True)

    def wait(self, form: Any, retry_after: int, problem: str = "", **context: Any) -> HttpResponse:
        """Refuse for now: the page stays, says how long, and keeps what was typed elsewhere."""
        response = self.show(
            form=form,
            status=HTTP_THROTTLED,
            problem=problem or _("Too many tries. Please wait before you try again."),
            retry_after=retry_after,
            **context,
        )
        response.headers["Retry-After"] = str(retry_after)
        return response

    def over(self, text: str = "") -> HttpResponse:
        """Say that no sign-in waits here (any more); a live session is led on."""
        if self.request.user.is_authenticated:
            stamp = sessions.read(self.request.session, self.request.user.pk)
            return self.go(answers.after_login(stamp.next))
        url = answers.login_page()
        if self.json:
            return JsonResponse({"code": "login_required", "step": url}, status=401)
        return self.show(
            "done.html",
            status=HTTP_GONE,
            heading=_("No sign-in is waiting here"),
            text=text or _("It was completed, cancelled, or has expired. Please sign in again."),
            link_url=url,
            link_text=_("Sign in"),
        )

    def may_start(self, waiting: Waiting) -> HttpResponse:
        """Go on after a proof; an enrolment beside a live session starts as soon as it may."""
        where = origin.where(self.request)
        if waiting.enrolling and enrol.start(
            waiting,
            os.urandom(totp.SECRET_BYTES),
            name=_("Authenticator app"),
            now=self.now,
            where=where,
        ):
            return self.go(resolve_url("hardening:enrol_totp"))
        return self.advance(waiting)

    def step_head(self, waiting: Waiting) -> StepHead:
        """Return the head of the page for somebody who waits."""
        number, of = wording.progress(self.request.resolver_match, waiting, self.now)
        return StepHead(
            person=self.masked(waiting.user),
            destination=wording.destination(waiting.row.next),
            reason=wording.why(waiting),
            number=number,
            of=of,
            is_sign_in=not waiting.enrolling,
        )

    @staticmethod
    def masked(user: Any) -> str:
        """Return a name one can recognise but not learn."""
        return mask(email_of(user) or user.get_username())

    # --- the record ------------------------------------------------------------------------------

    def waiting(self) -> Waiting | None:
        """Return the parked login of this session."""
        return record.waiting(self.request.session, now=self.now)

    def any_record(self) -> Waiting | None:
        """Return the parked login, or the enrolment beside a live session."""
        found = self.waiting()
        if found is None and self.request.user.is_authenticated:
            found = record.enrolling(self.request.session, self.request.user, now=self.now)
        return found

    def advance(self, waiting: Waiting) -> HttpResponse:
        """Lead to the next step, or complete the sign-in."""
        if not waiting.enrolling and waiting.decision.allowed:
            if not waiting.awaits_codes:
                return self._complete(waiting)
            return self._next_step(waiting, resolve_url(steps.RECOVERY_CODES))
        if waiting.enrolling and waiting.decision.allowed:
            return self._next_step(waiting, resolve_url("hardening:enrol"))
        name = steps.url_name(waiting.decision, enrolling=waiting.enrolling)
        return self._next_step(waiting, resolve_url(name) if name else answers.login_page())

    def _next_step(self, waiting: Waiting, url: str) -> HttpResponse:
        if self.json:
            body = {"code": steps.json_code(waiting.decision), "step": url}
            return JsonResponse(body, status=401)
        return HttpResponseRedirect(url)

    def _complete(self, waiting: Waiting) -> HttpResponse:
        request = self.request
        session, row = request.session, waiting.row
        where = origin.where(request)
        later = partial(attempted.later, request)
        if not login.complete(session, waiting, now=self.now, where=where, later=later):
            return self.go(answers.after_login(row.next))  # the other tab was first
        user = auth.get_user(request)
        if not user.is_authenticated:
            session.flush()
            return self.over()
        request.user = user
        rotate_token(request)
        if not row.announced:
            sessions.set_completing(session, completing=True)
            user_logged_in.send(sender=type(user), request=request, user=user)
            sessions.set_completing(session, completing=False)
        browser_cookie.remember_sign_in(request, user)
        signals.login_completed.send_robust(sender=type(user), user=user, request=request)
        if waiting.replacing:
            return self.go(resolve_url("hardening:overview"))
        return self.go(answers.after_login(row.next))
