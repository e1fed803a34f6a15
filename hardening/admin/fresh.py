"""Admin pages that change something ask for a fresh proof of a factor first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening.access import refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class FreshProofMixin:
    """For a ``ModelAdmin``: add, change, delete and bulk actions need a fresh proof.

    Reading the list does not. The form itself needs it too, so that nobody types for a minute
    and is asked afterwards.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard adding and changing."""
        return refusal(request) or super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard deleting one."""
        return refusal(request) or super().delete_view(request, *args, **kwargs)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard bulk actions and edits in the list; looking at it is free."""
        refused = refusal(request) if request.method == "POST" else None
        return refused or super().changelist_view(request, *args, **kwargs)  # type: ignore[misc]
