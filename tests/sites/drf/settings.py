"""A site with an API on Django REST framework, guarded as docs/howto/drf.md says."""

from __future__ import annotations

from tests.howto import defined
from tests.settings import *  # noqa: F403 - a kind of site is the smallest site and a difference
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "tests.sites.drf",
]
MIGRATION_MODULES = {"drf": None}
ROOT_URLCONF = "tests.sites.drf.urls"
REST_FRAMEWORK = {
    **defined("drf", "Switch it on")["REST_FRAMEWORK"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {"user": "1/min"},
}
SPECTACULAR_SETTINGS = {"TITLE": "Records"}
