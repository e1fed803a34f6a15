"""Where the tables of this site are."""

from __future__ import annotations

APART = {"admin", "auth", "contenttypes", "hardening", "sessions", "two_databases"}
REPLICATED = {"auth.user"}  # and all of ours


class PeopleApart:
    """People live in `accounts`; people and what we know of them are read from `replica`."""

    def db_for_read(self, model, **hints):
        """Send readers to the replica."""
        ours = model._meta.app_label == "hardening"
        if ours or model._meta.label_lower in REPLICATED:
            return "replica"
        return self.db_for_write(model)

    def db_for_write(self, model, **hints):
        """Send writers where the table is."""
        return "accounts" if model._meta.app_label in APART else None

    def allow_migrate(self, db, app_label, **hints):
        """Make tables where they are written."""
        return db == ("accounts" if app_label in APART else "default")
