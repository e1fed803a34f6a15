"""The addresses of the how-to, and Django's own admin beside Wagtail's."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from wagtail.api.v3.urls import api

from tests import howto

(_shown,) = [block for block in howto.blocks("wagtail", "Settings") if "urlpatterns" in block]
_names: dict[str, list] = {}
exec(_shown, _names)  # noqa: S102 - our own documentation

urlpatterns = [
    path("django-admin/", admin.site.urls),
    path("api/v3/", api.urls),
    *_names["urlpatterns"],
]
