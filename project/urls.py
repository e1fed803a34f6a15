"""The addresses of Backstage: the admin, the security pages of `hardening`, and its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("security/", include("hardening.urls")),
    path("", include("project.backstage.urls")),
]
