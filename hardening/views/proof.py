"""Proving something: a code, a recovery code, the mailbox, a ticket, the password again."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import browser_cookie, host, origin
from hardening.core.values import Reason, Verdict
from hardening.factors import mailbox
from hardening.flows import authenticators, prove, record, remembering
from hardening.flows.notices import address_book
from hardening.forms import (
    CodeForm,
    MailboxCodeForm,
    PasswordForm,
    RecoveryCodeForm,
    TicketForm,
)
from hardening.views.page import HTTP_INVALID, PageView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from hardening.flows.prove import Judged
    from hardening.flows.record import Waiting

RESEND_SECONDS = 30  # politeness of the button; the limit is the throttle's


class ProofView(PageView, ABC):
    """A page on which one thing is proven. Subclasses name the form, the flow and the error."""

    verdicts: tuple[Verdict, ...]
    form_class: type[Any]
    field = "code"
    wrong: Any

    def record(self) -> Waiting | None:
        """Return what this page works on."""
        return self.waiting()

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page, or lead to the step that is pending instead."""
        waiting = self.record()
        if waiting is None:
            return self.over()
        if not self.is_due(waiting):
            return self.advance(waiting)
        return self.ask(self.form(waiting), waiting)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge what was typed."""
        waiting = self.record()
        if waiting is None:
            return self.over()
        if not self.is_due(waiting):
            return self.advance(waiting)
        form = self.form(waiting, self.data)
        if not form.is_valid():
            return self.ask(form, waiting)
        return self.answer(form, waiting, self.judge(form, waiting))

    def is_due(self, waiting: Waiting) -> bool:
        """Say whether this page is what the decision asks for."""
        return waiting.decision.verdict in self.verdicts

    def answer(self, form: Any, waiting: Waiting, judged: Judged) -> HttpResponse:
        """Say what came of a try."""
        if judged.accepted and judged.waiting is not None:
            if not judged.waiting.owes_nothing:  # completing it renews everything as well
                record.renew(self.request.session, judged.waiting)
            return self.proven(judged.waiting)
        if judged.retry_after:
            return self.wait(form, judged.retry_after, on=waiting, **self.context(waiting))
        if judged.moved:
            found = self.record()
            return self.over() if found is None else self.advance(found)
        if judged.waiting is None:
            return self.over(_("There were too many wrong tries. Please sign in again."))
        form.add_error(self.field, self.wrong)
        return self.ask(form, judged.waiting)

    def proven(self, waiting: Waiting) -> HttpResponse:
        """Go on after a right proof."""
        return self.advance(waiting)

    def form(self, waiting: Waiting, data: Any = None) -> Any:
        """Return the form, bound or not."""
        del waiting
        return self.form_class(data)

    def ask(self, form: Any, waiting: Waiting) -> HttpResponse:
        """Show the page with its form."""
        return self.show(form=form, on=waiting, **self.context(waiting))

    def context(self, waiting: Waiting) -> dict[str, Any]:
        """Return what else the template needs."""
        del waiting
        return {}

    @abstractmethod
    def judge(self, form: Any, waiting: Waiting) -> Judged:
        """Call the flow."""


class BesideView(ProofView):
    """A proof for a parked login, or for an enrolment beside a live session."""

    def record(self) -> Waiting | None:
        """Return whichever of the two there is."""
        return self.any_record()

    def proven(self, waiting: Waiting) -> HttpResponse:
        """Go on; an enrolment beside a live session starts at once."""
        return self.may_start(waiting)


class VerifyView(ProofView):
    """A code from an authenticator app; also after a recovery code, if the phone is found."""

    template_name = "verify.html"
    offers_break_glass = True
    verdicts = (Verdict.CHALLENGE, Verdict.ENROL)
    wrong = gettext_lazy("That code was not accepted.")

    def is_due(self, waiting: Waiting) -> bool:
        """Take a code on the way to enrolling too, where an authenticator can be used at all."""
        if waiting.decision.verdict is Verdict.ENROL:
            return any(choice.factor_id for choice in waiting.decision.choices)
        return super().is_due(waiting)

    def form(self, waiting: Waiting, data: Any = None) -> CodeForm:
        """Offer a choice where there are several usable authenticators."""
        return CodeForm(
            data,
            authenticators=authenticators.named(waiting.user, waiting.decision),
            remember_days=remembering.offered(waiting, now=self.now),
        )

    def answer(self, form: Any, waiting: Waiting, judged: Judged) -> HttpResponse:
        """Remember the browser as well, if that was ticked and the sign-in is complete.

        Where a step is left, it changes what an entry of the device cookie is bound to.
        """
        response = super().answer(form, waiting, judged)
        ticked = judged.accepted and form.cleaned_data.get("remember", False)
        days = remembering.offered(waiting, now=self.now) if ticked else 0
        if days and browser_cookie.ask_for_no_code(self.request, days):
            where = origin.where(self.request)
            remembering.remembered(waiting.user, days, now=self.now, where=where)
        return response

    def context(self, waiting: Waiting) -> dict[str, Any]:
        """Say whether any authenticator can be used at all."""
        return {"can_use_code": any(choice.factor_id for choice in waiting.decision.choices)}

    def judge(self, form: Any, waiting: Waiting) -> Judged:
        """Judge the code against the authenticator chosen."""
        return prove.second_factor(
            waiting,
            form.cleaned_data.get("authenticator"),
            form.cleaned_data["code"],
            now=self.now,
            where=origin.where(self.request),
        )


class RecoveryCodeView(ProofView):
    """A recovery code in place of the authenticator."""

    template_name = "recovery_code.html"
    offers_break_glass = True
    rate = "30/m"
    verdicts = (Verdict.CHALLENGE,)
    form_class = RecoveryCodeForm
    wrong = gettext_lazy("That code was not accepted. Each recovery code works once.")

    def judge(self, form: Any, waiting: Waiting) -> Judged:
        """Use the code up."""
        where = origin.where(self.request)
        code = form.cleaned_data["code"]
        return prove.recovery_code(waiting, code, now=self.now, where=where)


class MailboxView(BesideView):
    """Eight digits by mail: sent on request, then typed."""

    template_name = "mailbox.html"
    offers_break_glass = True
    verdicts = (Verdict.MAILBOX,)
    form_class = MailboxCodeForm
    wrong = gettext_lazy("That code was not accepted. Use the newest mail; a code works once.")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Send a code, or judge one."""
        if self.data.get("action") != "send":
            return super().post(request)
        waiting = self.record()
        if waiting is None:
            return self.over()
        if not self.is_due(waiting):
            return self.advance(waiting)
        sent = prove.send_mailbox_code(
            waiting, os.urandom(mailbox.CODE_BYTES), now=self.now, where=origin.where(request)
        )
        form = self.form(waiting)
        if sent.retry_after:
            context = self.context(waiting) | {"resend_after": sent.retry_after}
            problem = _("Several codes were sent already. The next one has to wait.")
            return self.wait(form, sent.retry_after, problem, on=waiting, **context)
        if not sent.accepted:
            problem = _("The mail could not be sent. Try again, or use an enrolment ticket.")
            return self.show(
                form=form, on=waiting, status=HTTP_INVALID, problem=problem, **self.context(waiting)
            )
        return self.go(resolve_url("hardening:mailbox"))

    def is_due(self, waiting: Waiting) -> bool:
        """Where only a ticket counts, a mailed code would lead nowhere."""
        ways = {choice.kind for choice in waiting.decision.choices}
        return super().is_due(waiting) and "mailbox" in ways

    def context(self, waiting: Waiting) -> dict[str, Any]:
        """Say where the code goes and whether one is on its way."""
        row = waiting.row
        sent = bool(row.mail_digest) and (row.mail_expires_at or 0) > self.now
        address = address_book(waiting.user, now=self.now).provable(self.now)
        elapsed = self.now - (row.mail_sent_at or 0)
        return {
            "address": mailbox.mask(address) if address else "",
            "sender": host.mail_sender(),
            "sent": sent,
            "resend_after": max(0, RESEND_SECONDS - elapsed) if sent else 0,
            "usable": bool(address),
        }

    def judge(self, form: Any, waiting: Waiting) -> Judged:
        """Judge the digits."""
        where = origin.where(self.request)
        return prove.mailbox_code(waiting, form.cleaned_data["code"], now=self.now, where=where)


class TicketView(BesideView):
    """An operator's ticket in place of the mailbox."""

    template_name = "ticket.html"
    offers_break_glass = True
    rate = "30/m"
    verdicts = (Verdict.MAILBOX,)
    form_class = TicketForm
    field = "ticket"
    wrong = gettext_lazy("That ticket was not accepted. A ticket works once, for 24 hours.")

    def context(self, waiting: Waiting) -> dict[str, Any]:
        """Say whether there is a mailbox to prove instead, and if not, whether there could be."""
        ways = {choice.kind for choice in waiting.decision.choices}
        wanted = waiting.decision.reason is Reason.TICKET_REQUIRED  # by a policy, mailbox or not
        return {
            "can_use_mailbox": "mailbox" in ways,
            "no_mailbox": "mailbox" not in ways and not wanted,
        }

    def judge(self, form: Any, waiting: Waiting) -> Judged:
        """Use the ticket up."""
        where = origin.where(self.request)
        text = form.cleaned_data["ticket"]
        return prove.enrolment_ticket(waiting, text, now=self.now, where=where)


class ConfirmPasswordView(BesideView):
    """The password again, before a first factor is enrolled of one's own accord."""

    template_name = "confirm_password.html"
    rate = "30/m"
    verdicts = (Verdict.STEP_UP,)
    form_class = PasswordForm
    field = "password"
    wrong = gettext_lazy("That is not your password.")

    def judge(self, form: Any, waiting: Waiting) -> Judged:
        """Check the password."""
        where = origin.where(self.request)
        text = form.cleaned_data["password"]
        return prove.password(waiting, text, now=self.now, where=where)
