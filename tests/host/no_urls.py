"""A site that forgot our pages."""

from __future__ import annotations

urlpatterns: list = []
