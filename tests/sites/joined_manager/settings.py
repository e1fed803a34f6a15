"""A site whose default manager fetches each person's company along."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.joined_manager"]
MIGRATION_MODULES = {"joined_manager": None}
AUTH_USER_MODEL = "joined_manager.Person"
ROOT_URLCONF = "tests.sites.user_models.urls"
