"""A site's roles, found because the app is installed."""

from __future__ import annotations

from django.db.models import Q

from hardening import roles

roles.register("found-by-discovery", "Found", Q(is_staff=True))
