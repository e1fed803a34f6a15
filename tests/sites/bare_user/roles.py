"""The site's only role, found because the app is installed."""

from __future__ import annotations

from django.db.models import Q

from hardening import roles

roles.register("crew", "Crew", Q(in_crew=True))
