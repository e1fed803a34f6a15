"""For a host's own ``UserAdmin``: what operators do for people, beside editing them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from hardening import answers
from hardening.access import refusal
from hardening.flows import recover

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


class HardeningUserAdminMixin:
    """Put before ``UserAdmin``: adds the action "demand a new password"."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer our action to whoever may change users."""
        actions: dict[str, Any] = super().get_actions(request)  # type: ignore[misc]
        if self.has_change_permission(request):  # type: ignore[attr-defined]
            name = "demand_password_change"
            actions[name] = (demand_password_change, name, demand_password_change.short_description)  # type: ignore[attr-defined]
        return actions


@admin.action(description=_("Demand a new password at the next request"))
def demand_password_change(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Make the chosen people set a new password before anything else."""
    refused = refusal(request)
    if refused is not None:
        return refused
    count = recover.demand_password_change(
        queryset, actor=request.user, now=int(time.time()), where=answers.where(request)
    )
    modeladmin.message_user(
        request,
        ngettext(
            "%(count)s person must now set a new password.",
            "%(count)s people must now set a new password.",
            count,
        )
        % {"count": count},
        messages.SUCCESS,
    )
    return None
