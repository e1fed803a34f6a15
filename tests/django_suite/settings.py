"""Settings for Django's ``runtests.py``: SQLite in memory, our runner, our backend, no policy.

``runtests.py`` sets the installed apps and the middleware itself; `runner` adds ours to them.
"""

from __future__ import annotations

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3"},
    "other": {"ENGINE": "django.db.backends.sqlite3"},
}
SECRET_KEY = "throwaway-key-for-the-tests-of-django"
# Cheap on purpose, as in Django's own settings for its tests.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False

TEST_RUNNER = "tests.django_suite.runner.Runner"
AUTHENTICATION_BACKENDS = ["hardening.backends.HardeningBackend"]
HARDENING = {"POLICIES": []}
