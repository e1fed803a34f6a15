"""The smallest site that uses `hardening`, for the tests to stand on.

Wired exactly as the documentation tells a host, with nothing of the demo in it. The database is
SQLite in memory, or what the harness names in `HARDENING_TESTS_DATABASE`: a file, or the address
of a PostgreSQL or a MariaDB (whose `?isolation_level=…` may name another level than Django's own).
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.mailers import mail_settings

HERE = Path(__file__).resolve().parent


def database(named: str) -> dict[str, object]:
    """Return Django's settings for the database that `named` stands for."""
    parts = urlsplit(named)
    if parts.scheme in {"postgresql", "mysql"}:
        return {
            "ENGINE": f"django.db.backends.{parts.scheme}",
            "NAME": parts.path.removeprefix("/"),
            "USER": parts.username,
            "HOST": parts.hostname,
            "PORT": parts.port,
            "OPTIONS": dict(parse_qsl(parts.query)),
        }
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": named or ":memory:"}
    if named:
        # Writers queue for the lock when they begin; readers wait for nobody.
        options = {"transaction_mode": "IMMEDIATE", "timeout": 20}
        options["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        sqlite |= {"OPTIONS": options, "TEST": {"NAME": named}}
    return sqlite


SECRET_KEY = "x7Rr0dVw-3mT9qLkZ5cB1nHy8sJfUe4GpXa2iOoDv6tKMb_test-only"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "hardening",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hardening.middleware.HardeningMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

AUTHENTICATION_BACKENDS = ["hardening.backends.HardeningBackend"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "hardening.validators.BreachedPasswordValidator"}]
ROOT_URLCONF = "tests.urls"
LOGIN_URL = "hardening:login"
LOGIN_REDIRECT_URL = "reads_user"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "host" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database(os.environ.get("HARDENING_TESTS_DATABASE", ""))}
# Tests post faster than people do, all from one address; what is about that switches it on.
RATELIMIT_ENABLE = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Nobody on the network is asked, by whatever process is started on these settings.
HARDENING = {"BREACH_SOURCES": []}

# Cheap on purpose: the hash is not the subject, except where a test says so and names its own.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

globals().update(mail_settings("django.core.mail.backends.locmem.EmailBackend"))
DEFAULT_FROM_EMAIL = "no-reply@example.com"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
