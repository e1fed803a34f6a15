"""A site whose people have a handle and a password, and nothing else that Django knows of.

No permissions, no ``is_staff``, no ``is_active``, no e-mail address, so no admin either. The floor
names a role of the site's own (`roles.py`).
"""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *(app for app in INSTALLED_APPS if app != "django.contrib.admin"),
    "tests.sites.bare_user",
]
MIGRATION_MODULES = {"bare_user": None}
AUTH_USER_MODEL = "bare_user.Member"
ROOT_URLCONF = "tests.sites.bare_user.urls"
HARDENING = {"POLICIES": [{"role": "crew"}]}
