"""Admin pages that change something ask for a fresh proof of a factor first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening.access import admin_requires

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


class FreshProofMixin:
    """For a ``ModelAdmin``: add, change, delete and bulk actions need a fresh proof.

    Reading the list does not. The form itself needs it too, so that nobody types for a minute
    and is asked afterwards. So does the page of a ``UserAdmin`` that sets somebody's password.
    """

    @admin_requires()
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard adding and changing."""
        answer: HttpResponse = super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        return answer

    @admin_requires()
    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard deleting one."""
        answer: HttpResponse = super().delete_view(request, *args, **kwargs)  # type: ignore[misc]
        return answer

    @admin_requires()
    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard setting a password, in the admin of users; no other has such a page."""
        answer: HttpResponse = super().user_change_password(request, *args, **kwargs)  # type: ignore[misc]
        return answer

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guard bulk actions and edits in the list; looking at it is free."""
        show = super().changelist_view  # type: ignore[misc]
        if request.method == "POST":
            return self._changed_in_list(request, show, *args, **kwargs)
        answer: HttpResponse = show(request, *args, **kwargs)
        return answer

    @admin_requires()
    def _changed_in_list(
        self,
        request: HttpRequest,
        show: Callable[..., HttpResponse],
        *args: Any,
        **kwargs: Any,
    ) -> HttpResponse:
        return show(request, *args, **kwargs)
