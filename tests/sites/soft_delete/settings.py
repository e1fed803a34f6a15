"""A site whose default manager hides the people that were deleted."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.soft_delete"]
MIGRATION_MODULES = {"soft_delete": None}
AUTH_USER_MODEL = "soft_delete.Person"
ROOT_URLCONF = "tests.sites.user_models.urls"
