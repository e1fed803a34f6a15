"""A database router that puts our tables elsewhere."""

from __future__ import annotations


class Elsewhere:
    """Sends what `hardening` writes to another database than the user's."""

    def db_for_write(self, model, **hints):
        """Answer for our models only."""
        return "elsewhere" if model._meta.app_label == "hardening" else None
