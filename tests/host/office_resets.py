"""The site with the second admin, where a mailed link leads to choosing a new password."""

from __future__ import annotations

from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import path

from tests.host.office import urlpatterns as site

chosen = PasswordResetConfirmView.as_view(success_url="/public/")
urlpatterns = [path("reset/<uidb64>/<token>/", chosen, name="password_reset_confirm"), *site]
