"""For ``AUTH_PASSWORD_VALIDATORS``: a new password is long enough, and in no leaked list.

Django asks them in its own forms, in ours, in the admin and in ``createsuperuser``; forms of the
host that call ``validate_password`` ask them too. There may be no user yet, or one that is not
saved; before ``migrate`` they work on what needs no table.

Source: NIST SP 800-63B-4 §3.1.1.2; OWASP ASVS 5.0 6.2.1, 6.2.9, 6.2.12. No composition rules, no
history, no expiry: the same paragraph forbids them.

The trap: Django validates only where it is asked to. A password set by code is looked up when it
is next used; `BreachedPasswordValidator.password_changed` makes sure that it is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from hardening import facts
from hardening.conf import conf
from hardening.core import evidence
from hardening.facts import FactsError, NotMigratedError
from hardening.flows import breached

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

MIN_LENGTH = 15  # NIST SP 800-63B-4 §3.1.1.2, a password that stands alone
MIN_LENGTH_WITH_FACTOR = 8  # the same, a password that a second factor always follows
MAX_LENGTH = 4096  # against abuse only; the same wants at least 64 to be allowed


class BreachedPasswordValidator:
    """Refuses passwords that are known from breaches; sources that cannot be asked refuse none."""

    @sensitive_variables("password")
    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Look the password up.

        Raises:
            ValidationError: If it is known; code ``password_breached``. How often is not said.
        """
        if breached.refuse(password, user, now=int(time.time())):
            raise ValidationError(self.get_error_message(), code="password_breached")

    def get_error_message(self) -> str:
        """Return what is said of a password that is known."""
        return _(
            "This password is in a list leaked from other websites, so attackers try it first. "
            "Please choose a different one."
        )

    def get_help_text(self) -> str:
        """Return the rule, for the page that asks for a new password."""
        return _("Your password can’t be one that was leaked from another website.")

    @sensitive_variables("password")
    def password_changed(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Erase what was found of the password before. Django calls this once a new one is saved.

        Also for passwords that no validator has seen.
        """
        del password
        if _is_saved(user):
            breached.password_changed(user)


class PasswordLengthValidator:
    """Counts characters: 15, or 8 where a second factor always follows the password.

    That is where a policy that is due asks its owner for a factor, and she has set one up; not
    while the kill switch is on. Whatever is not known for certain means the greater length.
    """

    def __init__(
        self,
        min_length: int = MIN_LENGTH,
        min_length_with_factor: int = MIN_LENGTH_WITH_FACTOR,
        max_length: int = MAX_LENGTH,
    ) -> None:
        """Take lengths in Unicode code points.

        Args:
            min_length: Of a password that may stand alone.
            min_length_with_factor: Of one that never does.
            max_length: Against abuse only.
        """
        self.min_length = min_length
        self.min_length_with_factor = min(min_length_with_factor, min_length)
        self.max_length = max_length

    @sensitive_variables("password")
    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Count its characters, as they came.

        Raises:
            ValidationError: ``password_too_short`` or ``password_too_long``, with the number.
        """
        length = len(password)
        if length > self.max_length:
            raise ValidationError(
                _most(self.max_length),
                code="password_too_long",
                params={"max_length": self.max_length},
            )
        if length >= self.min_length:
            return
        least = self._least(user)
        if length < least:
            raise ValidationError(
                _least(least), code="password_too_short", params={"min_length": least}
            )

    def get_help_text(self) -> str:
        """Return the rule; the page may be for anybody, so both lengths are said."""
        if self.min_length_with_factor == self.min_length:
            return _("Your password must contain at least %(min_length)d characters.") % {
                "min_length": self.min_length
            }
        return _(
            "Your password must contain at least %(min_length)d characters, or %(less)d if the "
            "site requires a second factor of you and you have set one up."
        ) % {"min_length": self.min_length, "less": self.min_length_with_factor}

    def _least(self, user: AbstractBaseUser | None) -> int:
        followed = _always_followed_by_a_factor(user, now=int(time.time()))
        return self.min_length_with_factor if followed else self.min_length


def _least(length: int) -> str:
    return ngettext(
        "This password is too short. It must contain at least %(min_length)d character.",
        "This password is too short. It must contain at least %(min_length)d characters.",
        length,
    )


def _most(length: int) -> str:
    return ngettext(
        "This password is too long. It can contain at most %(max_length)d character.",
        "This password is too long. It can contain at most %(max_length)d characters.",
        length,
    )


def _is_saved(user: Any) -> bool:
    """Whether this is a user of the site; a form may hand in another object, of equal key."""
    return isinstance(user, get_user_model()) and user.pk is not None


def _always_followed_by_a_factor(user: Any, *, now: int) -> bool:
    if not _is_saved(user) or not conf().ENFORCE:
        return False
    try:
        who = facts.fresh(user).who()
    except (FactsError, NotMigratedError, ValueError):  # what is stored may make no sense
        return False
    demanded = any(demand.due <= now for demand in who.requirement.demands)
    return demanded and evidence.strongest(who) >= evidence.required_strength(who, now)
