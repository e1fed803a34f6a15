"""A second admin site, whose list of users carries what operators do for people."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.urls import path

from hardening.admin import (
    HardeningUserAdminMixin,
    OperatorRequestAdmin,
    RolePolicyAdmin,
    SecurityEventAdmin,
)
from hardening.models import OperatorRequest, RolePolicy, SecurityEvent
from tests.host.doors import banner_page
from tests.urls import urlpatterns as site


class OfficeUserAdmin(HardeningUserAdminMixin, UserAdmin):
    """Django's own user admin with our action."""


office = AdminSite(name="office")
office.register(get_user_model(), OfficeUserAdmin)
office.register(RolePolicy, RolePolicyAdmin)
office.register(OperatorRequest, OperatorRequestAdmin)
office.register(SecurityEvent, SecurityEventAdmin)

urlpatterns = [path("office/", office.urls), path("banner/", banner_page), *site]
