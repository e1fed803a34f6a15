"""Role policies in the admin: a form that refuses what would lock its editor out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import origin, roles
from hardening.admin.fresh import FreshProofMixin
from hardening.audit import NOWHERE, Where
from hardening.core.values import RECHECK_DAYS_PRIVILEGED, Strength
from hardening.flows import policy as flow
from hardening.models import RolePolicy
from hardening.models.policy import MAX_GRACE_DAYS
from hardening.moments import moment
from hardening.policies import from_row

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest


class RoleInput(forms.TextInput):
    """A text field that suggests the roles there are; permissions and groups can be typed."""

    template_name = "hardening/admin/role_input.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Add the suggestions."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        groups = [
            (f"{roles.GROUP_PREFIX}{g.name}", _("Group %(name)s") % {"name": g.name})
            for g in Group.objects.order_by("name")
        ]
        context["suggestions"] = [*roles.choices(), *groups]
        context["widget"]["attrs"]["list"] = f"{context['widget']['attrs'].get('id')}_roles"
        return context


class RolePolicyForm(forms.ModelForm):
    """Checks that the role exists, that a factor reaches the strength, and the editor's branch."""

    editor: Any = None
    where: Where = NOWHERE

    class Meta:
        model = RolePolicy
        fields = (
            "role",
            "mode",
            "strength",
            "starts_at",
            "grace_days",
            "first_enrolment",
            "step_up_seconds",
            "breached_passwords",
            "recheck_days",
            "note",
        )
        widgets = {"role": RoleInput}
        help_texts = {
            "role": gettext_lazy(
                "A role of this site, “group:NAME” or “perm:APP.CODENAME”. Several policies on one "
                "person merge; the strictest wins."
            ),
            "mode": gettext_lazy("“Report only” shows what would happen and stops nobody."),
            "starts_at": gettext_lazy("The days of grace count from here, for everybody alike."),
            "grace_days": gettext_lazy(
                "Until then people are reminded; afterwards they are stopped."
            ),
            "step_up_seconds": gettext_lazy(
                "Empty: as the settings say; a policy can only ask for less."
            ),
            "breached_passwords": gettext_lazy(
                "What happens at sign-in to members whose password is in a list leaked from other "
                "websites. A policy can only do more than the site does for everybody; a policy "
                "in the mode “Report only” counts and does no more."
            ),
            "recheck_days": format_lazy(
                gettext_lazy(
                    "How long a password that was in no list counts as such. Empty: {days} days; "
                    "where policies differ, the shortest holds."
                ),
                days=RECHECK_DAYS_PRIVILEGED,
            ),
        }

    def clean_role(self) -> str:
        """Refuse a role that does not exist; it would count as everybody."""
        key = str(self.cleaned_data["role"]).strip()
        if roles.find(key) is None:
            raise ValidationError(
                _("There is no role “%(key)s”. A typing error would cover everybody."),
                code="unknown_role",
                params={"key": key},
            )
        return key

    def clean_grace_days(self) -> int:
        """Keep grace within a year."""
        days = int(self.cleaned_data["grace_days"])
        if days > MAX_GRACE_DAYS:
            raise ValidationError(
                _("At most %(days)s days."), code="too_long", params={"days": MAX_GRACE_DAYS}
            )
        return days

    def clean_strength(self) -> str:
        """Refuse a strength that no installed kind of factor reaches."""
        slug = str(self.cleaned_data["strength"])
        if Strength.from_slug(slug) not in flow.strengths():
            raise ValidationError(
                _("No kind of factor on this site reaches that; nobody could comply."),
                code="unreachable",
            )
        return slug

    def clean(self) -> dict[str, Any]:
        """Refuse what would lock the editor out with his own next request."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors or self.editor is None:
            return cleaned
        wanted = RolePolicy(**{name: cleaned[name] for name in flow.WATCHED})
        if flow.would_lock_out(wanted, self.editor):
            flow.refused(wanted, actor=self.editor, now=int(time.time()), where=self.where)
            raise ValidationError(
                _(
                    "This policy covers you, and you do not meet it yet. Set up a second factor "
                    "that does, then save it."
                ),
                code="locks_editor_out",
            )
        return cleaned


@admin.register(RolePolicy)
class RolePolicyAdmin(FreshProofMixin, admin.ModelAdmin):
    """Policies as data: what members of a role owe."""

    form = RolePolicyForm
    list_display = (
        *("role", "role_label", "mode", "strength", "deadline", "breached_passwords", "note"),
    )
    list_filter = ("mode", "strength", "breached_passwords")
    search_fields = ("role", "note")

    @admin.display(description=gettext_lazy("Who"))
    def role_label(self, policy: RolePolicy) -> str:
        """Return what people read for the role."""
        return roles.label(policy.role)

    @admin.display(description=gettext_lazy("Deadline"))
    def deadline(self, policy: RolePolicy) -> datetime:
        """Return when it bites."""
        return moment(from_row(policy).due)

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
        """Save and record who changed what."""
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
