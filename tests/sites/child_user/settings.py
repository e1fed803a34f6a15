"""A site whose user model inherits from another table: its key is a one-to-one field."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.child_user"]
MIGRATION_MODULES = {"child_user": None}
AUTH_USER_MODEL = "child_user.Staffer"
ROOT_URLCONF = "tests.sites.user_models.urls"
