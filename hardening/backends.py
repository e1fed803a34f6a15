"""The authentication backend; it replaces ``ModelBackend`` at the head of the list.

It loads the user together with her facts, in one query, and tells a sign-in by password apart
from one that nobody vouches for. A frozen account is answered like a wrong password. Every try is
charged before anything is hashed (`hardening.flows.attempts`); one that is refused raises
``PermissionDenied``, so that no backend after this one hashes either, and is marked on the request
for the middleware, which answers 429, or 503 where every hash is busy.

The trap: with ``ModelBackend`` beside it, every wrong password is hashed twice and ``login()``
without a ``backend`` raises. A system check says so.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.views.decorators.debug import sensitive_variables

from hardening import attempted, browser_cookie, facts, host, origin
from hardening.core.hidden import Hidden
from hardening.core.throttle import SECOND_US
from hardening.facts import NotMigratedError
from hardening.flows import attempts, breached, notices
from hardening.flows.login import PASSWORD_MARK
from hardening.throttle.hashgate import BusyError, gate

if TYPE_CHECKING:
    from django.http import HttpRequest

RIGHT = "_hardening_right"  # on a user object: her password was right, and she may not sign in
NAME_FIELDS = ("email", "login")  # what packages call a name that is not the user name


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
            PermissionDenied: If the try is refused; Django then asks no other backend.
        """
        if password is None:
            return None
        if request is not None:
            # Another backend may be the one that finds it right (allauth by e-mail, LDAP).
            setattr(request, PASSWORD_MARK, True)
        name = kwargs.get(get_user_model().USERNAME_FIELD) if username is None else username
        if name is None:
            self._foreign(request, kwargs, password)
            return None
        try:
            trial = self._started(request, str(name))
        except NotMigratedError:
            user = super().authenticate(request, username=name, password=password, **kwargs)
        else:
            user = self._judged(request, trial, password)
        if user is not None:
            setattr(user, PASSWORD_MARK, True)
        return user

    @sensitive_variables("credentials", "password", "given")
    def _foreign(
        self, request: HttpRequest | None, credentials: dict[str, Any], password: str
    ) -> None:
        """Charge a password for a name of another kind (an e-mail address), for others to judge.

        A backend after this one hashes it; what it guesses at is the same account.
        """
        # An organisation or a token may stand before it; what people sign in with comes first.
        fields = (get_user_model().get_email_field_name(), *NAME_FIELDS, *credentials)
        given = (credentials.get(field) for field in fields)
        name = next((one for one in given if one and isinstance(one, str)), None)
        if name is None:
            return
        try:
            trial = self._started(request, name)
        except NotMigratedError:
            return
        trial.typed = Hidden(password)
        attempted.note(request, trial)

    @staticmethod
    def _started(request: HttpRequest | None, name: str) -> attempts.Try:
        now_us = int(time.time() * SECOND_US)
        trial = attempts.start(
            name,
            address=origin.address(request) if request is not None else None,
            cookie=browser_cookie.read(request) if request is not None else None,
            now_us=now_us,
            where=origin.where(request),
            later=partial(attempted.later, request),
        )
        if not trial.admitted:
            attempted.refuse(request, attempted.Refusal(trial.outcome.retry_after))
            raise PermissionDenied
        return trial

    @sensitive_variables("password")
    def _judged(self, request: HttpRequest | None, trial: attempts.Try, password: str) -> Any:
        """Hash, and settle what is settled: a wrong password may yet be right for another."""
        before = None if trial.user is None else trial.user.password
        try:
            with gate(known=trial.known):
                user = self._checked(trial.user, password)
        except BusyError as busy:
            attempts.abandon(trial)
            attempted.refuse(request, attempted.Refusal(busy.retry_after, busy=True))
            raise PermissionDenied from None
        except BaseException:
            attempts.abandon(trial)
            raise
        attempted.note(request, trial)
        if user is None and hasattr(trial.user, RIGHT):
            now, where = int(time.time()), origin.where(request)
            # Behind the answer, which takes as long as to a wrong password.
            attempted.later(request, partial(notices.refused, trial.user, now=now, where=where))
        if user is not None:
            attempts.succeed(trial)
            now, where = int(time.time()), origin.where(request)
            trial.written = breached.at_sign_in(user, password, before=before, now=now, where=where)
        elif host.judges_alone():
            attempts.fail(trial)  # nobody need say so, nor can a fault on the way keep it back
        else:
            trial.typed = Hidden(password)
        return user

    @sensitive_variables("password")
    def _checked(self, user: Any, password: str) -> Any:
        if user is None:
            # As Django does: a name that nobody has takes as long as a wrong password.
            get_user_model()().set_password(password)
            return None
        if not user.check_password(password):
            return None
        if self.user_can_authenticate(user) and not facts.attached(user).who().frozen:
            return user
        setattr(user, RIGHT, True)
        return None

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
