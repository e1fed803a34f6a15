"""The addresses of the how-to, and rooms to look into."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from tests import howto
from tests.host import doors, views

urlpatterns = [
    *howto.defined("allauth", "URLs")["urlpatterns"],
    path("admin/", admin.site.urls),
    path("reads-user/", views.reads_user, name="reads_user"),
    path("async-reads-user/", views.async_reads_user),
    path("members/", views.members),
    path("vault/", doors.vault_page),
    path("notes/", doors.notes),
]
