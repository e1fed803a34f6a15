"""The throwaway site: a database of its own, settings that touch nothing of the real one.

`django.test.override_settings` is the tool for it: it tells every part of Django that keeps
something of a setting (hashers, caches, URLs), and puts everything back. What is replaced:

- the databases: SQLite files in a folder that is deleted, or a test database on a server;
- caches, sessions in files, mails, static files: in memory, or nowhere; logging is off;
- `SECRET_KEY`, and the keys of `settings.HARDENING`: nothing signed here means anything there;
- password hashers: one that counts (`hasher`); proxies: the drill talks to the site directly;
- policies: the drill's people have no role; a few have a factor of their own accord;
- sources of breached passwords, and validators of new ones: what they ask may be far away.

Middleware, backends, URLs, templates, limits and signal receivers are the site's own.

The trap: a receiver of the site's that talks to another machine talks to it here, too.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.test.utils import override_settings

from hardening.conf import NAME
from hardening.drill import clock, databases, urls
from hardening.drill.ground import Ground
from hardening.drill.hasher import CountingHasher, encoded
from hardening.drill.play import Play
from hardening.drill.population import Population
from hardening.drill.site import Site, people_keys
from hardening.drill.stolen import UNCHECKED, breached
from hardening.drill.variants import Variant
from hardening.factors import registry, totp
from hardening.models import Account, Factor
from hardening.models.database import alias, atomic
from hardening.moments import moment
from hardening.throttle import hashgate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hardening.drill.attackers import Attacker
    from hardening.drill.clock import Clock
    from hardening.drill.play import Result

OURS = "hardening."
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
MAILS = "hardening.drill.mails.EmailBackend"
VALIDATORS = [{"NAME": "hardening.validators.BreachedPasswordValidator"}]
STATIC_FILES = "django.contrib.staticfiles.storage.StaticFilesStorage"
MAX_CACHED = 2_000_000
BATCH = 1_000
ROUNDS = 3


class CannotStageError(Exception):
    """No throwaway site can be made; the message says why. Nothing was touched."""


class Stage:
    """A prepared throwaway site; `play` attacks on it."""

    def __init__(self, people: Population, grounds: databases.Throwaway, hash_cpu: float) -> None:
        self.people = people
        self.grounds = grounds
        self.hash_cpu = hash_cpu

    def play(
        self, attacker: Attacker, *, variant: Variant, place: int, tick: Callable[[int], None]
    ) -> Result:
        """Attack the site, as new, in one of its variants.

        Args:
            attacker: Who.
            variant: Which site: without the app, with it, with the breach check as well.
            place: Which attack this is; each has a month of its own.
            tick: Hears how many tries were made.
        """
        with ExitStack() as stack:
            stack.enter_context(self.grounds.fresh())
            now = stack.enter_context(clock.simulated())
            now.now = clock.START + place * clock.APART
            stolen: frozenset[int] = frozenset()
            if variant is Variant.WITHOUT:
                stack.enter_context(without_the_app())
            elif variant is Variant.BREACH:
                stolen = attacker.stolen(Ground(self.people, now.now, {}, attacker.name))
                stack.enter_context(breached(map(self.people.password, stolen)))
            site = self._site(now, variant)
            stack.callback(site.close)
            played = Play(site, attacker, self.people, now.now, tick, stolen=stolen)
            stack.callback(played.owners.put_back)
            return played.run()

    def _site(self, now: Clock, variant: Variant) -> Site:
        hashgate.configure()
        site = Site(now, variant=variant, hash_cpu=self.hash_cpu)
        site.know(people_keys(self.people))
        return site


@contextmanager
def staged(
    accounts: int, seed: int, *, database: str | None, tick: Callable[[int], None]
) -> Iterator[Stage]:
    """Make the throwaway site with so many people; it is gone when the block ends.

    Args:
        accounts: How many people exist.
        seed: From which everything follows.
        database: Alias of a server to make a test database on; `None`: SQLite in a folder.
        tick: Hears how many people were made.

    Raises:
        CannotStageError: If it cannot be made.
    """
    model: Any = get_user_model()
    people = Population(accounts, seed, mail_names=has_mail_names(model))
    hash_cpu = cost_of_a_hash()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="hardening-drill-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(silence())
        stack.enter_context(override_settings(**replaced_settings(folder, seed)))
        try:
            grounds = stack.enter_context(databases.throwaway(folder, database))
            populate(model, people, tick)
            grounds.keep()
        except Exception as fault:
            raise CannotStageError(f"{type(fault).__name__}: {fault}") from fault
        yield Stage(people, grounds, hash_cpu)


def has_mail_names(model: Any) -> bool:
    """True where people sign in with an e-mail address."""
    field = model._meta.get_field(model.USERNAME_FIELD)  # noqa: SLF001 - documented model API
    return field.name == model.get_email_field_name() or "Email" in field.get_internal_type()


def populate(model: Any, people: Population, tick: Callable[[int], None]) -> None:
    """Make everybody. No signal is sent: no receiver of the site's hears of 350,000 new people."""
    email = model.get_email_field_name()
    has_email = any(field.name == email for field in model._meta.concrete_fields)  # noqa: SLF001
    rows = model._base_manager.using(alias())  # noqa: SLF001
    if rows.count() > BATCH:
        raise CannotStageError("the throwaway database is not empty")
    for first in range(0, len(people.everybody), BATCH):
        batch = []
        for number in people.everybody[first : first + BATCH]:
            given = {model.USERNAME_FIELD: people.name(number)}
            if has_email:
                given[email] = people.email(number)
            given["password"] = encoded(people.password(number))
            batch.append(model(**given))
        rows.bulk_create(batch)
        tick(len(batch))
    names = [people.name(number) for number in people.enrolled]
    for user in rows.filter(**{f"{model.USERNAME_FIELD}__in": names}):
        enrol(user)


def enrol(user: Any) -> None:
    """Give somebody an authenticator."""
    now = moment(clock.START)
    with atomic():
        Account.objects.bump_epoch(user.pk)
        row = Factor(user_id=user.pk, kind=totp.KIND, name="Phone", created_at=now)
        row.confirmed_at = now
        row.save()
        row.secret = totp.sealed(row, os.urandom(totp.SECRET_BYTES))
        row.save(update_fields=["secret"])
        registry.rewrite(user.pk)


def cost_of_a_hash() -> float:
    """Return the processor seconds that one password takes by the site's own hasher."""
    costs = []
    for _ in range(ROUNDS):
        began = time.process_time()
        make_password("the cost of a hash")
        costs.append(time.process_time() - began)
    return min(costs)


# --- settings --------------------------------------------------------------------------------


def replaced_settings(folder: Path, seed: int) -> dict[str, Any]:
    """Return what is put in place of the site's settings; see the module."""
    given = dict(getattr(settings, NAME, {}))
    given.pop("VAULT_PROVIDER", None)
    key = f"drill-{seed}-" + "0" * 40
    replaced: dict[str, Any] = {
        "DEBUG": False,
        "DEBUG_PROPAGATE_EXCEPTIONS": False,
        "ALLOWED_HOSTS": ["*"],
        "SECRET_KEY": f"of the drill {seed} " + "0" * 40,
        "SECRET_KEY_FALLBACKS": [],
        "CSRF_USE_SESSIONS": False,
        "PASSWORD_HASHERS": [f"{CountingHasher.__module__}.{CountingHasher.__name__}"],
        "ROOT_URLCONF": urls.staged(settings.ROOT_URLCONF),
        "CACHES": {name: in_memory(name) for name in {"default", *settings.CACHES}},
        "AUTH_PASSWORD_VALIDATORS": VALIDATORS,
        "STORAGES": {**settings.STORAGES, "staticfiles": {"BACKEND": STATIC_FILES}},
        "MEDIA_ROOT": str(folder / "media"),
        "ADMINS": [],
        NAME: {
            **given,
            **UNCHECKED,
            "ENFORCE": True,
            "POLICIES": [],
            "VAULT_KEYS": [key],
            "PEPPER_KEYS": [],
            "THROTTLE_STORE": "database",
            "TRUSTED_PROXIES": [],
            "TRUSTED_PROXY_COUNT": 0,
        },
    }
    if "file" in settings.SESSION_ENGINE:
        replaced["SESSION_ENGINE"] = "django.contrib.sessions.backends.cache"
    if django.VERSION >= (6, 1):
        mailers = {"default", *getattr(settings, "MAILERS", {})}
        replaced["MAILERS"] = {name: {"BACKEND": MAILS} for name in mailers}
    else:
        replaced["EMAIL_BACKEND"] = MAILS
    return replaced


def in_memory(name: str) -> dict[str, Any]:
    """Return the settings of a cache in this process."""
    options = {"MAX_ENTRIES": MAX_CACHED}
    return {"BACKEND": LOCMEM, "LOCATION": f"hardening-drill-{name}", "OPTIONS": options}


@contextmanager
def silence() -> Iterator[None]:
    """Write nothing to the site's logs, the audit log among them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def without_the_app() -> Iterator[None]:
    """Take our middleware, backend and receivers out: the same site in plain Django."""
    middleware = [path for path in settings.MIDDLEWARE if not path.startswith(OURS)]
    backends = [
        MODEL_BACKEND if path.startswith(OURS) else path
        for path in settings.AUTHENTICATION_BACKENDS
    ]
    with (
        override_settings(MIDDLEWARE=middleware, AUTHENTICATION_BACKENDS=backends),
        no_receivers_of_ours(),
    ):
        yield


@contextmanager
def no_receivers_of_ours() -> Iterator[None]:
    """Let no receiver of the app hear of sign-ins."""
    signals: list[Any] = [user_logged_in, user_logged_out, user_login_failed]
    before = [list(signal.receivers) for signal in signals]
    try:
        for signal in signals:
            kept = [entry for entry in signal.receivers if not str(entry[0][0]).startswith(OURS)]
            _put(signal, kept)
        yield
    finally:
        for signal, entries in zip(signals, before, strict=True):
            _put(signal, entries)


def _put(signal: Any, receivers: list[Any]) -> None:
    with signal.lock:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()
