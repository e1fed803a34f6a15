"""The addresses of the how-to, and rooms to look into."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from tests.host import doors, views
from tests.sites.allauth.page import run

urlpatterns = [
    *run("urls.py")["urlpatterns"],
    path("admin/", admin.site.urls),
    path("reads-user/", views.reads_user, name="reads_user"),
    path("async-reads-user/", views.async_reads_user),
    path("members/", views.members),
    path("vault/", doors.vault_page),
    path("notes/", doors.notes),
]
