"""A log of events for the tests of its sealing, and what somebody with the database does to it."""

from __future__ import annotations

from hardening import audit
from hardening.audit import Event, Where
from hardening.flows import sealing, verifying
from hardening.models import SecurityEvent
from tests.visitor import NOW

LATER = NOW + sealing.SETTLE_SECONDS


def note(count=1, *, at=NOW, user=None):
    """Record so many events and return their rows."""
    before = set(SecurityEvent.objects.values_list("pk", flat=True))
    for number in range(count):
        where = Where("192.0.2.7", "digest", "Firefox on Linux", f"request-{number}")
        data = {"number": number, "roles": ["staff"]}
        audit.record(
            Event.LOGIN_COMPLETED,
            now=at + number,
            user=user,
            actor=user,
            where=where,
            reason="r",
            data=data,
        )
    return list(SecurityEvent.objects.exclude(pk__in=before).order_by("pk"))


def found(anchors=(), *, now=LATER + 60, source=None):
    """Return what a verification finds, as (kind, seal, keys)."""
    walk = verifying.Verification(source, now=now)
    return [(one.kind.value, one.number, one.pks) for one in walk.findings(anchors)]


def kinds(*args, **kwargs):
    """Return the kinds alone."""
    return [kind for kind, _, _ in found(*args, **kwargs)]
