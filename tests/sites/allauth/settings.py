"""The site that the how-to describes: its settings are those of the page.

What stands below them are choices of allauth's that a site may make or not; made here so that
each way in that allauth has is open.
"""

from __future__ import annotations

from tests import howto
from tests.settings import *  # noqa: F403 - a kind of site is the smallest site and a difference

globals().update(howto.defined("allauth", "Settings"))

ROOT_URLCONF = "tests.sites.allauth.urls"
HARDENING = {"POLICIES": []}

ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
