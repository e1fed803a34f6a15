"""The people in the admin, as Django's own user admin shows them."""

from __future__ import annotations

from django.contrib import admin

from tests.sites.child_user.models import Staffer
from tests.sites.user_models.office import PeopleAdmin

admin.site.register(Staffer, PeopleAdmin)
