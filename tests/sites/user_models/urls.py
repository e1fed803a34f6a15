"""The smallest site, a door that wants a fresh proof, and Django's password reset by our token."""

from __future__ import annotations

from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.urls import path

from hardening.tokens import EpochTokenGenerator
from tests.host import doors
from tests.urls import urlpatterns as smallest

bound = EpochTokenGenerator()
ask = PasswordResetView.as_view(success_url="/public/", token_generator=bound)
confirm = PasswordResetConfirmView.as_view(
    post_reset_login=True,
    post_reset_login_backend=doors.BACKEND,
    success_url="/reads-user/",
    token_generator=bound,
)

urlpatterns = [
    *smallest,
    path("vault/", doors.vault_page, name="vault"),
    path("reset/", ask, name="password_reset"),
    path("reset/<uidb64>/<token>/", confirm, name="password_reset_confirm"),
]
