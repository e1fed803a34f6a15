"""What every page of Django's admin shouts: the kill switch is on, an account is open.

A host brings its own admin templates, and one of ours would take their place or be taken over. So
nothing is replaced: on the way out a `TemplateResponse` of an `AdminSite` gets one message more,
in front of those that Django's own ``messages`` hold. It is never stored, so it stands on each page
as long as the alarm lasts and on none afterwards.

Only people who are signed in as staff read it: the admin's login page tells strangers nothing.

The trap: a page that a third-party admin renders by itself (``render()``) is no `TemplateResponse`
and stays silent; so does a template that shows no messages.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.messages import constants, get_messages
from django.contrib.messages.storage.base import Message
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _

from hardening.conf import conf
from hardening.core.values import NoteKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest

ADMIN = "admin"  # the application namespace of every `AdminSite`


class _Beside:
    """Messages of ours in front of those that are stored; those count as read only if shown."""

    def __init__(self, ours: list[Message], request: HttpRequest) -> None:
        self.ours = ours
        self.request = request

    def __iter__(self) -> Iterator[Message]:
        yield from self.ours
        yield from get_messages(self.request)

    def __len__(self) -> int:
        return len(self.ours) + len(get_messages(self.request))


def raise_on(request: HttpRequest, response: Any) -> Any:
    """Return the response, with our alarms among its messages if it is a page of an admin."""
    match = request.resolver_match
    if match is None or ADMIN not in match.app_names or not hasattr(response, "context_data"):
        return response
    ours = _alarms(request)
    if ours:
        context = response.context_data or {}
        response.context_data = {**context, "messages": _Beside(ours, request)}
    return response


def _alarms(request: HttpRequest) -> list[Message]:
    user = request.user
    if not (user.is_authenticated and getattr(user, "is_staff", False)):
        return []
    alarms = []
    if not conf().ENFORCE:
        text = _(
            "The kill switch is on: nobody is asked for a second factor, thieves included. Remove "
            "ENFORCE from the settings as soon as the emergency is over."
        )
        alarms.append(Message(constants.ERROR, text))
    until = break_glass_until(request)
    if until:
        alarms.append(Message(constants.WARNING, _break_glass(until)))
    return alarms


def break_glass_until(request: HttpRequest) -> int:
    """Return until when the account of this request is open by a break-glass code; 0: it is not."""
    decision = getattr(request, "hardening_decision", None)
    notes = decision.notes if decision else ()
    return next((note.value for note in notes if note.kind is NoteKind.BREAK_GLASS), 0)


def _break_glass(until: int) -> str:
    at = date_format(datetime.fromtimestamp(until, tz=get_current_timezone()), "TIME_FORMAT")
    text = _("Until %(time)s this account is open by a break-glass code.") % {"time": at}
    url = reverse("hardening:break_glass")
    return format_html('{} <a href="{}">{}</a>', text, url, _("Close it"))
