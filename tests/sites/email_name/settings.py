"""A site where the e-mail address is the name, and there is no user name."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.email_name"]
MIGRATION_MODULES = {"email_name": None}
AUTH_USER_MODEL = "email_name.Person"
ROOT_URLCONF = "tests.sites.user_models.urls"
