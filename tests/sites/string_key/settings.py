"""A site whose people have a text for a key, with signs in it that URLs give a meaning."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.string_key"]
MIGRATION_MODULES = {"string_key": None}
AUTH_USER_MODEL = "string_key.Person"
ROOT_URLCONF = "tests.sites.user_models.urls"
