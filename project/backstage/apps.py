"""The app behind the demo site."""

from __future__ import annotations

from django.apps import AppConfig


class BackstageConfig(AppConfig):
    """Artists, pages, teams, followers."""

    name = "project.backstage"
    label = "backstage"
    verbose_name = "Backstage"
