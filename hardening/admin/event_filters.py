"""Which events the page shows: what is chosen in its form, as a condition of one query.

The vocabulary is closed, so a subject or an outcome is a list of names, which an index answers.
Text is compared whole: nothing here reads a million rows for a part of a word.

The trap: what makes no sense counts as not chosen, so a bookmark with a typo shows more, not less.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth import get_user_model
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hardening.audit import Event, pk_of
from hardening.models import SecurityEvent
from hardening.moments import moment
from hardening.policies import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

TEXT_LENGTH = 150
STOPPED = "would_be_stopped"
COMPLETED, FAILED, REFUSED, CHALLENGED = "completed", "failed", "refused", "challenged"
SERIES: dict[str, tuple[Event, ...]] = {
    COMPLETED: (Event.LOGIN_COMPLETED,),
    FAILED: (Event.LOGIN_FAILURES, Event.PROOF_REFUSED),
    REFUSED: (
        *(Event.LOGIN_THROTTLED, Event.LOGIN_ENDED, Event.REQUEST_REFUSED),
        Event.PROOF_THROTTLED,
    ),
    CHALLENGED: (Event.LOGIN_PARKED, Event.SESSION_PARKED),
    STOPPED: (Event.LOGIN_COMPLETED,),
}
TITLES = {
    COMPLETED: _("Sign-ins completed"),
    FAILED: _("Wrong passwords and codes"),
    REFUSED: _("Refused"),
    CHALLENGED: _("Asked for more"),
    STOPPED: _("Would be stopped"),
}
DAY, WEEK, MONTH, QUARTER = "1", "7", "30", "90"
PERIODS = {
    DAY: _("The last 24 hours"),
    WEEK: _("The last 7 days"),
    MONTH: _("The last 30 days"),
    QUARTER: _("The last 90 days"),
}
ALL = ("", _("All"))
# A day before or after these, in some time zone, is none that a datetime has.
IN_RANGE = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9000, 1, 1))]


def _parts(place: int) -> list[tuple[str, str]]:
    """Return the subjects, or outcomes, of the vocabulary as choices."""
    words = sorted({event.value.split(":")[place] for event in Event})
    return [(word, word.replace("_", " ")) for word in words]


class Chosen(forms.Form):
    """What was chosen."""

    period = forms.ChoiceField(label=_("Period"), required=False, choices=[*PERIODS.items()])
    since = forms.DateField(
        label=_("From"),
        required=False,
        validators=IN_RANGE,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=_("To"),
        required=False,
        validators=IN_RANGE,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    series = forms.ChoiceField(
        label=_("Plot"), required=False, choices=[ALL, *((k, TITLES[k]) for k in SERIES)]
    )
    subject = forms.ChoiceField(label=_("About"), required=False, choices=[ALL, *_parts(0)])
    outcome = forms.ChoiceField(label=_("Outcome"), required=False, choices=[ALL, *_parts(2)])
    account = forms.CharField(label=_("Account"), required=False, max_length=TEXT_LENGTH)
    actor = forms.CharField(label=_("Done by"), required=False, max_length=TEXT_LENGTH)
    address = forms.CharField(label=_("Address"), required=False, max_length=TEXT_LENGTH)
    request = forms.CharField(label=_("Request"), required=False, max_length=TEXT_LENGTH)

    def __init__(self, data: Any) -> None:
        values = {name: data.get(name, "") for name in self.base_fields}
        values["period"] = values["period"] if values["period"] in PERIODS else WEEK
        super().__init__(values)
        self.full_clean()
        self.picked: dict[str, Any] = {
            name: self.cleaned_data.get(name) or "" for name in self.fields
        }

    @property
    def days(self) -> int:
        """How many days the plots show."""
        return int(self.picked["period"])

    @property
    def address_of_list(self) -> str:
        """What is chosen, for the end of an address."""
        return urlencode({name: value for name, value in self.picked.items() if value})

    def rows(self, *, now: int) -> QuerySet[SecurityEvent]:
        """Return the events, without an order. `now`: Unix seconds."""
        rows = SecurityEvent.objects.order_by().filter(self._when(now))
        names = self._names()
        if names is not None:
            rows = rows.filter(event__in=sorted(names))
        if self.picked["series"] == STOPPED:
            rows = rows.filter(data__has_key=STOPPED)
        for field, column in (("account", "target"), ("actor", "actor")):
            if self.picked[field]:
                rows = rows.filter(_of_person(column, self.picked[field].strip()))
        for field, column in (("address", "address"), ("request", "request_id")):
            if self.picked[field]:
                rows = rows.filter(**{column: self.picked[field].strip()})
        return rows

    def _when(self, now: int) -> Q:
        since, until = self.picked["since"], self.picked["until"]
        if not since and not until:
            return Q(at__gte=moment(now - self.days * DAY_SECONDS))
        found = Q()
        if since:
            found &= Q(at__gte=_midnight(since))
        if until:
            found &= Q(at__lt=_midnight(until + timedelta(days=1)))
        return found

    def _names(self) -> set[str] | None:
        subject, outcome = self.picked["subject"], self.picked["outcome"]
        series = self.picked["series"]
        if not (subject or outcome or series):
            return None
        wanted: Iterable[Event] = SERIES[series] if series else Event
        return {
            event.value
            for event in wanted
            if subject in ("", event.value.split(":")[0])
            if outcome in ("", event.value.split(":")[2])
        }


def _midnight(day: Any) -> datetime:
    """Return the beginning of a day, in UTC like everything that the page draws."""
    return moment(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))


def _of_person(column: str, text: str) -> Q:
    """Return the condition for a key or a name; of a name that somebody has, her key answers too.

    By the name that an account has now, so that a renamed one is found whole.
    """
    model: Any = get_user_model()
    found = Q(**{f"{column}_pk": text}) | Q(**{f"{column}_name": text})
    for user in model._base_manager.filter(**{model.USERNAME_FIELD: text})[:1]:  # noqa: SLF001
        found |= Q(**{f"{column}_pk": pk_of(user)})
    return found
