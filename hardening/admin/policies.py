"""Role policies in the admin: seen before they are saved, recorded afterwards, and held to.

What the pages do is in their own modules: the form, the preview, the compliance page, the history.
Here they come together, and whatever is saved or deleted ends in its event.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy

from hardening import origin, roles
from hardening.admin.compliance import CompliancePagesMixin
from hardening.admin.fresh import FreshProofMixin
from hardening.admin.history import HistoryMixin
from hardening.admin.policy_form import FIELDSETS, RolePolicyForm
from hardening.admin.preview import PreviewMixin
from hardening.admin.standing import sees_compliance
from hardening.flows import policy as flow
from hardening.models import RolePolicy
from hardening.moments import moment
from hardening.policies import from_row

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


NO_POLICY = gettext_lazy(
    "There is no policy here yet; those of the settings act all the same. Begin with “Report "
    "only”: it stops nobody, and shows who has no second factor."
)


@admin.register(RolePolicy)
class RolePolicyAdmin(
    FreshProofMixin, CompliancePagesMixin, HistoryMixin, PreviewMixin, admin.ModelAdmin
):
    """Policies as data: what members of a role owe."""

    form = RolePolicyForm
    fieldsets = FIELDSETS
    list_display = (*("role_label", "mode", "strength", "deadline", "note", "breached_passwords"),)
    list_filter = ("mode", "strength", "breached_passwords")
    search_fields = ("role", "note")
    change_list_template = "hardening/admin/policy_list.html"
    object_history_template = "hardening/admin/policy_history.html"
    delete_confirmation_template = "hardening/admin/policy_delete.html"
    delete_selected_confirmation_template = "hardening/admin/policy_delete_selected.html"

    @admin.display(description=gettext_lazy("Role"), ordering="role")
    def role_label(self, policy: RolePolicy) -> str:
        """Return what people read for the role."""
        return roles.label(policy.role)

    @admin.display(description=gettext_lazy("Deadline"))
    def deadline(self, policy: RolePolicy) -> datetime:
        """Return when it bites."""
        return moment(from_row(policy).due)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Add the button that leads to the compliance page, for whoever may open it."""
        intro = "" if RolePolicy.objects.exists() else NO_POLICY
        more = {"sees_compliance": sees_compliance(request), "intro": intro}
        more |= extra_context or {}
        return super().changelist_view(request, more)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Start the clock now unless the person says otherwise."""
        now = moment(int(time.time()))
        return {"starts_at": now, **super().get_changeform_initial_data(request)}

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Tell the form who edits."""
        form = super().get_form(request, *args, **kwargs)
        asking = {"editor": request.user, "where": origin.where(request)}
        return type(form.__name__, (form,), asking)

    def save_model(self, request: HttpRequest, obj: RolePolicy, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save what was confirmed, and record who changed what."""
        old = RolePolicy.objects.filter(pk=obj.pk).first() if change else None
        before = flow.values(old) if old else {}
        super().save_model(request, obj, form, change)
        self._record(request, obj, before, flow.values(obj))

    def delete_model(self, request: HttpRequest, obj: RolePolicy) -> None:
        """Delete and record it."""
        pk, before = obj.pk, flow.values(obj)
        super().delete_model(request, obj)
        obj.pk = pk
        self._record(request, obj, before, {})

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RolePolicy]) -> None:
        """Delete several, each with its event."""
        for policy in queryset:
            self.delete_model(request, policy)

    @staticmethod
    def _record(
        request: HttpRequest, policy: RolePolicy, before: dict[str, str], after: dict[str, str]
    ) -> None:
        flow.changed(
            policy,
            before=before,
            after=after,
            actor=request.user,
            now=int(time.time()),
            where=origin.where(request),
        )
