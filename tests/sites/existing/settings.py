"""The running site *before*: plain Django, with a login page, a backend and habits of its own.

What the how-to adds is appended to it by the tests, release by release, and run in processes of
their own on the data in ``SHOP_DATA``. The package ``shop`` is found there by its own name.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.mailers import mail_settings
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES, database

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SHOP_DATA", ""))
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "hardening"]
MIDDLEWARE = [path for path in MIDDLEWARE if not path.startswith("hardening.")]
MIDDLEWARE[MIDDLEWARE.index(AUTHENTICATION) + 1 :] = [
    "django.contrib.messages.middleware.MessageMiddleware",
    "shop.middleware.VerifiedMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "shop.backends.EmailBackend",
]
AUTH_PASSWORD_VALIDATORS = []
TEMPLATES = [{**TEMPLATES[0], "DIRS": [HERE / "shop" / "templates"]}]
DATABASES = {"default": database(str(DATA / "db.sqlite3"))}
globals().update(mail_settings("shop.mail.Files", file_path=DATA / "mails"))

ROOT_URLCONF = "shop.urls"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGGING = {
    "version": 1,
    "handlers": {
        # Opened by the first line: the tests themselves have no data folder, and write none.
        "file": {"class": "logging.FileHandler", "filename": DATA / "log", "delay": True}
    },
    "root": {"handlers": ["file"], "level": "WARNING"},
}
