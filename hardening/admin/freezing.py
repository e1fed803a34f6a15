"""Freezing accounts and thawing them, from a list of users or from one person's page.

Both ask once more and want a reason; a fresh proof is asked for before that. The column and the
filter "Frozen" are for whoever may freeze.

The trap: the last superuser's account is not frozen by anybody, or nobody could thaw it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hardening import origin
from hardening.access import admin_requires
from hardening.admin import confirm
from hardening.flows import freezing
from hardening.flows.freezing import FREEZE, Came

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from hardening.audit import Where

FROZEN = "hardening_frozen"  # an annotation of listed users
YES, NO = "yes", "no"
MAX_LISTED = 20  # names on the page
MAX_AT_ONCE = 100  # each is a transaction, an event and a mail


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Why (kept in the log, not mailed)"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )


@dataclass(frozen=True, slots=True)
class _Deed:
    """One of the two: its action, the words of its page, and what does it to one person."""

    action: str
    question: Any
    says: Any
    button: Any
    one: Callable[..., bool | None]  # None: it was refused


def _freeze(user: Any, actor: Any, reason: str, now: int, where: Where) -> bool | None:
    came = freezing.freeze(user, actor=actor, reason=reason, now=now, where=where)
    return None if came is Came.LAST else came is Came.FROZEN


def _thaw(user: Any, actor: Any, reason: str, now: int, where: Where) -> bool | None:
    return freezing.thaw(user, actor=actor, reason=reason, now=now, where=where)


DEEDS = {
    "freeze": _Deed(
        "freeze_accounts",
        gettext_lazy("Freeze?"),
        gettext_lazy(
            "Whoever is signed in is signed out with the next request, and nobody can sign in: a "
            "right password is answered like a wrong one. The person is told by mail who did this."
        ),
        gettext_lazy("Freeze"),
        _freeze,
    ),
    "thaw": _Deed(
        "thaw_accounts",
        gettext_lazy("Thaw?"),
        gettext_lazy(
            "Make sure of the person by a way that a thief of the mailbox does not have. Look at "
            "the events, the authenticators and the e-mail address first. The person can then sign "
            "in again, and is told by mail who did this; a new password that is demanded stays "
            "demanded."
        ),
        gettext_lazy("Thaw"),
        _thaw,
    ),
}


class FrozenFilter(admin.SimpleListFilter):
    """By whether the account is frozen; the mixin offers it to whoever may freeze."""

    title = gettext_lazy("frozen")
    parameter_name = "frozen"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both."""
        return [(YES, gettext_lazy("Yes")), (NO, gettext_lazy("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep those that are, or those that are not."""
        held = freezing.frozen().values("user_id")
        if self.value() == YES:
            return queryset.filter(pk__in=held)
        return queryset.exclude(pk__in=held) if self.value() == NO else queryset


@admin.action(description=gettext_lazy("Freeze the account"))
@admin_requires()
def freeze_accounts(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Ask once more, then freeze the chosen accounts."""
    return _by_action(modeladmin, request, queryset, DEEDS["freeze"])


@admin.action(description=gettext_lazy("Thaw the account"))
@admin_requires()
def thaw_accounts(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Ask once more, then thaw the chosen accounts."""
    return _by_action(modeladmin, request, queryset, DEEDS["thaw"])


class FreezeMixin:
    """For a ``UserAdmin``: the column, the filter, and the pages for one person."""

    def get_urls(self) -> list[Any]:
        """Add them."""
        opts = self.opts  # type: ignore[attr-defined]
        view = self.admin_site.admin_view(self.freeze_view)  # type: ignore[attr-defined]
        pages = [
            path(
                f"<id>/{name}/",
                view,
                {"name": name},
                name=f"{opts.app_label}_{opts.model_name}_{name}",
            )
            for name in DEEDS
        ]
        return [*pages, *super().get_urls()]  # type: ignore[misc]

    @admin_requires()
    def freeze_view(self, request: HttpRequest, id: str, name: str) -> HttpResponse:  # noqa: A002 - as Django's
        """Ask once more, then freeze or thaw one person's account."""
        if not (may_freeze(request) and self.has_view_permission(request)):  # type: ignore[attr-defined]
            raise PermissionDenied
        user = self.get_object(request, unquote(id))  # type: ignore[attr-defined]
        if user is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return _asked(self, request, DEEDS[name], [user], form, [])
        _do(self, request, DEEDS[name], [user], form)
        return HttpResponseRedirect(confirm.url(self, "change", id))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Bring along whether each is frozen, in the same query, for whoever may freeze."""
        users: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        if not may_freeze(request):
            return users
        held = freezing.frozen().filter(user_id=OuterRef("pk"))
        return users.annotate(**{FROZEN: Exists(held)})  # type: ignore[no-any-return]

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Add the column."""
        columns: tuple[Any, ...] = (*super().get_list_display(request),)  # type: ignore[misc]
        return (*columns, "frozen") if may_freeze(request) else columns

    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:
        """Add the filter."""
        filters: tuple[Any, ...] = (*super().get_list_filter(request),)  # type: ignore[misc]
        return (*filters, FrozenFilter) if may_freeze(request) else filters

    @admin.display(description=gettext_lazy("Frozen"))
    def frozen(self, user: Any) -> str | None:
        """Return "Frozen", or nothing; a picture of a cross would say the opposite."""
        return _("Frozen") if getattr(user, FROZEN, False) else None


def may_freeze(request: HttpRequest) -> bool:
    """Whether this operator may freeze accounts, thaw them, and know which are frozen."""
    return bool(request.user.has_perm(FREEZE))


def _by_action(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any], deed: _Deed
) -> HttpResponse | None:
    if not may_freeze(request):
        raise PermissionDenied
    people = list(queryset.order_by("pk")[: MAX_AT_ONCE + 1])
    if len(people) > MAX_AT_ONCE:
        said = _("At most %(most)s at once.") % {"most": MAX_AT_ONCE}
        modeladmin.message_user(request, said, messages.WARNING)
        return None
    form = ReasonForm(request.POST if request.POST.get("confirmed") else None)
    if not form.is_valid():
        hidden = [(ACTION_CHECKBOX_NAME, key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)]
        everywhere = request.POST.get("select_across", "0")
        hidden += [("action", deed.action), ("select_across", everywhere), ("confirmed", "yes")]
        return _asked(modeladmin, request, deed, people, form, hidden)
    _do(modeladmin, request, deed, people, form)
    return None


def _asked(
    modeladmin: Any,
    request: HttpRequest,
    deed: _Deed,
    people: list[Any],
    form: ReasonForm,
    hidden: list[tuple[str, str]],
) -> HttpResponse:
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": deed.question,
        "list_is_linked": True,
        "opts": modeladmin.opts,
        "says": deed.says,
        "button": deed.button,
        "people": [user.get_username() for user in people[:MAX_LISTED]],
        "more": max(0, len(people) - MAX_LISTED),
        "oneself": any(user.pk == request.user.pk for user in people),
        "form": form,
        "hidden": hidden,
    }
    request.current_app = modeladmin.admin_site.name
    return TemplateResponse(request, "hardening/admin/freeze_confirmation.html", context)


def _do(
    modeladmin: Any, request: HttpRequest, deed: _Deed, people: list[Any], form: ReasonForm
) -> None:
    reason, now = form.cleaned_data["reason"], int(time.time())
    where = origin.where(request)
    came = [deed.one(user, request.user, reason, now, where) for user in people]
    done = ngettext("%(count)s account: done.", "%(count)s accounts: done.", came.count(True))
    modeladmin.message_user(request, done % {"count": came.count(True)}, messages.SUCCESS)
    if None in came:
        said = _("The account of the last superuser was not frozen: nobody could thaw it.")
        modeladmin.message_user(request, said, messages.ERROR)
