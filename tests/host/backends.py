"""What a host makes of our backend and of Django's middleware."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.middleware import AuthenticationMiddleware

from hardening.backends import HardeningBackend


class Ours(HardeningBackend):
    """Ours, with something of the host's own."""


class Authentication(AuthenticationMiddleware):
    """Django's, with something of the host's own."""


class Directory(BaseBackend):
    """A directory of its own: one password for everybody, by user name or by e-mail address."""

    def authenticate(self, request, username=None, password=None, email=None):
        """Return whoever is named, if the password is the directory's."""
        if password != "of the directory":
            return None
        named = {"username": username} if username else {"email": email}
        return get_user_model().objects.filter(**named).first()

    def get_user(self, user_id):
        """Return the user of a session."""
        return get_user_model().objects.filter(pk=user_id).first()


class ByAddress(BaseBackend):
    """A backend that takes e-mail addresses for names, as many sites have written one."""

    def authenticate(self, request, username=None, password=None, **_credentials):
        """Return whoever has this address and this password."""
        people = get_user_model().objects.filter(email__iexact=username)
        return next((user for user in people if user.check_password(password)), None)

    def get_user(self, user_id):
        """Return the user of a session."""
        return get_user_model().objects.filter(pk=user_id).first()


class Down(BaseBackend):
    """A directory that does not answer."""

    def authenticate(self, request, username=None, password=None, **_credentials):
        """Fail."""
        raise ConnectionError
