"""The measured site with very many people: an admin, and an app that a role is looked up in."""

from __future__ import annotations

from tests.bench.settings import *  # noqa: F403
from tests.bench.settings import INSTALLED_APPS, TEMPLATES
from tests.settings import HERE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.bench.crew"]
ROOT_URLCONF = "tests.host.office"
LOGIN_URL = "hardening:login"
LOGIN_REDIRECT_URL = "reads_user"
TEMPLATES = [{**TEMPLATES[0], "DIRS": [HERE / "host" / "templates"]}]
