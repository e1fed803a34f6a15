"""Operators' requests in the admin: ask, and answer what another one asks.

Everything goes through `hardening.flows.requests`: nothing is changed or deleted here, the form
for a new one asks by the flow, and there is no bulk action: whoever approves reads first what will
happen to whom. Each answer has a page of its own, its permission, and needs a fresh proof.

The trap: a ticket is in the answer to the approval and nowhere else. That page is not redirected
to, so it cannot be opened again.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from hardening import origin, roles
from hardening.access import refusal
from hardening.admin import confirm
from hardening.admin.answering import ANSWERS, SORRY, day, done, pressed, what_will_happen
from hardening.admin.asking import RequestForm
from hardening.admin.evidence import EvidenceMixin
from hardening.admin.fresh import FreshProofMixin
from hardening.admin.request_states import EXPIRED, STATES, StateFilter
from hardening.factors.ticket import TICKET_BYTES
from hardening.flows import requests as flow
from hardening.models import OperatorRequest
from hardening.models.request import Deed, State

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


NOTE_LENGTH = 1000  # confirm.html


@admin.register(OperatorRequest)
class OperatorRequestAdmin(FreshProofMixin, EvidenceMixin, admin.ModelAdmin):
    """What operators ask of each other."""

    form = RequestForm
    actions = None
    list_display = ("deed", "whom", "requester_name", "state_now", "expires", "closer_name")
    list_filter = (StateFilter, "deed")
    list_select_related = ("target", "policy")
    raw_id_fields = ("target",)
    change_list_template = "hardening/admin/list_intro.html"
    change_form_template = "hardening/admin/row_page.html"
    shown = (
        *("deed", "whom", "covered", "until_when", "reason", "evidence", "state_now"),
        *("requester_name", "requested", "expires", "closer_name", "closed"),
    )
    of_exemptions = ("covered", "until_when")
    of_closed = ("closer_name", "closed")

    # --- who may do what --------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may ask or approve may see them."""
        may = any(request.user.has_perm(one) for one in (flow.ASK, flow.APPROVE))
        return may or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one."""
        return False

    # --- the list ---------------------------------------------------------------------------------

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search names."""
        return ("requester_name", f"target__{get_user_model().USERNAME_FIELD}")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Add the sentence above the list."""
        waiting = OperatorRequest.objects.open(now=int(time.time())).count()
        says = _("No request waits for an answer.") if not waiting else ""
        intro = _(
            "What one operator asks for is done when another one approves it. Nobody approves "
            "what he asked for, nor what is about himself. After 24 hours a request is over."
        )
        context = {"intro": f"{says} {intro}".strip(), **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("For"))
    def whom(self, asked: OperatorRequest) -> str:
        """Return whom it is about."""
        return str(asked.target.get_username())

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_now(self, asked: OperatorRequest) -> Any:
        """Return what became of it."""
        over = asked.state == State.OPEN and not asked.is_open(now=int(time.time()))
        return STATES[EXPIRED if over else asked.state]

    @admin.display(description=gettext_lazy("Policy"))
    def covered(self, asked: OperatorRequest) -> str:
        """Return what an exemption is from."""
        return "" if asked.policy is None else roles.label(asked.policy.role)

    @admin.display(description=gettext_lazy("Until"))
    def until_when(self, asked: OperatorRequest) -> str:
        """Return the end of an exemption."""
        return day(asked.until)

    @admin.display(description=gettext_lazy("Requested"), ordering="requested_at")
    def requested(self, asked: OperatorRequest) -> str:
        """Return when it was asked for."""
        return day(asked.requested_at)

    @admin.display(description=gettext_lazy("Expires"), ordering="expires_at")
    def expires(self, asked: OperatorRequest) -> str:
        """Return when it is over, unless somebody answers."""
        return day(asked.expires_at)

    @admin.display(description=gettext_lazy("Closed"), ordering="closed_at")
    def closed(self, asked: OperatorRequest) -> str:
        """Return when it was answered."""
        return day(asked.closed_at)

    # --- asking -----------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for what a request needs; show all of one that is there."""
        if obj is None:
            return RequestForm.Meta.fields
        hidden = set() if obj.deed == Deed.EXEMPTION else {*self.of_exemptions}
        hidden |= set() if obj.closed_at else {*self.of_closed}
        return tuple(name for name in self.shown if name not in hidden)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show one that is there for reading only."""
        return () if obj is None else self.shown

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Tell the form who asks."""
        form = super().get_form(request, *args, **kwargs)
        return type(form.__name__, (form,), {"asker": request.user})

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say what came in between, where somebody sends the form twice at once."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except flow.RequestError as error:
            self.message_user(request, SORRY[error.why], messages.ERROR)
            return confirm.to_list(self)

    def save_model(
        self,
        request: HttpRequest,
        obj: OperatorRequest,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Ask by the flow."""
        made = flow.ask(
            obj.deed,
            obj.target,
            requester=request.user,
            reason=obj.reason,
            evidence=obj.evidence,
            policy=obj.policy,
            until=form.until(),
            now=int(time.time()),
            where=origin.where(request),
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add what can be done about it."""
        obj = kwargs.get("obj")
        if obj is None:
            context["intro"] = _(
                "You ask; another operator reads it and approves or refuses. Until then nothing "
                "happens. The person is told by mail at once."
            )
        else:
            said = _("%(what)s, for %(person)s")
            context["subtitle"] = said % {"what": obj.get_deed_display(), "person": self.whom(obj)}
            context["ways"] = [
                (confirm.url(self, name, obj.pk), words.way)
                for name, words in ANSWERS.items()
                if self._may(request, obj, name)
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    # --- answering --------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """Add a page for each answer."""
        opts = self.opts
        pages = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(partial(self._answer, name=name)),
                name=f"{opts.app_label}_{opts.model_name}_{name}",
            )
            for name in ANSWERS
        ]
        return [*pages, *super().get_urls()]

    def _may(self, request: HttpRequest, asked: OperatorRequest, name: str) -> bool:
        """Whether this operator may come to the page of this answer."""
        if not asked.is_open(now=int(time.time())):
            return False
        mine = flow.is_requester(asked, request.user)
        if name == "withdraw":
            return mine
        return bool(request.user.has_perm(flow.APPROVE)) and not (mine and name == "refuse")

    @sensitive_variables()
    def _answer(self, request: HttpRequest, pk: int, *, name: str) -> HttpResponse:
        if name != "withdraw" and not request.user.has_perm(flow.APPROVE):
            raise PermissionDenied
        asked = flow.find(pk)
        if name == "withdraw" and not (asked and flow.is_requester(asked, request.user)):
            raise PermissionDenied
        if asked is None:
            raise Http404
        # Even while the kill switch is on: a password alone takes nobody's second factor away.
        refused = refusal(request, always=name == "approve")
        if refused is not None:
            return refused
        if request.method != "POST":
            return self._asked_again(request, asked, name)
        now, where = int(time.time()), origin.where(request)
        try:
            if name == "approve":
                random = os.urandom(TICKET_BYTES)
                approved = flow.approve(
                    pk, approver=request.user, random=random, now=now, where=where
                )
                if approved.ticket:
                    return self._ticket_shown(request, asked, approved.ticket)
            elif name == "refuse":
                # Without what PostgreSQL stores in no text, and so in no event.
                note = request.POST.get("note", "").replace("\0", "").strip()[:NOTE_LENGTH]
                flow.refuse(pk, actor=request.user, why=note, now=now, where=where)
            else:
                flow.withdraw(pk, actor=request.user, now=now, where=where)
        except flow.RequestError as error:
            self.message_user(request, SORRY[error.why], messages.ERROR)
            return HttpResponseRedirect(confirm.url(self, "change", pk))
        self.message_user(request, done(asked, name), messages.SUCCESS)
        return confirm.to_list(self)

    def _asked_again(self, request: HttpRequest, asked: OperatorRequest, name: str) -> HttpResponse:
        why, alone = None, False
        if name == "approve":
            why = flow.objection_to_approving(asked, request.user, now=int(time.time()))
            alone = why is None and flow.is_requester(asked, request.user)
        elif not self._may(request, asked, name):
            why = flow.Objection.CLOSED
        words = ANSWERS[name]
        return confirm.page(
            request,
            self,
            title=str(words.question),
            says=[str(SORRY[why])] if why else what_will_happen(asked, name, alone=alone),
            facts=self._facts(asked),
            button="" if why else pressed(asked, name),
            note=_("What you answer (the requester reads it)") if name == "refuse" else "",
        )

    def _facts(self, asked: OperatorRequest) -> list[tuple[str, Any]]:
        return [
            (_("What"), asked.get_deed_display()),
            (_("For"), self.whom(asked)),
            (_("Requested by"), asked.requester_name),
            (_("Reason"), asked.reason),
            (_("Evidence"), asked.evidence),
        ]

    @sensitive_variables()
    def _ticket_shown(
        self, request: HttpRequest, asked: OperatorRequest, ticket: str
    ) -> HttpResponse:
        says = [
            _(
                "This ticket is shown once, here. Hand it over in person or by telephone, not by "
                "mail. It works once, within 24 hours, together with the password."
            )
        ]
        page = confirm.page(
            request,
            self,
            title=_("Ticket for %(name)s") % {"name": self.whom(asked)},
            says=says,
            facts=[],
        )
        page.context_data["ticket"] = ticket  # type: ignore[index]
        return page
