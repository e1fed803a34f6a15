"""The addresses of the API, beside those of the smallest site."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authtoken.views import obtain_auth_token

from hardening.contrib import drf
from tests.sites.drf import views
from tests.urls import urlpatterns as smallest

api = [
    path("api/here/", views.Here.as_view()),
    path("api/session/", views.here(drf.SessionAuthentication)),
    path("api/basic/", views.here(drf.BasicAuthentication)),
    path("api/token/", views.here(drf.TokenAuthentication)),
]

urlpatterns = [
    *smallest,
    *api,
    path("api/rest-login/", views.api_login),
    path("api/obtain-token/", obtain_auth_token),
    path("api/expiring/", views.here(views.Expiring)),
    path("api/exempt/", views.here(views.Exempt)),
    path("api/staff/", views.staff_only),
    path("api/throttled/", views.throttled(drf.BasicAuthentication)),
    path("api/signed/", views.here(views.Signed, drf.MeetsPolicy)),
    path("api/minute/", views.here(None, views.LastMinute)),
    path("api/token/asked/", views.here(drf.TokenAuthentication, drf.MeetsPolicy)),
    path("api/session/asked/", views.here(drf.SessionAuthentication, drf.MeetsPolicy)),
    path("api/proof/", views.here(None, drf.HasFreshProof)),
    path("api/token/minute/", views.here(drf.TokenAuthentication, views.AlwaysLastMinute)),
    path("api/minute/always/", views.here(None, views.AlwaysLastMinute)),
    path("api/make-token/", views.TOKENS["MakeToken"].as_view()),
    path("api/evidence/", views.Evidence.as_view()),
    path("api/personal/", views.here(views.TOKENS["PersonalTokens"])),
    path("api/logged/", views.here(views.REPORTS["LoggedTokens"])),
    path("api/reports/", views.REPORTS["Reports"].as_view()),
    path("api/schema/", SpectacularAPIView.as_view()),
]
