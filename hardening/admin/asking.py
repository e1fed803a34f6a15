"""How an operator asks: the form, and the ways to it from a list of users."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminDateWidget
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening.admin import confirm, standing
from hardening.admin.answering import SORRY
from hardening.flows import requests as flow
from hardening.models import OperatorRequest
from hardening.policies import from_row

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


GRANT = "hardening.add_policywaiver"


class PolicyField(forms.ModelChoiceField):
    """A policy, chosen by the words that the other pages have for it."""

    def label_from_instance(self, obj: Any) -> str:
        """Return them."""
        return standing.label(from_row(obj))


class RequestForm(forms.ModelForm):
    """Checks by the flow what may be asked for; `asker` is whoever fills it in."""

    asker: Any = None
    last_day = forms.DateField(
        required=False,
        widget=AdminDateWidget,
        label=gettext_lazy("Exempt until the end of"),
        help_text=gettext_lazy("Of an exemption; at most 90 days from now."),
    )

    class Meta:
        model = OperatorRequest
        fields = ("deed", "target", "policy", "last_day", "reason", "evidence")
        field_classes = {"policy": PolicyField}
        help_texts = {
            "policy": gettext_lazy(
                "Of an exemption. Policies of the settings are not listed: nobody is exempt from "
                "them."
            ),
            "reason": gettext_lazy("Kept, and told to the person and to whoever may approve."),
            "evidence": gettext_lazy(
                "How you made sure who asks you, by a way that a thief of the mailbox does not "
                "have. Only operators see it."
            ),
        }

    def clean(self) -> dict[str, Any]:
        """Ask the flow what speaks against it."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        why = flow.objection_to_asking(
            cleaned["deed"],
            cleaned["target"],
            requester=self.asker,
            reason=cleaned["reason"],
            policy=cleaned["policy"],
            until=self.until(),
            now=int(time.time()),
        )
        if why is not None:
            raise ValidationError(SORRY[why], code=why.value)
        return cleaned

    def until(self) -> int | None:
        """Return the end of an exemption in Unix seconds."""
        day = self.cleaned_data.get("last_day")
        return None if day is None else confirm.end_of(day)


@admin.action(description=gettext_lazy("Ask another operator: reset, ticket or exemption"))
def ask_another_operator(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Lead to the form, for the one person who is chosen."""
    return to_form(modeladmin, request, queryset, "operatorrequest", "target")


@admin.action(description=gettext_lazy("Give more time with a policy"))
def give_more_time(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Lead to the form, for the one person who is chosen."""
    return to_form(modeladmin, request, queryset, "policywaiver", "user")


def to_form(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any], model: str, field: str
) -> HttpResponse | None:
    """Lead to a form that is filled in for one person; it asks for permission and a fresh proof."""
    chosen = list(queryset[:2])
    if len(chosen) != 1:
        modeladmin.message_user(request, _("Choose one person."), messages.WARNING)
        return None
    for site in (modeladmin.admin_site.name, "admin"):
        try:
            form = reverse(f"{site}:hardening_{model}_add")
        except NoReverseMatch:
            continue
        return HttpResponseRedirect(f"{form}?{urlencode({field: chosen[0].pk})}")
    modeladmin.message_user(request, _("No admin of this site has that form."), messages.ERROR)
    return None
