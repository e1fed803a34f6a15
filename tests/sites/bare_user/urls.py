"""The addresses of a site without an admin."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.urls import include, path

from tests.host import doors, views

urlpatterns = [
    path("security/", include("hardening.urls")),
    path("accounts/login/", LoginView.as_view(), name="host_login"),
    path("reads-user/", views.reads_user, name="reads_user"),
    path("async-reads-user/", views.async_reads_user, name="async_reads_user"),
    path("members/", views.members, name="members"),
    path("public/", views.public, name="public"),
    path("vault/", doors.vault_page, name="vault"),
]
