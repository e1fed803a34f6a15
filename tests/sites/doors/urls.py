"""The addresses of the site: rooms and doors."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import include, path

from tests.host import doors
from tests.sites.doors import views
from tests.urls import urlpatterns as smallest

desk = admin.AdminSite(name="desk")
desk.register(Group)

reset = PasswordResetConfirmView.as_view(
    post_reset_login=True,
    post_reset_login_backend=doors.BACKEND,
    success_url="/members/?page=2&of=3",
)

urlpatterns = [
    *smallest,
    path("staff/", views.staff_room),
    path("vault/", doors.vault_page),
    path("notes/", doors.notes),
    path("desk/", desk.urls),
    path("api/me/", views.api_me),
    path("api/call/", views.api_call),
    path("api/staff/", views.api_staff),
    path("api/session-login/", views.api_login),
    path("api/async-login/", doors.async_login),
    path("callback/", views.callback),
    path("act-as/", views.act_as),
    path("reset/<uidb64>/<token>/", reset, name="password_reset_confirm"),
    path("allauth/", include("allauth.urls")),
    path("hijack/", include("hijack.urls")),
]
