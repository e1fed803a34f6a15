"""A site that keeps its people apart: users, sessions and our tables live in `accounts`.

Whoever reads, reads from a replica that has seen nothing yet: a table asked for there is missing.
Both databases that are written wrap each request in a transaction.
"""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed
from tests.settings import INSTALLED_APPS

MEMORY = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.two_databases"]
DATABASES = {
    "default": {**MEMORY, "ATOMIC_REQUESTS": True},
    "accounts": {**MEMORY, "ATOMIC_REQUESTS": True},
    "replica": {**MEMORY, "TEST": {"MIGRATE": False}},
}
DATABASE_ROUTERS = ["tests.sites.two_databases.routers.PeopleApart"]
