"""Rows: what is remembered, with the constraints and the one-statement queries that keep it right.

No decisions here. Whatever is usable once is claimed by one conditional ``UPDATE`` whose row
count is the answer (house rule 4), so that no caller has to hold a lock.
"""

from __future__ import annotations

from hardening.models.account import Account, SiteState
from hardening.models.breakglass import BreakGlassCode
from hardening.models.compliance import PolicySnapshot, Reminder
from hardening.models.disowning import Disowning
from hardening.models.event import SecurityEvent
from hardening.models.factor import Factor, RecoveryCode
from hardening.models.outbox import OutgoingNotice
from hardening.models.parked import ParkedLogin
from hardening.models.policy import RolePolicy
from hardening.models.request import OperatorRequest
from hardening.models.seal import AuditSeal
from hardening.models.session import UserSession
from hardening.models.throttle import Tally, ThrottleCell
from hardening.models.ticket import EnrolmentTicket
from hardening.models.waiver import PolicyWaiver

__all__ = [
    "Account",
    "AuditSeal",
    "BreakGlassCode",
    "Disowning",
    "EnrolmentTicket",
    "Factor",
    "OperatorRequest",
    "OutgoingNotice",
    "ParkedLogin",
    "PolicySnapshot",
    "PolicyWaiver",
    "RecoveryCode",
    "Reminder",
    "RolePolicy",
    "SecurityEvent",
    "SiteState",
    "Tally",
    "ThrottleCell",
    "UserSession",
]
