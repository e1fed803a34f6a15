"""The site that is attacked: tries in, answers out.

With the app, tries go to our own login page: good users' as forms, attackers' as JSON, which is
what their programs would choose. Without it they go to Django's `LoginView`. Whether a session is
open is not believed but asked: it must read a page that says whose it is.

The trap: nothing here looks inside the app to learn what became of a try, but for the count of
hashes and whether attack mode is on.
"""

from __future__ import annotations

import os
import sys
import time
from http.cookies import SimpleCookie
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.signals import got_request_exception
from django.db import connections

from hardening import browser_cookie, devices
from hardening.conf import conf
from hardening.drill import hasher, urls
from hardening.drill.outage import out_of_order
from hardening.drill.tries import Answer, Outage, Outcome, Try, Volley
from hardening.drill.wire import Wire, header, path_of
from hardening.models import SiteState
from hardening.models.account import SITE_PK
from hardening.models.database import alias

if TYPE_CHECKING:
    from hardening.core.limits import Limits
    from hardening.drill.clock import Clock
    from hardening.drill.population import Population
    from hardening.drill.tries import Act
    from hardening.drill.variants import Variant

REFUSALS = (429, 503)
FAULTS = (403, 404, 405)
SERVER_FAULT = 500
MAX_SAID = 200  # characters of a fault
FAULTS_HEARD = "hardening.drill.faults"
SLOW_HASH_SECONDS = 0.003  # so that parallel tries overlap
DEVICE_COOKIE = f"{browser_cookie.HOST_PREFIX}{browser_cookie.NAME}"


class Site:
    """One of the three sites. Its settings are in force while it is used (`stage`)."""

    def __init__(self, clock: Clock, *, variant: Variant, hash_cpu: float) -> None:
        """Build the handler under the settings in force."""
        self.variant = variant
        self.guarded = variant.guarded
        self.hash_cpu = hash_cpu
        self.clock = clock
        self.wire = Wire()
        self._login = path_of("hardening:login" if self.guarded else urls.PLAIN_LOGIN)
        self._account = path_of(urls.ACCOUNT)
        self._session = settings.SESSION_COOKIE_NAME
        self._passing = {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages"}
        self._numbers: dict[int, Any] = {}
        self._fault = ""
        self._blocker: Any = None
        got_request_exception.connect(self._hear, dispatch_uid=FAULTS_HEARD)

    def close(self) -> None:
        """Leave nothing behind in the process."""
        got_request_exception.disconnect(dispatch_uid=FAULTS_HEARD)
        self._break_store(down=False)

    def _hear(self, **_: Any) -> None:
        fault = sys.exc_info()[1]
        self._fault = f"{type(fault).__name__}: {fault}"

    @property
    def limits(self) -> Limits:
        """The limits in force, by which the umpire judges either site."""
        return conf().THROTTLE

    @property
    def workers(self) -> int:
        """By how many processes a limit is divided while the store is down."""
        return conf().THROTTLE_WORKERS

    def know(self, keys: dict[int, Any]) -> None:
        """Learn the primary keys of the people, by number."""
        self._numbers = keys

    def browsers(self, people: Population, now: float) -> dict[int, str]:
        """Return the cookies of those who have been here with this browser, mailbox proven."""
        if not self.guarded:
            return {}
        return {
            person.number: f"{DEVICE_COOKIE}={self._device(people, person.number, int(now))}"
            for person in people.cast
            if person.known
        }

    def _device(self, people: Population, number: int, now: int) -> str:
        return devices.issue(
            None,
            self._numbers[number],
            password=hasher.encoded(people.password(number)),
            account_epoch=0,
            site_epoch=0,
            proven=True,
            random=os.urandom(devices.NONCE_BYTES),
            now=now,
        )

    def store_password(self, number: int, stored: str) -> None:
        """Let somebody have that password, without the site's hearing of it."""
        rows: Any = get_user_model()._base_manager.using(alias())  # noqa: SLF001
        rows.filter(pk=self._numbers[number]).update(password=stored)

    def is_alarmed(self, now: float) -> bool:
        """Return whether attack mode is on."""
        if not self.guarded:
            return False
        return SiteState.objects.filter(pk=SITE_PK, attack_until__gt=int(now)).exists()

    # --- acts --------------------------------------------------------------------------------

    def perform(self, act: Act) -> list[Answer]:
        """Do what an attacker does; the answers stand in the order of the tries."""
        if isinstance(act, Outage):
            self._break_store(down=act.down)
            return []
        if isinstance(act, Volley):
            return self._all_at_once(act)
        return [self.post(act)]

    def post(self, one: Try) -> Answer:
        """Post one try and see what came of it."""
        self.clock.now = one.at
        return self._posted(one)

    def _all_at_once(self, volley: Volley) -> list[Answer]:
        self.clock.now = volley.at
        answers: dict[int, Answer] = {}
        barrier = Barrier(len(volley.tries))

        def run(place: int, one: Try) -> None:
            try:
                barrier.wait()
                answers[place] = self._posted(one)
            finally:
                connections.close_all()

        threads = [Thread(target=run, args=pair) for pair in enumerate(volley.tries)]
        with hasher.slow(SLOW_HASH_SECONDS):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        lost = Answer(Outcome.FAULT, said="no answer")
        return [answers.get(place, lost) for place in range(len(volley.tries))]

    def _break_store(self, *, down: bool) -> None:
        if self._blocker is not None:
            self._blocker.__exit__(None, None, None)
            self._blocker = None
        if down and self.guarded:
            self._blocker = out_of_order()
            self._blocker.__enter__()

    # --- one try -----------------------------------------------------------------------------

    def _posted(self, one: Try) -> Answer:
        write = self.wire.program if self.guarded and not one.good else self.wire.form
        fields = {"username": one.name, "password": one.password}
        environ = write(self._login, fields, one.address, one.cookies)
        if one.forwarded:
            environ["HTTP_X_FORWARDED_FOR"] = one.forwarded
        before, began = hasher.hashes(), time.thread_time()
        reply = self.wire.send(environ)
        cpu, hashes = time.thread_time() - began, hasher.hashes() - before
        if reply.status in REFUSALS:
            wait = int(reply.headers.get("Retry-After", "0"))
            return Answer(Outcome.REFUSED, hashes, cpu, retry_after=wait)
        if reply.status >= SERVER_FAULT or reply.status in FAULTS:
            text = self._fault or str(reply.body[:MAX_SAID])
            return Answer(Outcome.FAULT, hashes, cpu, said=f"{reply.status} {text}")
        session = reply.cookies.get(self._session, "")
        outcome = self._outcome(one, session)
        return Answer(outcome, hashes, cpu, cookies=self.kept(reply.cookies), session=session)

    def _outcome(self, one: Try, session: str) -> Outcome:
        """Tell a wrong password from a right one, and an open account from one that waits."""
        if not session:
            return Outcome.WRONG
        is_open = self.is_open(one, header({self._session: session}))
        return Outcome.OPEN if is_open else Outcome.PARKED

    def is_open(self, one: Try, cookies: str) -> bool:
        """Whether these cookies read the page of the account that a try was aimed at."""
        reply = self.wire.send(self.wire.get(self._account, one.address, cookies))
        return reply.body == str(self._numbers.get(one.person)).encode()

    def jar(self, cookies: str, session: str) -> dict[str, str]:
        """Return a browser's cookies while a session lasts."""
        brought = {one.key: one.value for one in SimpleCookie(cookies).values()}
        return {**brought, self._session: session}

    def kept(self, jar: dict[str, str]) -> str:
        """Return those that outlive the session, as a header."""
        return header({name: value for name, value in jar.items() if name not in self._passing})


def people_keys(people: Population) -> dict[int, Any]:
    """Return the primary keys of everybody, by number, as the throwaway database has them."""
    model: Any = get_user_model()
    field = model.USERNAME_FIELD
    rows = model._base_manager.using(alias()).values_list(field, "pk")  # noqa: SLF001
    by_name = dict(rows.iterator())
    return {number: by_name[people.name(number)] for number in people.everybody}
