"""What became of an operators' request, as its list says and filters it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy

from hardening.models.request import State

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from hardening.models import OperatorRequest

EXPIRED = "expired"
STATES = {**dict(State.choices), EXPIRED: gettext_lazy("Expired")}


class StateFilter(admin.SimpleListFilter):
    """By what became of a request; one that nobody answered in time has expired."""

    title = gettext_lazy("state")
    parameter_name = "state_now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer each."""
        return list(STATES.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OperatorRequest]
    ) -> QuerySet[OperatorRequest]:
        """Keep those of that state."""
        over = Q(expires_at__lte=int(time.time()))
        chosen = self.value()
        if chosen is None:
            return queryset
        if chosen == EXPIRED:
            return queryset.filter(over, state=State.OPEN)
        found = queryset.filter(state=chosen)
        return found.exclude(over) if chosen == State.OPEN else found
