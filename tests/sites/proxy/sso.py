"""Sign-in by a header, as sites behind an authenticating proxy have it."""

from __future__ import annotations

from django.contrib.auth.middleware import RemoteUserMiddleware


class HeaderMiddleware(RemoteUserMiddleware):
    """Believes the header; the proxy must empty it."""

    header = "HTTP_REMOTE_USER"
