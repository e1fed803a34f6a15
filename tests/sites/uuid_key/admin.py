"""The people in the admin, as Django's own user admin shows them."""

from __future__ import annotations

from django.contrib import admin

from tests.sites.user_models.office import PeopleAdmin
from tests.sites.uuid_key.models import Person

admin.site.register(Person, PeopleAdmin)
