"""A page, as every Wagtail site has one."""

from __future__ import annotations

from wagtail.models import Page


class PlainPage(Page):
    """Shows its title and Wagtail's userbar."""

    class Meta:
        app_label = "cms"
