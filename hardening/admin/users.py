"""For a host's own ``UserAdmin``: what operators do for people, beside editing them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from hardening import origin
from hardening.access import refusal
from hardening.admin.throttle import LIFT, lifted
from hardening.flows import recover, unlock

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


class HardeningUserAdminMixin:
    """Put before ``UserAdmin``: adds "demand a new password" and "unlock password sign-in"."""

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Offer our actions in the list, to whoever may change users, and may lift waits.

        Since Django 6.1 there are actions on an object's own page too, and `action_location`
        says which are asked for; older ones know neither.
        """
        place = {} if action_location is None else {"action_location": action_location}
        actions: dict[str, Any] = super().get_actions(request, **place)  # type: ignore[misc]
        allowed = {
            demand_password_change: self.has_change_permission(request),  # type: ignore[attr-defined]
            unlock_sign_in: request.user.has_perm(LIFT),
        }
        for action, may in allowed.items():
            ours = self.get_action(action, **place)  # type: ignore[attr-defined]
            if ours is not None and may:
                actions[action.__name__] = ours
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
        queryset, actor=request.user, now=int(time.time()), where=origin.where(request)
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


@admin.action(description=_("Unlock password sign-in"))
def unlock_sign_in(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """End the wait of the chosen people; each is told."""
    refused = refusal(request)
    if refused is not None:
        return refused
    now, where = int(time.time()), origin.where(request)
    count = sum(
        unlock.by_operator(user, actor=request.user, now=now, where=where) for user in queryset
    )
    said = lifted(count) if count else gettext("None of them had to wait.")
    modeladmin.message_user(request, said, messages.SUCCESS)
    return None
