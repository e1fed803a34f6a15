"""Rows that nobody deletes, in the admin: they say who let whom do what.

The trap: Django's admin asks the same method before it deletes a user with everything that hangs on
her. A plain "no" would make everybody undeletable who was ever granted something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest


class EvidenceMixin:
    """For a ``ModelAdmin``: rows go with their user or policy, and in no other way."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say no on our own pages; elsewhere it takes the permission, as with any model."""
        opts = self.opts  # type: ignore[attr-defined]
        match = request.resolver_match
        name = (match.url_name or "") if match else ""
        if obj is None or name.startswith(f"{opts.app_label}_{opts.model_name}_"):
            return False
        may: bool = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return may
