"""The role of the site's own; the app discovers this module at start-up."""

from __future__ import annotations

from django.db.models import Q

from hardening import roles
from tests.bench.crew.models import MANAGER

MANAGERS = "artist-page-manager"

roles.register(MANAGERS, "Artist page manager", Q(artist_memberships__role=MANAGER))
