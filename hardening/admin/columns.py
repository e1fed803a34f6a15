"""Columns and filters for a list of users: who has a second factor, and who must get one by when.

What they show is worked out for the people of one page, by a fixed number of queries, after the
list was cut; so a list of a million costs what a list of a hundred does.

The trap: a list of people without a second factor is a target list. Without the permission
``hardening.view_compliance`` there is neither column nor filter.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hardening.admin import standing
from hardening.admin.paging import RowPaginator
from hardening.compliance import Status
from hardening.models.database import over_many
from hardening.moments import moment

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

FACTOR, DEADLINE = "hardening_has_factor", "hardening_deadline"  # attributes of listed users
YES, NO, NOTHING = "yes", "no", "none"


class SecondFactorFilter(admin.SimpleListFilter):
    """By whether there is a second factor."""

    title = _("second factor")
    parameter_name = "second_factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both."""
        return [(YES, _("Yes")), (NO, _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep those with, or those without."""
        if self.value() == YES:
            return queryset.filter(standing.with_factor())
        return queryset.exclude(standing.with_factor()) if self.value() == NO else queryset


class DeadlineFilter(admin.SimpleListFilter):
    """By what any policy in force still asks."""

    title = _("deadline")
    parameter_name = "factor_deadline"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer what is over, what is ahead, and nothing."""
        return [
            (Status.OVERDUE.value, _("Overdue")),
            (Status.IN_GRACE.value, _("In grace")),
            (NOTHING, _("Nothing due")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep those of whom that is true under any policy in force."""
        now, chosen = int(time.time()), self.value()
        if chosen in (Status.OVERDUE.value, Status.IN_GRACE.value):
            return queryset.filter(standing.owing(Status(chosen), now=now))
        return standing.owing_nothing(queryset, now=now) if chosen == NOTHING else queryset


class StandingColumnsMixin:
    """For a ``UserAdmin``: the columns and the filters, for whoever may see them."""

    paginator: Any = RowPaginator

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Add the columns."""
        columns: tuple[Any, ...] = (*super().get_list_display(request),)  # type: ignore[misc]
        ours = ("second_factor", "factor_deadline")
        return (*columns, *ours) if standing.sees_compliance(request) else columns

    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:
        """Add the filters."""
        filters: tuple[Any, ...] = (*super().get_list_filter(request),)  # type: ignore[misc]
        ours = (SecondFactorFilter, DeadlineFilter)
        return (*filters, *ours) if standing.sees_compliance(request) else filters

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look up what the columns show, for the people of one page."""
        with over_many():
            changelist = super().get_changelist_instance(request)  # type: ignore[misc]
            users = list(changelist.result_list)  # kept by the queryset, which stays what it is
        if standing.sees_compliance(request):
            equipped = standing.equipped(users)
            nearest = standing.nearest(users, now=int(time.time()))
            for user in users:
                setattr(user, FACTOR, user.pk in equipped)
                setattr(user, DEADLINE, nearest.get(user.pk))
        return changelist

    @admin.display(description=_("Second factor"), boolean=True)
    def second_factor(self, user: Any) -> bool | None:
        """Return whether there is one; nothing on a page that was not to know."""
        has: bool | None = getattr(user, FACTOR, None)
        return has

    @admin.display(description=_("Deadline"))
    def factor_deadline(self, user: Any) -> str | None:
        """Return by when one must be there; nothing where none is missing."""
        due: int | None = getattr(user, DEADLINE, None)
        if due is None:
            return None
        if due == 0:
            return gettext("Overdue")
        date = date_format(moment(due), "DATE_FORMAT")
        if due <= int(time.time()):
            return gettext("Overdue since %(date)s") % {"date": date}
        return date
