"""The site of the doors: one login page is not enough here, it has all of them at once.

Policies are rows and not a floor, so that the same staff member can be mandated, in grace or only
reported about (`people_table`).
"""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - a kind of site is the smallest site and a difference
from tests.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework",
    "rest_framework.authtoken",
    "allauth",
    "allauth.account",
    "hijack",
]

# allauth's own pages ask that its middleware comes after Django's; hijack's reads the user.
MIDDLEWARE = [
    *MIDDLEWARE,
    "allauth.account.middleware.AccountMiddleware",
    "hijack.middleware.HijackUserMiddleware",
]

AUTHENTICATION_BACKENDS = [
    "hardening.backends.HardeningBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "django.contrib.auth.backends.RemoteUserBackend",
    "tests.sites.doors.backends.ClaimsBackend",
]

ROOT_URLCONF = "tests.sites.doors.urls"
HARDENING = {"POLICIES": []}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["hardening.contrib.drf.SessionAuthentication"],
}
