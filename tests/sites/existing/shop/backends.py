"""Ways to sign in that the site had before: by e-mail address, and not after five wrong tries."""

from __future__ import annotations

from collections import Counter

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied

WRONG_TRIES = 5
tries: Counter[str] = Counter()


class EmailBackend(ModelBackend):
    """The e-mail address in place of the name."""

    def authenticate(self, request, username=None, password=None, **kwargs):
        found = get_user_model().objects.filter(email=username).first()
        name = found.get_username() if found else username
        return super().authenticate(request, username=name, password=password, **kwargs)


class LockoutBackend(BaseBackend):
    """As lockout packages do it: the first of the list, it ends the matter for a name."""

    def authenticate(self, request, username=None, **kwargs):
        if tries[username] >= WRONG_TRIES:
            raise PermissionDenied


def count(*, credentials, **_kwargs):
    tries[credentials.get("username")] += 1


def start_anew(*, user, **_kwargs):
    del tries[user.get_username()]


user_login_failed.connect(count)
user_logged_in.connect(start_anew)
