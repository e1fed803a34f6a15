"""Who asks the API, and what a request without a session comes to for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model

from hardening import testing
from hardening.factors import registry
from hardening.models import Account, RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment


@dataclass(frozen=True, slots=True)
class Person:
    """One row: an account, the policies that are in force, and the answer."""

    name: str
    status: int
    code: str = ""
    reason: str = ""
    fields: dict = field(default_factory=dict)
    hardening: dict = field(default_factory=dict)
    happens: Callable = lambda user: None

    def __str__(self) -> str:
        return self.name

    def appear(self, person, settings):
        """Return the user, with everything done that this row says."""
        settings.HARDENING = self.hardening
        user = person("robin", **self.fields).user
        self.happens(user)
        return get_user_model().objects.get(pk=user.pk)


def freeze(user) -> None:
    """Freeze the account; nothing of ours does that yet."""
    Account.objects.of(user.pk)
    Account.objects.filter(user_id=user.pk).update(frozen=True)


def must_change(user) -> None:
    """Ask for another password."""
    Account.objects.of(user.pk)
    Account.objects.filter(user_id=user.pk).update(must_change="operator")


def factor_spoilt(user) -> None:
    """Leave an authenticator that can be used no more: it still stands in the way."""
    row = testing.enrol(user)
    row.failures_known = row.failures_unknown = 100
    row.save()
    registry.rewrite(user.pk)


def report(user) -> None:
    """Have a policy that only reports."""
    RolePolicy.objects.create(role="staff", mode=Mode.REPORT, starts_at=moment(0), grace_days=0)


STAFF = {"is_staff": True}
NO_FLOOR = {"POLICIES": []}
IN_GRACE = {"POLICIES": [{"role": "staff", "due": "2099-12-31"}]}
SWITCHED_OFF = {"ENFORCE": False}

REFUSED = {
    "detail": "Incorrect authentication credentials.",
    "code": "login_required",
    "step": "/security/login/",
}

FAN = Person("fan", 200)
MANDATED = Person("mandated", 401, "mailbox_required", "policy_requires_factor", STAFF)
PEOPLE = (
    FAN,
    MANDATED,
    Person(
        "mandated, with a factor",
        401,
        "verification_required",
        "factor_not_proven",
        STAFF,
        happens=testing.enrol,
    ),
    Person(
        "of her own accord",
        401,
        "verification_required",
        "factor_not_proven",
        happens=testing.enrol,
    ),
    Person(
        "a factor that is spoilt",
        401,
        "verification_required",
        "no_usable_factor",
        happens=factor_spoilt,
    ),
    Person(
        "must change the password",
        403,
        "password_change_required",
        "password_change_required",
        happens=must_change,
    ),
    Person("in grace", 200, fields=STAFF, hardening=IN_GRACE),
    Person(
        "only reported",
        200,
        fields=STAFF,
        hardening=NO_FLOOR,
        happens=report,
    ),
    Person(
        "kill switch",
        200,
        fields=STAFF,
        hardening=SWITCHED_OFF,
        happens=testing.enrol,
    ),
    Person("frozen", 401, "login_required", happens=freeze),
    Person("frozen, kill switch", 401, "login_required", hardening=SWITCHED_OFF, happens=freeze),
    Person("inactive", 401, "login_required", fields={"is_active": False}),
)
