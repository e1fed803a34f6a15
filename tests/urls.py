"""The addresses of the smallest host site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from tests.host import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("security/", include("hardening.urls")),
    path("accounts/login/", LoginView.as_view(), name="host_login"),
    path("accounts/logout/", LogoutView.as_view(), name="host_logout"),
    path("api/login/", views.json_login, name="json_login"),
    path("public/", views.public, name="public"),
    path("reads-user/", views.reads_user, name="reads_user"),
    path("async-reads-user/", views.async_reads_user, name="async_reads_user"),
    path("members/", views.members, name="members"),
]
