"""Password validators of a host's own."""

from __future__ import annotations

from hardening.validators import BreachedPasswordValidator


class Ours(BreachedPasswordValidator):
    """The same under another name."""
