"""What operators see in Django's admin. Any `AdminSite` is guarded by the middleware already."""

from __future__ import annotations

from hardening.admin.events import SecurityEventAdmin
from hardening.admin.policies import RolePolicyAdmin
from hardening.admin.requests import OperatorRequestAdmin
from hardening.admin.throttle import ThrottleCellAdmin
from hardening.admin.users import HardeningUserAdminMixin
from hardening.admin.waivers import PolicyWaiverAdmin

__all__ = [
    "HardeningUserAdminMixin",
    "OperatorRequestAdmin",
    "PolicyWaiverAdmin",
    "RolePolicyAdmin",
    "SecurityEventAdmin",
    "ThrottleCellAdmin",
]
