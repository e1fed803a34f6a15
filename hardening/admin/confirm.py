"""Pages that say what a button will do, to whom, before it is pressed; and the days of forms."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from hardening import host
from hardening.moments import unix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

TEMPLATE = "hardening/admin/confirm.html"


def page(
    request: HttpRequest,
    model_admin: Any,
    *,
    title: str,
    says: Iterable[str],
    facts: Iterable[tuple[str, Any]],
    button: str = "",
    note: str = "",
) -> TemplateResponse:
    """Return a page with what will happen, and a button; without one it only says why not.

    Args:
        request: From whom.
        model_admin: Whose page it is.
        title: A question, or what the page is.
        says: Paragraphs.
        facts: Pairs of a label and a value.
        button: What is written on it; empty: there is none.
        note: The label of a text field beside it; empty: there is none.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "says": [one for one in says if one],
        "facts": [(label, value) for label, value in facts if value],
        "button": button,
        "note": note,
        "list_is_linked": True,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, TEMPLATE, context)


def to_list(model_admin: Any) -> HttpResponseRedirect:
    """Lead to the list."""
    return HttpResponseRedirect(url(model_admin, "changelist"))


def url(model_admin: Any, page_name: str, *args: Any) -> str:
    """Return the address of one of a model's pages, at the admin site at hand."""
    opts, site = model_admin.opts, model_admin.admin_site.name
    return reverse(f"{site}:{opts.app_label}_{opts.model_name}_{page_name}", args=args)


def end_of(day: date) -> int:
    """Return the Unix second at which a day is over, in the time zone of whoever chose it."""
    # The first and the last days of the calendar are beyond it in some time zones.
    day = min(max(day, date.min + timedelta(days=1)), date.max - timedelta(days=2))
    midnight = datetime.combine(day + timedelta(days=1), time())
    return unix(timezone.make_aware(midnight) if host.uses_time_zones() else midnight)
