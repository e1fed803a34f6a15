"""A site whose people have a UUID for a key, in a column of another name."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.uuid_key"]
MIGRATION_MODULES = {"uuid_key": None}
AUTH_USER_MODEL = "uuid_key.Person"
ROOT_URLCONF = "tests.sites.user_models.urls"
