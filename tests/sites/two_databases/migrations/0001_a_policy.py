"""A policy that a site brings along with its code, written by a historical model."""

from __future__ import annotations

import datetime as dt

from django.db import migrations

ROLE = "group:auditors"
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def demand(apps, schema_editor):
    """Ask the auditors for a factor."""
    policies = apps.get_model("hardening", "RolePolicy").objects.using(
        schema_editor.connection.alias
    )
    policies.create(role=ROLE, mode="enforce", starts_at=LONG_AGO)


def ask_nothing(apps, schema_editor):
    """Take it back."""
    policies = apps.get_model("hardening", "RolePolicy").objects.using(
        schema_editor.connection.alias
    )
    policies.filter(role=ROLE).delete()


class Migration(migrations.Migration):
    """Stands for any data migration of a host."""

    dependencies = [("hardening", "0001_initial")]
    operations = [migrations.RunPython(demand, ask_nothing)]
