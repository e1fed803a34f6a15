"""The people in the admin, by a model admin of the site's own."""

from __future__ import annotations

from django.contrib import admin

from hardening.admin import HardeningUserAdminMixin
from tests.sites.email_name.models import Person


@admin.register(Person)
class PeopleAdmin(HardeningUserAdminMixin, admin.ModelAdmin):
    """What may be edited about somebody."""

    fields = ("email", "is_active", "is_staff", "is_superuser", "groups")
