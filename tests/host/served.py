"""The settings of a site that a real server serves to real requests, on a database file.

`tests/host/served_by.py` holds the applications. The children that import this
module get the path of the database by `HARDENING_TESTS_DATABASE`.
"""

from __future__ import annotations

from tests.mailers import mail_settings
from tests.settings import *  # noqa: F403 - a site differs from the smallest one by a few lines

ROOT_URLCONF = "tests.host.slow"
globals().update(mail_settings("tests.host.slow_mail.Backend"))
LOGGING = {"version": 1, "disable_existing_loggers": False}
SESSION_COOKIE_SECURE = False  # loopback, without TLS
