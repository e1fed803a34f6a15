"""A site of this kind from nothing, in a process of its own: its migrations are made and run.

Run with ``-m``; `DJANGO_SETTINGS_MODULE` names the site, `HARDENING_TESTS_DATABASE` a file that
does not exist yet, and an empty package ``made_migrations`` can be imported. Ends with status 0 if
nothing is left to migrate and every reference to a user has the type of the user's key.
"""

from __future__ import annotations

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection


def type_of(table: str, column: str) -> str:
    """Return the type that the database gives a column."""
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    (found,) = [row for row in described if row.name == column]
    return found.type_code


def main() -> None:
    label = settings.AUTH_USER_MODEL.partition(".")[0]
    settings.MIGRATION_MODULES = {label: "made_migrations"}
    django.setup()
    call_command("makemigrations", label, verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    user = django.apps.apps.get_model(settings.AUTH_USER_MODEL)
    key = user._meta.pk.rel_db_type(connection)
    models = django.apps.apps.get_app_config("hardening").get_models()
    fields = [field for model in models for field in model._meta.fields]
    references = [field for field in fields if field.related_model is user]
    assert references, "nothing refers to a user"
    for field in references:
        assert type_of(field.model._meta.db_table, field.column) == key, field


if __name__ == "__main__":
    main()
