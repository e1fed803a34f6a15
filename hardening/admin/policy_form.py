"""The form of a policy: what each field means in plain words, and what is refused.

Refused is what would lock its editor out with his own next request, a role that does not exist,
and a strength that nobody can reach.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import roles
from hardening.audit import NOWHERE, Where
from hardening.conf import MIN_ABSOLUTE_SECONDS
from hardening.core.values import RECHECK_DAYS_PRIVILEGED, Strength
from hardening.flows import policy as flow
from hardening.models import RolePolicy
from hardening.models.policy import MAX_GRACE_DAYS, MAX_REMEMBERED_DAYS, Mode
from hardening.moments import unix
from hardening.policies import DAY_SECONDS

if TYPE_CHECKING:
    from datetime import datetime

EARLIEST_START = 946_684_800  # 2000-01-01 UTC, in Unix seconds
MAX_START_DAYS = 3653  # ten years
MIN_STEP_UP_SECONDS = 60  # own
MIN_IDLE_SECONDS = 5 * 60  # own

# What stands under which heading, in the admin.
FIELDSETS: Any = (
    (None, {"fields": ("role", "mode", "strength", "note")}),
    (
        gettext_lazy("From when"),
        {"fields": ("starts_at", "grace_days", "new_account_days")},
    ),
    (
        gettext_lazy("How members sign in and stay signed in"),
        {
            "fields": (
                *("first_enrolment", "step_up_seconds"),
                *("idle_seconds", "absolute_seconds", "parallel_sessions", "remembered_days"),
            )
        },
    ),
    (gettext_lazy("Passwords"), {"fields": ("breached_passwords", "recheck_days")}),
)

OBJECTIONS = {
    flow.Objection.LOCKS_EDITOR_OUT: gettext_lazy(
        "This policy covers you, and you do not meet it yet. Set up a second factor that does, "
        "then save it."
    ),
    flow.Objection.LEAVES_NOBODY: gettext_lazy(
        "Afterwards no superuser could go on without help, and there is no break-glass code. Let "
        "a superuser set up a second factor that meets it, or make codes with "
        "hardening_breakglass, then save it."
    ),
}


class NamedSplitDateTime(AdminSplitDateTime):
    """Django's two fields of a moment, with names that a screen reader can say."""

    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs)
        for widget, name in zip(
            self.widgets, (gettext_lazy("Date"), gettext_lazy("Time")), strict=True
        ):
            widget.attrs["aria-label"] = name


class RoleInput(forms.TextInput):
    """A text field that suggests the roles there are; permissions and groups can be typed."""

    template_name = "hardening/admin/role_input.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Add the suggestions."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        groups = [
            (f"{roles.GROUP_PREFIX}{g.name}", _("Group %(name)s") % {"name": g.name})
            for g in Group.objects.order_by("name")
        ]
        context["suggestions"] = [*roles.choices(), *groups]
        context["widget"]["attrs"]["list"] = f"{context['widget']['attrs'].get('id')}_roles"
        return context


class RolePolicyForm(forms.ModelForm):
    """Checks that the role exists, that a factor reaches the strength, and the editor's branch."""

    editor: Any = None
    where: Where = NOWHERE

    class Meta:
        model = RolePolicy
        fields = (
            "role",
            "mode",
            "strength",
            "starts_at",
            "grace_days",
            "new_account_days",
            "first_enrolment",
            "step_up_seconds",
            "idle_seconds",
            "absolute_seconds",
            "parallel_sessions",
            "remembered_days",
            "breached_passwords",
            "recheck_days",
            "note",
        )
        widgets = {
            "role": RoleInput(attrs={"class": "vTextField"}),
            "starts_at": NamedSplitDateTime,
            "note": forms.Textarea(attrs={"rows": 3, "cols": 60}),
        }
        help_texts = {
            "role": gettext_lazy(
                "Who is asked: choose from the list, such as “staff” or “group:NAME”; "
                "“perm:APP.CODENAME” is whoever has a permission. Several policies on one person "
                "merge; the strictest wins."
            ),
            "mode": gettext_lazy(
                "“Report only” shows what would happen and stops nobody. “Enforce” stops whoever "
                "does not comply. Either way you see what will happen before it is saved."
            ),
            "starts_at": gettext_lazy("The days of grace count from here, for everybody alike."),
            "grace_days": gettext_lazy(
                "Until then people are reminded; afterwards they are stopped."
            ),
            "new_account_days": gettext_lazy(
                "An account made later has at least so many days, counted from its creation. "
                "0: none. Nothing else gives an old account more time."
            ),
            "step_up_seconds": gettext_lazy(
                "In seconds; 300 is 5 minutes. Empty: as the settings say; a policy can only ask "
                "for less."
            ),
            "idle_seconds": gettext_lazy(
                "In seconds without a request; 1800 is half an hour, 86400 a day. Empty: no limit "
                "by this policy."
            ),
            "absolute_seconds": gettext_lazy(
                "In seconds from the sign-in, however busy somebody is; 43200 is half a day, "
                "604800 a week. Open sessions that are older end at once. Empty: no limit by this "
                "policy."
            ),
            "parallel_sessions": gettext_lazy(
                "In how many browsers a member may be signed in at the same time; with one more, "
                "the one not used for the longest time is signed out. Empty: no limit by this "
                "policy."
            ),
            "remembered_days": format_lazy(
                gettext_lazy(
                    "For how many days the second factor is not asked for again in a browser that "
                    "a member has told to remember. 0: it is always asked for; at most {days}. "
                    "Where policies differ, the shortest holds."
                ),
                days=MAX_REMEMBERED_DAYS,
            ),
            "first_enrolment": gettext_lazy(
                "What members without a factor must prove, beside the password, to set one up."
            ),
            "breached_passwords": gettext_lazy(
                "What happens at sign-in to members whose password is in a list leaked from other "
                "websites. A policy can only do more than the site does for everybody; a policy "
                "in the mode “Report only” counts and does no more."
            ),
            "recheck_days": format_lazy(
                gettext_lazy(
                    "How long a password that was in no list counts as such. Empty: {days} days; "
                    "where policies differ, the shortest holds."
                ),
                days=RECHECK_DAYS_PRIVILEGED,
            ),
            "note": gettext_lazy("For whoever reads this later: why, and who asked for it."),
        }

    def clean_role(self) -> str:
        """Refuse a role that does not exist; it would count as everybody."""
        key = str(self.cleaned_data["role"]).strip()
        if roles.find(key) is None:
            raise ValidationError(
                _("There is no role “%(key)s”. A typing error would cover everybody."),
                code="unknown_role",
                params={"key": key},
            )
        return key

    def clean_grace_days(self) -> int:
        """Keep grace within a year."""
        days = int(self.cleaned_data["grace_days"])
        if days > MAX_GRACE_DAYS:
            raise ValidationError(
                _("At most %(days)s days."), code="too_long", params={"days": MAX_GRACE_DAYS}
            )
        return days

    def clean_starts_at(self) -> datetime:
        """Refuse a start whose deadline no calendar holds: every page that names it would fail."""
        start: datetime = self.cleaned_data["starts_at"]
        latest = int(time.time()) + MAX_START_DAYS * DAY_SECONDS
        if not EARLIEST_START <= unix(start) <= latest:
            raise ValidationError(_("From the year 2000 to ten years ahead."), code="out_of_range")
        return start

    def clean_step_up_seconds(self) -> int | None:
        """Refuse what leaves no time to fill in a form: nobody could take the policy back."""
        return _at_least(MIN_STEP_UP_SECONDS, self.cleaned_data["step_up_seconds"])

    def clean_idle_seconds(self) -> int | None:
        """Refuse what ends a session while its owner reads a page."""
        return _at_least(MIN_IDLE_SECONDS, self.cleaned_data["idle_seconds"])

    def clean_absolute_seconds(self) -> int | None:
        """Refuse what ends a session before anybody has proven a factor, read and saved."""
        return _at_least(MIN_ABSOLUTE_SECONDS, self.cleaned_data["absolute_seconds"])

    def clean_strength(self) -> str:
        """Refuse a strength that no installed kind of factor reaches, but where it asks no more."""
        slug = str(self.cleaned_data["strength"])
        is_off = self.cleaned_data.get("mode") == Mode.OFF
        if not is_off and Strength.from_slug(slug) not in flow.strengths():
            raise ValidationError(
                _("No kind of factor on this site reaches that; nobody could comply."),
                code="unreachable",
            )
        return slug

    def clean(self) -> dict[str, Any]:
        """Refuse limits that contradict each other, and what would lock the editor out."""
        cleaned: dict[str, Any] = super().clean() or {}
        idle, longest = cleaned.get("idle_seconds"), cleaned.get("absolute_seconds")
        if idle and longest and idle > longest:
            self.add_error(
                "idle_seconds",
                ValidationError(
                    _("Longer than a session lasts at all; it would never act."), code="never_acts"
                ),
            )
        if self.errors or self.editor is None:
            return cleaned
        wanted = RolePolicy(pk=self.instance.pk, **{name: cleaned[name] for name in flow.WATCHED})
        now = int(time.time())
        why = flow.objection(wanted, self.editor, now=now)
        if why is not None:
            flow.refused(wanted, actor=self.editor, now=now, where=self.where, why=why)
            raise ValidationError(str(OBJECTIONS[why]), code=why.value)
        return cleaned


def _at_least(least: int, seconds: int | None) -> int | None:
    if seconds is not None and seconds < least:
        raise ValidationError(
            _("At least %(seconds)s seconds."), code="too_short", params={"seconds": least}
        )
    return seconds
