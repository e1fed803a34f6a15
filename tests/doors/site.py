"""The addresses of the smallest host site, and of more doors than it has."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import path

from tests.host import doors
from tests.urls import urlpatterns as smallest

desk = admin.AdminSite(name="desk")
desk.register(Group)

reset = PasswordResetConfirmView.as_view(
    post_reset_login=True, post_reset_login_backend=doors.BACKEND, success_url="/reads-user/"
)

urlpatterns = [
    *smallest,
    path("desk/", desk.urls),
    path("favicon.ico", doors.favicon),
    path("form-login/", doors.form_login),
    path("protected-login/", doors.protected_form_login),
    path("page-login/", doors.page_login),
    path("stream-login/", doors.stream_login),
    path("failing-login/", doors.failing_login),
    path("failing-login/<str:rest>-login/", lambda request, rest: doors.failing_login(request)),
    path("steady-login/", doors.steady_login),
    path("login-twice/", doors.login_twice),
    path("trusting-login/", doors.trusting_login),
    path("login-logout/", doors.login_logout),
    path("async-login/", doors.async_login),
    path("reset/<uidb64>/<token>/", reset, name="password_reset_confirm"),
    path("remember/", doors.remember, name="remember"),
    path("notes/", doors.notes, name="notes"),
    path("say/", doors.say),
    path("api/me/", doors.api, name="api"),
    path("api/refusing/", doors.refusing_api),
    path("staff-or-403/", doors.staff_or_403),
    path("other-wall/", doors.other_wall),
    path("late-stream/", doors.late_stream),
    path("vault/", doors.vault_page),
    path("minute/", doors.minute_page),
    path("minute/class/", doors.ClassPage.as_view()),
    path("minute/async-class/", doors.AsyncClassPage.as_view()),
    path("banner/", doors.banner_page),
]
