"""Database routers: one puts our tables elsewhere, one reads from a replica."""

from __future__ import annotations


class Elsewhere:
    """Sends what `hardening` writes to another database than the user's."""

    def db_for_write(self, model, **hints):
        """Answer for our models only."""
        return "elsewhere" if model._meta.app_label == "hardening" else None


class CountersElsewhere:
    """Leaves one of our tables out."""

    def db_for_write(self, model, **hints):
        """Answer for the counters of the throttle only."""
        return "elsewhere" if model._meta.label == "hardening.ThrottleCell" else None


class MinutesElsewhere:
    """Leaves the other table of counters out."""

    def db_for_write(self, model, **hints):
        """Answer for the counts of the whole site only."""
        return "elsewhere" if model._meta.label == "hardening.Tally" else None


class ReadsFromReplica:
    """Reads, where nobody says from where, from a database that lags (here: that is not there)."""

    def db_for_read(self, model, **hints):
        """Answer for everybody."""
        return "replica"

    def db_for_write(self, model, **hints):
        """Answer for everybody."""
        return "default"
