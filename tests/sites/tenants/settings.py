"""A site of several tenants: the host name says which, and the default manager shows no other.

A name is somebody's within a tenant only. The session cookie is sent to all of them.
"""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.tenants"]
MIDDLEWARE = ["tests.sites.tenants.current.TenantMiddleware", *MIDDLEWARE]
MIGRATION_MODULES = {"tenants": None}
AUTH_USER_MODEL = "tenants.Person"
ROOT_URLCONF = "tests.sites.user_models.urls"
ALLOWED_HOSTS = ["testserver", "south.test"]
# The manager makes a name unique: within its tenant.
SILENCED_SYSTEM_CHECKS = ["auth.W004", "hardening.E012"]
