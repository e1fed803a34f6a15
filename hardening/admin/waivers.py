"""Waivers in the admin: who has more time with a policy, who is exempt, until when and why.

More time is granted here, by one operator; an exemption takes two and begins as a request
(`hardening.admin.requests`). Either can be ended. Nothing else is changed, and nothing is deleted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminDateWidget
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import origin, roles
from hardening.access import refusal
from hardening.admin import confirm
from hardening.admin.answering import day
from hardening.admin.asking import PolicyField
from hardening.admin.evidence import EvidenceMixin
from hardening.admin.fresh import FreshProofMixin
from hardening.flows import waivers as flow
from hardening.models import PolicyWaiver

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

END = "hardening.change_policywaiver"

STANDING, OVER, ENDED = "standing", "over", "ended"
STATES = {
    STANDING: gettext_lazy("Standing"),
    OVER: gettext_lazy("Over"),
    ENDED: gettext_lazy("Ended early"),
}

SORRY = {
    flow.Objection.ONESELF: gettext_lazy("Nobody grants himself more time."),
    flow.Objection.NO_REASON: gettext_lazy("Say why."),
    flow.Objection.NOT_LATER: gettext_lazy("That is no later than the deadline of the policy."),
    flow.Objection.TOO_LONG: gettext_lazy(
        "At most 30 days altogether, from the deadline or, where that had passed, from the day of "
        "the first grant. For longer, ask another operator for an exemption."
    ),
}


class ExtensionForm(forms.ModelForm):
    """Checks by the flow what may be granted; `granter` is whoever fills it in."""

    granter: Any = None
    last_day = forms.DateField(
        widget=AdminDateWidget,
        label=gettext_lazy("More time until the end of"),
        help_text=gettext_lazy(
            "At most 30 days altogether, from the deadline or, where that has passed, from today; "
            "what was granted before counts."
        ),
    )

    class Meta:
        model = PolicyWaiver
        fields = ("user", "policy", "last_day", "reason")
        field_classes = {"policy": PolicyField}
        help_texts = {
            "policy": gettext_lazy(
                "Policies of the settings are not listed: nobody has more time with them."
            ),
            "reason": gettext_lazy("Kept, and told to the person."),
        }

    def clean(self) -> dict[str, Any]:
        """Ask the flow what speaks against it."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        why = flow.objection(
            cleaned["user"],
            cleaned["policy"],
            until=self.until(),
            reason=cleaned["reason"],
            actor=self.granter,
            now=int(time.time()),
        )
        if why is not None:
            raise ValidationError(SORRY[why], code=why.value)
        return cleaned

    def until(self) -> int:
        """Return the new deadline in Unix seconds."""
        return confirm.end_of(self.cleaned_data["last_day"])


class StateFilter(admin.SimpleListFilter):
    """By whether a waiver still stands."""

    title = gettext_lazy("state")
    parameter_name = "state_now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer each."""
        return list(STATES.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PolicyWaiver]
    ) -> QuerySet[PolicyWaiver]:
        """Keep those of that state."""
        now = int(time.time())
        wanted: dict[str | None, dict[str, Any]] = {
            STANDING: {"until__gt": now, "ended_at__isnull": True},
            OVER: {"until__lte": now, "ended_at__isnull": True},
            ENDED: {"ended_at__isnull": False},
        }
        return queryset.filter(**wanted.get(self.value(), {}))


@admin.register(PolicyWaiver)
class PolicyWaiverAdmin(FreshProofMixin, EvidenceMixin, admin.ModelAdmin):
    """Who is spared which policy, and until when."""

    form = ExtensionForm
    actions = None
    list_display = ("whom", "covered", "kind", "until_when", "state_now", "reason", "approved_by")
    list_filter = (StateFilter, "kind", "policy")
    list_select_related = ("user", "policy")
    raw_id_fields = ("user",)
    change_list_template = "hardening/admin/list_intro.html"
    change_form_template = "hardening/admin/row_page.html"
    shown = (
        *("whom", "covered", "kind", "until_when", "state_now", "reason"),
        *("granted", "requested_by", "approved_by", "ended"),
    )

    # --- who may do what --------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one; whoever has the permission ends it."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may grant or end may look."""
        granting = request.user.has_perm("hardening.add_policywaiver")
        return granting or super().has_view_permission(request, obj)

    # --- the list ---------------------------------------------------------------------------------

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search names."""
        return (f"user__{get_user_model().USERNAME_FIELD}", "approved_by")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Add the sentence above the list."""
        standing = PolicyWaiver.objects.standing(now=int(time.time())).exists()
        says = "" if standing else _("Nobody is spared a policy right now.")
        intro = _(
            "One operator grants more time, at most 30 days. An exemption takes two and begins as "
            "a request; it lasts at most 90 days."
        )
        context = {"intro": f"{says} {intro}".strip(), **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("Who"))
    def whom(self, waiver: PolicyWaiver) -> str:
        """Return who is spared."""
        return str(waiver.user.get_username())

    @admin.display(description=gettext_lazy("Policy"))
    def covered(self, waiver: PolicyWaiver) -> str:
        """Return what from."""
        return roles.label(waiver.policy.role)

    @admin.display(description=gettext_lazy("Until"), ordering="until")
    def until_when(self, waiver: PolicyWaiver) -> str:
        """Return until when."""
        return day(waiver.until)

    @admin.display(description=gettext_lazy("State"))
    def state_now(self, waiver: PolicyWaiver) -> Any:
        """Return whether it stands."""
        if waiver.ended_at is not None:
            return STATES[ENDED]
        return STATES[STANDING if waiver.until > int(time.time()) else OVER]

    @admin.display(description=gettext_lazy("Granted"))
    def granted(self, waiver: PolicyWaiver) -> str:
        """Return when it was granted."""
        return day(waiver.granted_at)

    @admin.display(description=gettext_lazy("Ended"))
    def ended(self, waiver: PolicyWaiver) -> str:
        """Return when it was ended before its time."""
        return day(waiver.ended_at)

    # --- more time --------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for what more time needs; show all of one that is there."""
        return ExtensionForm.Meta.fields if obj is None else self.shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show one that is there for reading only."""
        return () if obj is None else self.shown

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Tell the form who grants."""
        form = super().get_form(request, *args, **kwargs)
        return type(form.__name__, (form,), {"granter": request.user})

    def save_model(self, request: HttpRequest, obj: PolicyWaiver, form: Any, change: bool) -> None:  # noqa: FBT001
        """Grant it by the flow."""
        made = flow.extend(
            obj.user,
            obj.policy,
            until=form.until(),
            reason=obj.reason,
            actor=request.user,
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
                "The deadline of one policy moves for one person, who is told by mail. Other "
                "policies go on."
            )
        else:
            said = _("%(what)s, for %(person)s")
            context["subtitle"] = said % {"what": obj.get_kind_display(), "person": self.whom(obj)}
            if self.state_now(obj) == STATES[STANDING] and request.user.has_perm(END):
                context["ways"] = [(confirm.url(self, "end", obj.pk), _("End…"))]
        return super().render_change_form(request, context, *args, **kwargs)

    # --- ending -----------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """Add the page that ends one."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_end"
        page = self.admin_site.admin_view(self._end)
        return [path("<int:pk>/end/", page, name=name), *super().get_urls()]

    def _end(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.has_perm(END):
            raise PermissionDenied
        waiver = PolicyWaiver.objects.select_related("user", "policy").filter(pk=pk).first()
        if waiver is None:
            raise Http404
        refused = refusal(request)
        if refused is not None:
            return refused
        if request.method != "POST":
            return self._asked_again(request, waiver)
        where = origin.where(request)
        if flow.end(pk, actor=request.user, now=int(time.time()), where=where):
            self.message_user(request, _("It has ended."), messages.SUCCESS)
        else:
            self.message_user(request, _("It was over already."), messages.WARNING)
        return confirm.to_list(self)

    def _asked_again(self, request: HttpRequest, waiver: PolicyWaiver) -> HttpResponse:
        says = [
            _(
                "The policy’s own deadline holds again for %(person)s, from the next page on: "
                "where it has passed, a second factor is asked for at once. The person is told "
                "by mail who did this."
            )
            % {"person": self.whom(waiver)}
        ]
        facts = [
            (_("Kind"), waiver.get_kind_display()),
            (_("Policy"), self.covered(waiver)),
            (_("Until"), day(waiver.until)),
            (_("Reason"), waiver.reason),
        ]
        standing = self.state_now(waiver) == STATES[STANDING]
        return confirm.page(
            request,
            self,
            title=_("End this waiver?"),
            says=says if standing else [_("It was over already.")],
            facts=facts,
            button=_("End it for %(person)s") % {"person": self.whom(waiver)} if standing else "",
        )
