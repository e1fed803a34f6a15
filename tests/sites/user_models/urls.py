"""The smallest site, with a door that wants a fresh proof and Django's password reset."""

from __future__ import annotations

from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.urls import path

from tests.host import doors
from tests.urls import urlpatterns as smallest

confirm = PasswordResetConfirmView.as_view(
    post_reset_login=True, post_reset_login_backend=doors.BACKEND, success_url="/reads-user/"
)

urlpatterns = [
    *smallest,
    path("vault/", doors.vault_page, name="vault"),
    path("reset/", PasswordResetView.as_view(success_url="/public/"), name="password_reset"),
    path("reset/<uidb64>/<token>/", confirm, name="password_reset_confirm"),
]
