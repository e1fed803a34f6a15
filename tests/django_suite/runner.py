"""The test runner that adds the app to Django's own tests and writes down how each one ended.

With ``HARDENING_DJANGO_SUITE_BARE=1`` it adds nothing: to tell what fails on this machine or with
this Python anyway.

The trap: ``runtests.py`` overwrites the apps and the middleware after reading the settings, so
both are added here, when the test environment is set up, before the test databases are made.
"""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.test.runner import DiscoverRunner

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "hardening.middleware.HardeningMiddleware"
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
# Each of Django's tests has a URLconf of its own; with an empty floor nobody is led to our pages.
SILENCED = "hardening.E007"


class Runner(DiscoverRunner):
    """Django's runner, with the app installed as the documentation tells a host to."""

    def setup_test_environment(self, **kwargs: object) -> None:
        """Set up as Django does, then install the app."""
        super().setup_test_environment(**kwargs)
        if os.environ.get("HARDENING_DJANGO_SUITE_BARE"):
            settings.AUTHENTICATION_BACKENDS = [MODEL_BACKEND]
        else:
            install()

    def run_suite(self, suite: unittest.TestSuite, **kwargs: object) -> unittest.TestResult:
        """Run the tests and write what failed, and how many ran, where we were told to."""
        result = super().run_suite(suite, **kwargs)
        written = os.environ.get("HARDENING_DJANGO_SUITE_RESULT")
        if written:
            Path(written).write_text(json.dumps(summary(result)), encoding="utf-8")
        return result


def install() -> None:
    """Add the app and put its middleware directly after Django's authentication."""
    middleware = list(settings.MIDDLEWARE)
    middleware.insert(middleware.index(AUTHENTICATION) + 1, OURS)
    settings.MIDDLEWARE = middleware
    settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, SILENCED]
    # Django's tests make the tables of its own apps from the models, without migrations, so ours
    # have nothing to depend on.
    settings.MIGRATION_MODULES = {**settings.MIGRATION_MODULES, "hardening": None}
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "hardening"]
    apps.set_installed_apps(settings.INSTALLED_APPS)


def summary(result: unittest.TestResult) -> dict[str, object]:
    """Return the ids of the tests that failed, and how many ran and were skipped."""
    broken = [test for test, _ in (*result.failures, *result.errors)]
    broken += result.unexpectedSuccesses
    return {
        # A subtest's failure is its test's; a fixture's bears the name of what it stopped.
        "failed": sorted({getattr(test, "test_case", test).id() for test in broken}),
        "ran": result.testsRun,
        "skipped": len(result.skipped),
    }
