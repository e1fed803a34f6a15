"""A reusable Django app that makes a stolen password stop being enough."""

from __future__ import annotations

__version__ = "0.1.0.dev0"
