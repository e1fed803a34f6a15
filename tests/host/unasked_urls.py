"""A site with an API view that authenticates by itself, in the shape that such views have."""

from __future__ import annotations

from django.urls import path
from django.views.generic import View

from tests.urls import urlpatterns as smallest


class Signature:
    """It names a user and asks nobody."""


class Feed(View):
    """What Django REST framework's views look like from outside."""

    authentication_classes = (Signature,)


urlpatterns = [path("feed/", Feed.as_view()), *smallest]
