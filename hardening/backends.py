"""The authentication backend; it replaces ``ModelBackend`` at the head of the list.

It loads the user together with her facts, in one query, and tells a sign-in by password apart
from one that nobody vouches for. A frozen account is answered like a wrong password.

The trap: with ``ModelBackend`` beside it, every wrong password is hashed twice and ``login()``
without a ``backend`` raises. A system check says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.views.decorators.debug import sensitive_variables

from hardening import facts
from hardening.facts import NotMigratedError
from hardening.flows.login import PASSWORD_MARK

if TYPE_CHECKING:
    from django.http import HttpRequest


class HardeningBackend(ModelBackend):
    """Django's own backend, bringing the facts along."""

    @sensitive_variables("password", "kwargs")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the user if the password is right; calls without a password are not ours.

        Raises:
            FactsError: If nobody can tell whether the account is frozen.
        """
        if password is None:
            return None
        if request is not None:
            # Another backend may be the one that finds it right (allauth by e-mail, LDAP).
            setattr(request, PASSWORD_MARK, True)
        name = kwargs.get(get_user_model().USERNAME_FIELD) if username is None else username
        if name is None:
            return None
        try:
            user = facts.load_user_by_name(name)
        except NotMigratedError:
            user = super().authenticate(request, username=name, password=password, **kwargs)
        else:
            user = self._checked(user, password)
        if user is not None:
            setattr(user, PASSWORD_MARK, True)
        return user

    @sensitive_variables("password")
    def _checked(self, user: Any, password: str) -> Any:
        if user is None:
            # As Django does: a name that nobody has takes as long as a wrong password.
            get_user_model()().set_password(password)
            return None
        right = user.check_password(password) and self.user_can_authenticate(user)
        return user if right and not facts.attached(user).who().frozen else None

    @sensitive_variables("password", "kwargs")
    async def aauthenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Do the same from async code; there is one implementation."""

        # Arguments handed to `sync_to_async` stand in its frames, which an error report shows.
        @sensitive_variables()
        def attempt() -> Any:
            return self.authenticate(request, username=username, password=password, **kwargs)

        return await sync_to_async(attempt)()

    def get_user(self, user_id: Any) -> Any:
        """Return the user of a session with her facts attached, by one query.

        Raises:
            FactsError: If the facts cannot be read.
        """
        try:
            user = facts.load_user(user_id)
        except NotMigratedError:
            return super().get_user(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aget_user(self, user_id: Any) -> Any:
        """Do the same from async code; there is one implementation."""
        return await sync_to_async(self.get_user)(user_id)
