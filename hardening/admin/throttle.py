"""What refuses right now, in the admin: accounts by name, everything else by number.

Nothing here can be added, changed or deleted: counters are lifted, by an action that says what it
will do and asks again. Looking takes the permission to view; lifting and ending attack mode take
``lift_throttle`` and a fresh proof.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from hardening import origin
from hardening.access import admin_requires
from hardening.admin.fresh import FreshProofMixin
from hardening.audit import Event
from hardening.conf import conf
from hardening.core.throttle import SECOND_US
from hardening.flows import attack, unlock
from hardening.models import SecurityEvent, ThrottleCell
from hardening.moments import moment
from hardening.throttle import locked, store

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

LIFT = "hardening.lift_throttle"


@admin.register(ThrottleCell)
class ThrottleCellAdmin(FreshProofMixin, admin.ModelAdmin):
    """The accounts that must wait, how many others do, and whether attack mode is on."""

    list_display = ("account", "failures", "next_try")
    list_display_links = None
    ordering = ("-total", "key")
    actions = ("lift",)
    search_fields = ("target_pk",)  # shows the field; what is searched are people's names
    search_help_text = gettext_lazy("User name")
    change_list_template = "hardening/admin/throttle_list.html"

    # --- who may do what -------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a counter."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one; they are lifted."""
        del request, obj
        return False

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Whether this operator may end waits."""
        return bool(request.user.has_perm(LIFT))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this operator may see the list; a counter has no page of its own."""
        return obj is None and super().has_view_permission(request)

    # --- the list --------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[ThrottleCell]:
        """List accounts that must wait, or are at their cap."""
        return locked.accounts(now_us=_now_us()).order_by(*self.get_ordering(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ThrottleCell], search_term: str
    ) -> tuple[QuerySet[ThrottleCell], bool]:
        """Search the names of those who must wait."""
        del request
        term = search_term.strip().casefold()
        if not term:
            return queryset, False
        people = locked.people(queryset)
        found = [str(user.pk) for user in people if term in user.get_username().casefold()]
        return queryset.filter(target_pk__in=found), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look the names of one page up, by one query."""
        changelist = super().get_changelist_instance(request)
        named = {str(user.pk): user for user in locked.people(changelist.result_list)}
        for row in changelist.result_list:
            row.person = named.get(row.target_pk)
        return changelist

    @admin.display(description=gettext_lazy("User"))
    def account(self, row: Any) -> str:
        """Return whose password was tried."""
        return row.target_pk if row.person is None else str(row.person.get_username())

    @admin.display(description=gettext_lazy("Failures in a row"), ordering="total")
    def failures(self, row: ThrottleCell) -> int:
        """Return how many there were since the last sign-in."""
        return row.total

    @admin.display(description=gettext_lazy("Next try"), ordering="next_us")
    def next_try(self, row: ThrottleCell) -> str:
        """Return when the next try from an unknown browser is looked at."""
        if row.total >= conf().THROTTLE.account.cap:
            return _("At the cap: not by waiting")
        at = moment(-(-row.next_us // SECOND_US))
        local = timezone.localtime(at) if timezone.is_aware(at) else at
        return time_format(local, "H:i:s")  # a wait may be half a minute

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Add what stands above the list."""
        return super().changelist_view(request, {**_above(request), **(extra_context or {})})

    # --- lifting ---------------------------------------------------------------------------------

    @admin.action(
        description=gettext_lazy("Lift: the next try need not wait"), permissions=["lift"]
    )
    def lift(self, request: HttpRequest, queryset: QuerySet[ThrottleCell]) -> HttpResponse | None:
        """Ask again, then end the chosen waits."""
        people = locked.people(queryset)
        if not request.POST.get("confirmed"):
            return self._asked_again(request, people)
        now, where = int(time.time()), origin.where(request)
        count = sum(
            unlock.by_operator(user, actor=request.user, now=now, where=where) for user in people
        )
        self.message_user(request, lifted(count), messages.SUCCESS)
        return None

    def _asked_again(self, request: HttpRequest, people: list[Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Lift the wait?"),
            "list_is_linked": True,
            "opts": self.opts,
            "people": [user.get_username() for user in people],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "everywhere": request.POST.get("select_across", "0"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "hardening/admin/lift_confirmation.html", context)

    def get_urls(self) -> list[Any]:
        """Add the button that ends attack mode."""
        end = self.admin_site.admin_view(require_POST(self._end_attack_mode))
        name = f"{self.opts.app_label}_{self.opts.model_name}_end_attack_mode"
        return [path("end-attack-mode/", end, name=name), *super().get_urls()]

    def _end_attack_mode(self, request: HttpRequest) -> HttpResponse:
        if not self.has_lift_permission(request):
            raise PermissionDenied
        return self._ended(request)

    @admin_requires()
    def _ended(self, request: HttpRequest) -> HttpResponse:
        where = origin.where(request)
        if attack.end(actor=request.user, now=int(time.time()), where=where):
            self.message_user(request, _("Attack mode has ended."), messages.SUCCESS)
        site, opts = self.admin_site.name, self.opts
        return HttpResponseRedirect(
            reverse(f"{site}:{opts.app_label}_{opts.model_name}_changelist")
        )


def _above(request: HttpRequest) -> dict[str, Any]:
    """Return what the page says besides the list."""
    now_us = _now_us()
    until = attack.until(now=now_us // SECOND_US)
    began = SecurityEvent.objects.filter(event=Event.ATTACK_BEGAN).first() if until else None
    return {
        "title": _("What has to wait right now"),
        "names": locked.names(now_us=now_us).count(),
        "addresses": locked.addresses(now_us=now_us).count(),
        "addresses_elsewhere": store.current().remote,
        "attack_until": moment(until) if until else None,
        "attack_since": began.at if began else None,
        "may_lift": request.user.has_perm(LIFT),
    }


def lifted(count: int) -> str:
    """Return what an operator reads afterwards."""
    text = ngettext(
        "%(count)s person can try to sign in again at once.",
        "%(count)s people can try to sign in again at once.",
        count,
    )
    return text % {"count": count}


def _now_us() -> int:
    return int(time.time()) * SECOND_US
