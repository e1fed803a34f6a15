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

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Offer our action in the list, to whoever may change users.

        Since Django 6.1 there are actions on an object's own page too, and `action_location`
        says which are asked for; older ones know neither.
        """
        place = {} if action_location is None else {"action_location": action_location}
        actions: dict[str, Any] = super().get_actions(request, **place)  # type: ignore[misc]
        ours = self.get_action(demand_password_change, **place)  # type: ignore[attr-defined]
        if ours is not None and self.has_change_permission(request):  # type: ignore[attr-defined]
            actions[demand_password_change.__name__] = ours
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
