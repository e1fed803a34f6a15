"""The app: connects receivers and checks, finds the host's roles."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class HardeningConfig(AppConfig):
    """`hardening`: a stolen password stops being enough."""

    name = "hardening"
    verbose_name = _("Security")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect once everything is loaded."""
        from hardening import checks, logged_paths, receivers

        checks.register_all()
        receivers.connect()
        logged_paths.connect()
        autodiscover_modules("roles")
        checks.shout_if_the_kill_switch_is_on()
        checks.shout_if_the_corpus_is_refused()
