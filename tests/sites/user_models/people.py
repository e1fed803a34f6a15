"""The people that the tests of a user model are about, as far as every kind has them.

A kind overrides `make` and `grant`, and says with the class attributes what it lacks. `fan` owes
nothing, `newcomer` owes a factor that she does not have, `member` has one.
"""

from __future__ import annotations

from io import StringIO
from typing import Any, ClassVar

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from hardening import testing
from tests.visitor import PASSWORD, Visitor

BURST_SECONDS = 300  # after which the codes' budget is full again


class People:
    """How one kind of user model makes its people."""

    has_mailbox: ClassVar[bool] = True
    role: ClassVar[str] = "staff"

    def make(self, name: str, **fields: Any) -> Any:
        """Return a new user whom no policy covers."""
        email = f"{name}@example.com"
        return get_user_model().objects.create_user(name, email, PASSWORD, **fields)

    def grant(self, user: Any) -> None:
        """Give a user the role that the floor covers."""
        user.is_staff = user.is_superuser = True
        user.save()

    def everybody(self) -> Any:
        """Return the manager that finds everybody."""
        return get_user_model()._base_manager

    @pytest.fixture
    def fan(self, clock, db):
        return Visitor(self.make("fan"))

    @pytest.fixture
    def newcomer(self, clock, db):
        return Visitor(self.mandated("newcomer"))

    @pytest.fixture
    def member(self, clock, db):
        return equipped(Visitor(self.mandated("member")))

    def mandated(self, name: str) -> Any:
        """Return a new user who owes a second factor."""
        user = self.make(name)
        self.grant(user)
        return user

    def first_step(self) -> str:
        """Return the URL name of the page that a first factor begins with."""
        return "hardening:mailbox" if self.has_mailbox else "hardening:ticket"

    def prove(self, visitor: Visitor) -> Any:
        """Prove the mailbox; where there is none, bring a ticket."""
        if self.has_mailbox:
            return visitor.prove_mailbox()
        return visitor.use_ticket(said("hardening_ticket", visitor.user.get_username()))


def equipped(visitor: Visitor) -> Visitor:
    """Give a visitor an authenticator and recovery codes."""
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    visitor.codes = list(testing.recovery_codes(visitor.user))
    return visitor


def said(command: str, *args: str, **options: Any) -> str:
    """Run a management command and return what it printed."""
    out = StringIO()
    call_command(command, *args, stdout=out, stderr=StringIO(), **options)
    return out.getvalue().strip()
