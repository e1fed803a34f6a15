"""Ending all sessions of the chosen people, from a list of users or from one person's page.

Both ask once more, and say what ends and for how many; a fresh proof is asked for before that. To
sign everybody out there is no button: that is ``manage.py hardening_revoke --everybody``.

The trap: the operator may be among them. The browser he sits at stays signed in; his others do not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hardening import browser_cookie, origin
from hardening.access import admin_requires
from hardening.admin import confirm
from hardening.flows import revoking
from hardening.flows.revoking import MAX_NAMED, Order

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

REVOKE = "hardening.revoke_sessions"
PAGE = "end_sessions"
MAX_LISTED = 20  # names on the page


class RevokeForm(forms.Form):
    """Why, and whether everybody is told."""

    reason = forms.CharField(
        label=gettext_lazy("Why (kept in the log, not mailed)"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    mail = forms.BooleanField(label=gettext_lazy("Tell each of them by mail"), required=False)


@admin.action(description=gettext_lazy("End all sessions"))
@admin_requires()
def end_sessions(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Ask once more, then sign the chosen people out of every browser."""
    if not request.POST.get("confirmed"):
        hidden = [(ACTION_CHECKBOX_NAME, key) for key in _selected(request)]
        everywhere = request.POST.get("select_across", "0")
        hidden += [("action", "end_sessions"), ("select_across", everywhere)]
        return _asked_again(modeladmin, request, queryset, hidden)
    _done(modeladmin, request, queryset)
    return None


class RevokeMixin:
    """For a ``UserAdmin``: the page that ends all sessions of one person."""

    def get_urls(self) -> list[Any]:
        """Add it."""
        opts = self.opts  # type: ignore[attr-defined]
        view = self.admin_site.admin_view(self.end_sessions_view)  # type: ignore[attr-defined]
        name = f"{opts.app_label}_{opts.model_name}_{PAGE}"
        return [path("<id>/end-sessions/", view, name=name), *super().get_urls()]  # type: ignore[misc]

    @admin_requires()
    def end_sessions_view(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - as Django's
        """Ask once more, then sign one person out of every browser."""
        if not (request.user.has_perm(REVOKE) and self.has_view_permission(request)):  # type: ignore[attr-defined]
            raise PermissionDenied
        user = self.get_object(request, unquote(id))  # type: ignore[attr-defined]
        if user is None:
            raise Http404
        chosen = revoking.everyone().filter(pk=user.pk)
        if request.method != "POST":
            return _asked_again(self, request, chosen, [])
        _done(self, request, chosen)
        return HttpResponseRedirect(confirm.url(self, "change", id))


def _selected(request: HttpRequest) -> list[str]:
    return request.POST.getlist(ACTION_CHECKBOX_NAME)


def _asked_again(
    modeladmin: Any,
    request: HttpRequest,
    chosen: QuerySet[Any],
    hidden: list[tuple[str, str]],
) -> HttpResponse:
    count = revoking.users(chosen, _order(request, dry_run=True))
    form = RevokeForm()
    if count <= MAX_NAMED:
        del form.fields["mail"]  # each is told anyway
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": _("End all sessions?"),
        "list_is_linked": True,
        "opts": modeladmin.opts,
        "count": count,
        "people": [user.get_username() for user in chosen.order_by("pk")[:MAX_LISTED]],
        "oneself": chosen.filter(pk=request.user.pk).exists(),
        "form": form,
        "told": count <= MAX_NAMED,
        "hidden": [*hidden, ("confirmed", "yes")],
    }
    request.current_app = modeladmin.admin_site.name
    return TemplateResponse(request, "hardening/admin/revoke_confirmation.html", context)


def _done(modeladmin: Any, request: HttpRequest, chosen: QuerySet[Any]) -> None:
    user: Any = request.user
    oneself = chosen.filter(pk=user.pk).exists()
    known = oneself and browser_cookie.is_proven(request, user, now=int(time.time()))
    count = revoking.users(chosen, _order(request))
    if oneself:
        revoking.keep(request.session, user)
        browser_cookie.remember_session(request, user, proven=known)
    said = ngettext(
        "%(count)s person was signed out of every browser.",
        "%(count)s people were signed out of every browser.",
        count,
    )
    modeladmin.message_user(request, said % {"count": count}, messages.SUCCESS)


def _order(request: HttpRequest, *, dry_run: bool = False) -> Order:
    form = RevokeForm(request.POST)
    form.is_valid()  # what is too long is cut off with the rest of what makes no sense
    given = form.cleaned_data
    return Order(
        int(time.time()),
        actor=request.user,
        why=given.get("reason", ""),
        mail=True if given.get("mail") else None,
        dry_run=dry_run,
        where=origin.where(request),
    )
