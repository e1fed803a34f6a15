"""The people in the admin, as Django's own user admin shows them."""

from __future__ import annotations

from django.contrib import admin

from tests.sites.soft_delete.models import Person
from tests.sites.user_models.office import PeopleAdmin

admin.site.register(Person, PeopleAdmin)
