"""``hardening_prune``: delete what is long over; meant for cron, safe to run at any time.

An attack mode that is over, and that no sign-in has ended since, is ended too. And as this is the
job that every site runs daily, it counts who meets which policy, once a day: the page's trend.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand

from hardening.flows import snapshots, status


class Command(BaseCommand):
    """Delete sign-ins, sessions, tickets and counters that are over; take the day's counts."""

    help = (
        "Delete parked sign-ins, sessions, tickets and throttle counters that are over by a day or "
        "more, and count, once a day, who meets which policy."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prune, say how much went, then count."""
        now = int(time.time())
        for what, count in status.prune(now=now).items():
            self.stdout.write(f"{what}: {count}")
        self.stdout.write(f"policies counted today: {snapshots.take(now=now)}")
