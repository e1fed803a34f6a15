"""What every template of the demo site may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def demo(request: HttpRequest) -> dict[str, bool]:
    """Say whether this is the demo, where a local mailbox page exists."""
    return {"demo": settings.DEMO}
