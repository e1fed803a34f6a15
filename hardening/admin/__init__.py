"""What operators see in Django's admin. Any `AdminSite` is guarded by the middleware already."""

from __future__ import annotations

from hardening.admin.policies import RolePolicyAdmin
from hardening.admin.throttle import ThrottleCellAdmin
from hardening.admin.users import HardeningUserAdminMixin

__all__ = ["HardeningUserAdminMixin", "RolePolicyAdmin", "ThrottleCellAdmin"]
