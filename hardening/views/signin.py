"""Signing in: the login page, the ways that are left without a phone, and cancelling."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import auth
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.middleware.csrf import rotate_token
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _

from hardening import answers, attempted, browser_cookie, origin, signals
from hardening.core.values import Verdict
from hardening.flows import challenge, login
from hardening.flows.login import Arrival
from hardening.forms import LoginForm
from hardening.views.page import PageView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from hardening.flows.record import Waiting

# What a form brings for us, and no challenge needs to see.
OURS = ("username", "password", "csrfmiddlewaretoken", REDIRECT_FIELD_NAME)


class LoginView(PageView):
    """User name and password. Whoever owes more is parked before ``login()`` is even called."""

    template_name = "login.html"
    rate = "30/m"  # throttle.md "django-ratelimit"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; say so if a sign-in waits already."""
        next_url = answers.safe_next(request, request.GET.get(REDIRECT_FIELD_NAME))
        waiting = self.waiting()
        if waiting is None and request.user.is_authenticated:
            return self.go(answers.after_login(next_url))
        return self._form(LoginForm(request), next_url, waiting)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Check the password and go where the decision leads."""
        given = self.data.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME)
        next_url = answers.safe_next(request, given)
        form = LoginForm(request, self.data)
        valid = form.is_valid()
        if attempted.net_over(request) and self._met():
            attempted.solve(request)
        if not valid:
            return self._form(form, next_url, self.waiting())
        user = form.get_user()
        where = origin.where(request)
        # Whoever is parked here may never come to `login()`, which has it done for other pages.
        attempted.look_up(request, user, now=self.now, where=where)
        arrival, decision = login.begin(
            request.session,
            user,
            backend=user.backend,
            next_url=next_url,
            now=self.now,
            where=where,
            came=attempted.came(request, browser_cookie.read(request), user),
            later=partial(attempted.later, request),
        )
        if arrival is Arrival.COMPLETED:
            auth.login(request, user)
            return self.go(answers.after_login(next_url))
        if arrival is Arrival.ENDED:
            form.add_error(None, form.get_invalid_login_error())
            return self._form(form, next_url, None)
        rotate_token(request)
        signals.login_parked.send_robust(
            sender=type(user), user=user, request=request, reason=decision.reason
        )
        return answers.step(decision, json=self.json)

    def _form(self, form: LoginForm, next_url: str, waiting: Waiting | None) -> HttpResponse:
        pending = waiting and {
            "person": self.masked(waiting.user),
            "url": answers.step_url(waiting.decision),
        }
        offer = challenge.offer(
            origin.address(self.request), due=attempted.net_over(self.request), now=self.now
        )
        more: dict[str, Any] = {"payload": {"challenge": offer.data}} if offer else {}
        return self.show(form=form, next=next_url, waiting=pending, offer=offer, **more)

    def _met(self) -> bool:
        """Whether the post brings what its net owes; the password may be right or wrong."""
        given = self.data.lists()
        answer = {name: values[-1] for name, values in given if values and name not in OURS}
        return challenge.is_met(answer, origin.address(self.request), now=self.now)


class RecoverView(PageView):
    """What is left to whoever has no phone any more, or cannot read the mailbox."""

    template_name = "recover.html"
    offers_break_glass = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """List the ways."""
        waiting = self.any_record()
        if waiting is None:
            return self.over()
        # A ticket stands in for the mailbox, and for nothing else.
        mailbox = waiting.decision.verdict is Verdict.MAILBOX
        return self.show(on=waiting, mailbox=mailbox)


class CancelView(PageView):
    """End a parked login for good, or an enrolment beside a live session."""

    template_name = "done.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """A link cannot cancel; lead back to the step."""
        waiting = self.any_record()
        return self.over() if waiting is None else self.advance(waiting)

    def post(self, request: HttpRequest) -> HttpResponse:
        """End it."""
        where = origin.where(request)
        if login.cancel(request.session, now=self.now, where=where):
            rotate_token(request)
            return self.show(
                heading=_("Sign-in cancelled"),
                text=_("You are not signed in."),
                link_url=answers.login_page(),
                link_text=_("Sign in"),
            )
        if request.user.is_authenticated:
            login.cancel_enrolment(request.session, request.user, now=self.now, where=where)
            return self.go(resolve_url("hardening:overview"))
        return self.over()
