"""The demo site stands on its own settings."""

from __future__ import annotations

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_no_migration_of_the_demo_is_missing():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db  # since Django 6.1 the checks look at the databases too
def test_the_system_checks_find_nothing_to_object_to():
    call_command("check", fail_level="WARNING")
