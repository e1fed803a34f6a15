"""System checks: every wiring mistake that would be silent, each with an action as its hint.

``E`` leaves a door open, ``W`` weakens it. One function an id; checks read settings and code,
never the database, so they run before ``migrate``. They stand by what they look at: our places in
the host's settings (`wiring`), ``settings.HARDENING`` (`configuration`), where the
throttle counts (`stores`), how passwords are kept (`passwords`), whether they are looked up in
lists of leaked ones (`breach`), links to a new one (`resets`), the rest of the site (`site`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Tags, register

from hardening.breach import corpus
from hardening.checks import breach, configuration, passwords, resets, site, stores, wiring
from hardening.conf import conf, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger("hardening")

CHECKS: tuple[Callable[..., Iterable[CheckMessage]], ...] = (
    wiring.middleware_is_installed,
    wiring.middleware_follows_authentication,
    wiring.backend_is_installed,
    wiring.backend_is_first,
    wiring.model_backend_is_replaced,
    configuration.settings_are_understood,
    wiring.urls_are_included,
    configuration.floor_names_known_roles,
    configuration.floor_asks_what_can_be_reached,
    site.tables_stand_beside_the_users,
    site.api_authentication_asks,
    site.user_names_are_unique,
    stores.store_can_be_used,
    stores.store_does_not_forget,
    stores.store_has_its_driver,
    configuration.challenge_can_be_used,
    site.mail_can_be_sent,
    configuration.kill_switch_is_off,
    configuration.publishers_are_covered,
    configuration.time_zones_can_be_told,
    wiring.requests_reach_the_templates,
    site.transactions_see_what_is_committed,
    site.nobody_else_locks_out,
    breach.new_passwords_are_looked_up,
    breach.validators_ask_nothing_forbidden,
    breach.corpus_can_be_read,
    breach.sources_can_be_used,
    breach.answers_have_their_cache,
    breach.api_is_asked_in_private,
    breach.corpus_is_named_and_asked,
    resets.links_end_with_a_revocation,
)
DEPLOY_CHECKS: tuple[Callable[..., Iterable[CheckMessage]], ...] = (
    configuration.vault_has_its_own_keys,
    configuration.floor_is_not_lowered,
    site.proxies_are_named,
    site.links_lead_home,
    passwords.first_hasher_is_memory_hard,
    passwords.peppers_are_used,
    breach.used_passwords_are_looked_up,
)


def register_all() -> None:
    """Register every check; called when the app is ready."""
    for check in CHECKS:
        register(_listed(check), Tags.security)
    for check in DEPLOY_CHECKS:
        register(_listed(check), Tags.security, deploy=True)


def _listed(check: Callable[..., Iterable[CheckMessage]]) -> Callable[..., list[CheckMessage]]:
    def run(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
        return list(check(app_configs=app_configs, **kwargs))

    run.__name__ = check.__name__
    return run


def shout_if_the_kill_switch_is_on() -> None:
    """Log it at each start, for servers run no checks."""
    if not problems() and not conf().ENFORCE:
        log.critical("hardening asks nobody for a second factor: HARDENING['ENFORCE'] is False")


def shout_if_the_corpus_is_refused() -> None:
    """Look at it at each start, so that a damaged file is known before somebody signs in."""
    if not problems():
        corpus.refused()  # says so itself, by the file's name and with the reason
