"""A host whose last address catches everything, and one that hands out tokens."""

from __future__ import annotations

from django.urls import path, re_path

from tests.doors.site import urlpatterns as more
from tests.host import doors

urlpatterns = [
    *more,
    path("token/", doors.token),
    re_path(r"^(?P<rest>.*)$", doors.anywhere),
]
