"""The site's roles, found by `hardening` because this module is called `roles`.

Both change what the public sees, so both say so: `hardening_status` names whichever no policy in
force covers. Their policies stand in the admin, see `demo_policies.py`.
"""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hardening import roles

roles.register(
    "artist-page-manager",
    _("Artist page manager"),
    Q(artist_memberships__role="manager"),
    publishes_publicly=True,
)
roles.register(
    "artist-page-editor",
    _("Artist page editor"),
    Q(artist_memberships__role="editor"),
    publishes_publicly=True,
)
