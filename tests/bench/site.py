"""The pages that are measured, and their addresses; both sides have the same ones."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path


def page(request: HttpRequest) -> HttpResponse:
    """Greet whoever asks, as nearly every page of a site does."""
    name = request.user.get_username() if request.user.is_authenticated else "nobody"
    return render(request, "bench/page.html", {"name": name, "lines": range(10)})


def public(request: HttpRequest) -> HttpResponse:
    """Show everybody the same, without a look at who asks."""
    return render(request, "bench/page.html", {"name": "everybody", "lines": range(10)})


urlpatterns = [
    path("", page, name="page"),
    path("public/", public, name="public"),
    path("login/", LoginView.as_view(template_name="bench/page.html"), name="login"),
    path("security/", include("hardening.urls")),
]
