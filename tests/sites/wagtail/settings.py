"""A site as Wagtail's own project template begins it, with the lines of the how-to."""

from __future__ import annotations

from tests import howto
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES

WAGTAIL = [
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
]
BEFORE = {
    "INSTALLED_APPS": [
        "tests.sites.wagtail.cms",
        *WAGTAIL,
        *(app for app in INSTALLED_APPS if app != "hardening"),
    ],
    "MIDDLEWARE": [
        *(path for path in MIDDLEWARE if not path.startswith("hardening.")),
        "wagtail.contrib.redirects.middleware.RedirectMiddleware",
    ],
}
SHOWN, _URLS = howto.blocks("wagtail", "Settings")
exec(SHOWN, globals().update(BEFORE) or globals())  # noqa: S102 - our own documentation

TEMPLATES = [{**TEMPLATES[0], "DIRS": []}]
ROOT_URLCONF = "tests.sites.wagtail.urls"
LOGIN_REDIRECT_URL = "/"
WAGTAIL_SITE_NAME = "Example Records"
WAGTAILADMIN_BASE_URL = "http://testserver"
INSTALLED_APPS += ["wagtail.api.v3"]
