"""``hardening_prune``: delete what is long over; meant for cron, safe to run at any time.

An attack mode that is over, and that no sign-in has ended since, is ended too.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand

from hardening.flows import status


class Command(BaseCommand):
    """Delete finished sign-ins, expired tickets and throttle counters."""

    help = "Delete parked sign-ins, tickets and throttle counters that are over by a day or more."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prune and say how much went."""
        for what, count in status.prune(now=int(time.time())).items():
            self.stdout.write(f"{what}: {count}")
