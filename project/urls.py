"""The addresses of Backstage: the admin, the security pages of `hardening`, and its own.

Django's two pages of a mailed reset are here because the admin's "Send a reset" leads to them.
"""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import PasswordResetCompleteView, PasswordResetConfirmView
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("security/", include("hardening.urls")),
    path(
        "reset/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path("reset/done/", PasswordResetCompleteView.as_view(), name="password_reset_complete"),
    path("", include("project.backstage.urls")),
]
