"""The site that the benchmark measures: the tests' smallest host, run as sites run theirs.

Connections stay open, templates are cached, SQLite is a file in WAL mode with the durability that
Django's documentation recommends for it. Which of the two sides answers, `tests.bench.sides` says.
"""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, TEMPLATES

ROOT_URLCONF = "tests.bench.site"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "page"
TEMPLATES = [{**TEMPLATES[0], "DIRS": [f"{os.path.dirname(__file__)}/templates"]}]  # noqa: PTH120

DATABASES["default"]["CONN_MAX_AGE"] = None
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

# Breached passwords are not checked, by the floor's policies either: what that costs is measured
# for itself (`tests.bench.breaches`), against this very site.
# Of a browser that is not known an owner hears once a day here, so that all but the first sign-in
# ask the same.
HARDENING = {
    "THROTTLE": {"mails": ["1/d"]},
    "BREACHED_PASSWORDS": "off",
    "BREACH_SOURCES": [],
    "POLICIES": [
        {"role": "staff", "breached_passwords": "off"},
        {"role": "superuser", "breached_passwords": "off"},
    ],
}
# Where rates are kept: in the database, or in the Redis that `tests.bench` has started.
if os.environ.get("HARDENING_BENCH_STORE"):
    HARDENING["THROTTLE_STORE"] = os.environ["HARDENING_BENCH_STORE"]

# Events are written to a log on a real site, so the guarded side pays for that too.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"nowhere": {"class": "logging.FileHandler", "filename": os.devnull}},
    "loggers": {"hardening.audit": {"handlers": ["nowhere"], "level": "INFO"}},
}
