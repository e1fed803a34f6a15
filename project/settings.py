"""Settings of Backstage, the demo site.

The lines marked `hardening` are the whole integration; the rest is any Django site. Nothing here
needs the environment, but these variables are read: `PORT`, `BACKSTAGE_DATA` (the folder for all
that the site writes), `DATABASE_URL` (PostgreSQL instead of SQLite), `SECRET_KEY`,
`BACKSTAGE_BREACH_API=0`, which keeps the site from asking Pwned Passwords' range API (nothing then
leaves this machine; the corpus and the list that is always there are asked as ever), and
`BACKSTAGE_DEMO=0`, which takes away what only a demo may have: the mailbox page, the seeded
accounts, debug pages, cookies over plain http.
"""

from __future__ import annotations

import os
from pathlib import Path

import django

from project.environment import data_folder, database, secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_folder(BASE_DIR)

DEMO = os.environ.get("BACKSTAGE_DEMO", "1") == "1"
DEBUG = DEMO
SECRET_KEY = secret_key(DATA_DIR)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "hardening",  # hardening
    "project.backstage",
]

MIDDLEWARE = [
    "project.backstage.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hardening.middleware.HardeningMiddleware",  # hardening: directly after authentication
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "project.backstage.context_processors.demo",
            ],
        },
    },
]

DATABASES = {"default": database(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "backstage.User"
AUTHENTICATION_BACKENDS = ["hardening.backends.HardeningBackend"]  # hardening
LOGIN_URL = "hardening:login"  # hardening
LOGIN_REDIRECT_URL = "backstage:my"
LOGOUT_REDIRECT_URL = "backstage:home"
PASSWORD_HASHERS = [
    "hardening.hashers.Argon2idHasher",  # hardening
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "hardening.validators.PasswordLengthValidator"},  # hardening
    {"NAME": "hardening.validators.BreachedPasswordValidator"},  # hardening
]

# Made by `seed_backstage` of the common passwords that Django brings along.
BREACH_CORPUS = DATA_DIR / "breached.corpus"
_HAS_CORPUS = BREACH_CORPUS.exists()
BREACH_API = os.environ.get("BACKSTAGE_BREACH_API", "1") == "1"

HARDENING = {
    "ISSUER": "Backstage",
    "BASE_TEMPLATE": "base.html",
    # Whoever signs in with a password that is known from a breach must choose another.
    "BREACHED_PASSWORDS": "enforce",
    "BREACH_SOURCES": [*(["corpus"] if _HAS_CORPUS else []), *(["api"] if BREACH_API else [])],
    "BREACH_CORPUS": BREACH_CORPUS if _HAS_CORPUS else None,
    # Nothing in the admin lowers these two. The policies for managers and editors of pages are
    # rows of the admin, which `seed_backstage` makes: people there can be given time.
    "POLICIES": [{"role": "staff"}, {"role": "superuser"}],
}
# W004 asks for managers and editors in the settings above, for a system check cannot see the rows.
# `hardening_status` does, and names a role that publishes while no policy in force covers it.
SILENCED_SYSTEM_CHECKS = ["hardening.W004"] if DEMO else []

# Browsers share cookies between the ports of one host: names of our own keep another site that is
# being developed on localhost from signing people out of this one.
SESSION_COOKIE_NAME = "backstage_session"
SESSION_COOKIE_SECURE = not DEMO
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "backstage_csrf"
CSRF_COOKIE_SECURE = not DEMO
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Read by the demo's own middleware. Django's admin works with exactly this: it has no inline
# script or style; "connect-src" is for the searchable select fields of its forms.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# Mail is written to files, which the page /mailbox/ shows: a newcomer needs no mail server.
MAIL_DIR = DATA_DIR / "mail"
_FILES = "django.core.mail.backends.filebased.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": _FILES, "OPTIONS": {"file_path": MAIL_DIR}}}
else:
    EMAIL_BACKEND = _FILES
    EMAIL_FILE_PATH = MAIL_DIR
DEFAULT_FROM_EMAIL = "Backstage <no-reply@backstage.example>"
# Told when attack mode begins and ends. Newer Djangos take the bare address.
_OPERATORS = "operators@backstage.example"
ADMINS = [_OPERATORS] if django.VERSION >= (6, 0) else [("Operators", _OPERATORS)]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
