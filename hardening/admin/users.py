"""For a host's own ``UserAdmin``: what operators do for people, beside editing them.

With the permission ``hardening.view_password_verdict`` the list of users says whose password is in
a leaked list, in a column and a filter; with ``hardening.view_compliance`` it says who has a second
factor and by when one must be there. Without them there is neither, and nothing to sort or filter
by: such a list is a target list.

Nobody chooses somebody else's password: `hardening.admin.resets` sends a reset instead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from hardening import origin
from hardening.access import admin_requires
from hardening.admin.asking import GRANT, ask_another_operator, give_more_time
from hardening.admin.columns import StandingColumnsMixin
from hardening.admin.freezing import FreezeMixin, freeze_accounts, may_freeze, thaw_accounts
from hardening.admin.resets import HelpMixin
from hardening.admin.revoking import REVOKE, RevokeMixin, end_sessions
from hardening.admin.throttle import LIFT, lifted
from hardening.core.pwned import Finding
from hardening.flows import recover, unlock
from hardening.flows.requests import ASK
from hardening.models import Account
from hardening.models.verdicts import VERDICT, with_verdicts

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


SEE_VERDICTS = "hardening.view_password_verdict"
NOT_LOOKED_UP = "none"  # in the address of a filtered list, where an empty value is no choice
VERDICTS = {
    Finding.HIT.value: _("Leaked"),
    Finding.CLEAN.value: _("In no list"),
    "": _("Not looked up"),
}


class PasswordVerdictFilter(admin.SimpleListFilter):
    """By what was found of the password; the mixin offers it to whoever may know."""

    title = _("password")
    parameter_name = "leaked_password"  # `UserAdmin` allows none that begins with "password"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer each verdict."""
        del request, model_admin
        return [(verdict or NOT_LOOKED_UP, words) for verdict, words in VERDICTS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep those of whom that was found."""
        del request
        chosen = self.value()
        if chosen is None:
            return queryset
        if chosen == NOT_LOOKED_UP:
            return queryset.filter(**{VERDICT: ""})
        # A verdict on an older password is none; but without any row of it there is none either.
        noted = Account.objects.filter(password_verdict=chosen).values("user_id")
        return queryset.filter(pk__in=noted).filter(**{VERDICT: chosen})


class HardeningUserAdminMixin(FreezeMixin, RevokeMixin, HelpMixin, StandingColumnsMixin):
    """Put before ``UserAdmin``: who has a second factor, help for people, verdicts on passwords."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Bring the verdicts along, in the same query, for whoever may see them."""
        users: QuerySet[Any] = super().get_queryset(request)
        return with_verdicts(users) if _sees_verdicts(request) else users

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Add the column for whoever may see it."""
        columns: tuple[Any, ...] = (*super().get_list_display(request),)
        return (*columns, "password_verdict") if _sees_verdicts(request) else columns

    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:
        """Add the filter for whoever may see the column."""
        filters: tuple[Any, ...] = (*super().get_list_filter(request),)
        return (*filters, PasswordVerdictFilter) if _sees_verdicts(request) else filters

    @admin.display(description=_("Password"), ordering=VERDICT)
    def password_verdict(self, user: Any) -> Any:
        """Return what was found, in words; nothing on a page that was not to know."""
        verdict: str | None = getattr(user, VERDICT, None)
        return None if verdict is None else VERDICTS.get(verdict, VERDICTS[""])

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
            ask_another_operator: request.user.has_perm(ASK),
            give_more_time: request.user.has_perm(GRANT),
            end_sessions: request.user.has_perm(REVOKE),
            freeze_accounts: may_freeze(request),
            thaw_accounts: may_freeze(request),
        }
        for action, may in allowed.items():
            ours = self.get_action(action, **place)  # type: ignore[attr-defined]
            if ours is not None and may:
                actions[action.__name__] = ours
        return actions


def _sees_verdicts(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(SEE_VERDICTS))


@admin.action(description=_("Demand a new password at the next request"))
@admin_requires()
def demand_password_change(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Make the chosen people set a new password before anything else."""
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
@admin_requires()
def unlock_sign_in(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """End the wait of the chosen people; each is told."""
    now, where = int(time.time()), origin.where(request)
    count = sum(
        unlock.by_operator(user, actor=request.user, now=now, where=where) for user in queryset
    )
    said = lifted(count) if count else gettext("None of them had to wait.")
    modeladmin.message_user(request, said, messages.SUCCESS)
    return None
