"""The user admin of the sites whose people look like Django's own."""

from __future__ import annotations

from django.contrib.auth.admin import UserAdmin

from hardening.admin import HardeningUserAdminMixin


class PeopleAdmin(HardeningUserAdminMixin, UserAdmin):
    """Django's own user admin with our action."""
