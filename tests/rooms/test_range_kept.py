"""Ranges that were fetched already: a few in the process, many in a cache that may fail."""

from __future__ import annotations

import time

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache

from hardening import keys
from hardening.breach.api import RangeApi
from hardening.breach.kept import RECENT, RECENT_US, SHARED_SECONDS, Shared
from hardening.core.breaker import IN_A_ROW
from hardening.core.pwned import Candidate, Finding
from tests.rooms.test_range_calls import Clock, candidates

LEAKED = Candidate("sunflower seven")
PASSWORDS = {LEAKED.password: 17}
PATIENT = {"BREACH_TIMEOUT_SECONDS": 10.0}
SOON = 5  # seconds: far more than it takes
BY_CACHE = {**PATIENT, "BREACH_CACHE": "ranges"}


class Broken(LocMemCache):
    """A cache whose server is down, and says so with what it was asked."""

    def get(self, key, *args, **kwargs):
        raise ConnectionError(key)

    def set(self, key, *args, **kwargs):
        raise ConnectionError(key)


class Listening(LocMemCache):
    """A cache that somebody else reads too.

    What another test's client has still to write may come here as well, under names of its own.
    """

    stored, lives = {}, {}

    def set(self, key, value, timeout=None, **kwargs):
        super().set(key, value, timeout, **kwargs)
        self.stored[key] = value
        self.lives[key] = timeout  # last: whoever sees it finds the others


@pytest.fixture
def ranges(settings):
    """Return `ranges(backend)`: the site's cache of that kind, under the alias `ranges`."""

    def make(backend=Listening):
        path = f"{backend.__module__}.{backend.__qualname__}"
        settings.CACHES = {**settings.CACHES, "ranges": {"BACKEND": path, "LOCATION": "ranges"}}
        Listening.stored.clear()
        Listening.lives.clear()
        caches["ranges"].clear()
        return caches["ranges"]

    return make


def shared(api: RangeApi, candidate: Candidate) -> Finding:
    """Look one up, and wait until its range stands in the cache, which is after the answer."""
    found = api.look(candidate, wait=10).finding
    ends = time.monotonic() + SOON
    while name_of(api, candidate) not in Listening.lives:
        assert time.monotonic() < ends
        time.sleep(0.005)
    return found


def name_of(api: RangeApi, candidate: Candidate) -> str:
    """Return under which name its range stands in the shared cache."""
    return api._shared._name(candidate.prefix)


# --- in the process -----------------------------------------------------------------------------


def test_a_second_post_of_the_same_form_asks_nobody(pwned) -> None:
    api, server = pwned("right", PASSWORDS, **PATIENT)
    assert {api.look(LEAKED, wait=10).finding for _ in range(3)} == {Finding.HIT}
    assert len(server.heads) == 1


def test_what_was_kept_is_asked_for_again_after_some_minutes(pwned) -> None:
    clock = Clock()
    api, server = pwned("right", PASSWORDS, monotonic=clock, **PATIENT)
    for step in (0, RECENT_US / 1_000_000 - 1, 2):
        clock.seconds += step
        api.look(LEAKED, wait=10)
    assert len(server.heads) == 2


def test_the_one_longest_unused_makes_room(pwned) -> None:
    api, server = pwned(**PATIENT)
    first, second, *others = candidates(RECENT + 1)
    for one in (first, second, *others[:-1], first, others[-1]):
        assert api.look(one, wait=10).finding is Finding.CLEAN
    asked = len(server.heads)
    api.look(first, wait=10)
    assert len(server.heads) == asked
    api.look(second, wait=10)
    assert len(server.heads) == asked + 1


def test_a_fault_is_not_kept(pwned) -> None:
    api, server = pwned("503", PASSWORDS, **PATIENT)
    assert api.look(LEAKED, wait=10).finding is Finding.UNKNOWN
    server.behave = "right"
    assert api.look(LEAKED, wait=10).finding is Finding.HIT


def test_what_was_kept_is_there_while_the_circuit_is_open(pwned) -> None:
    api, server = pwned("right", PASSWORDS, **PATIENT)
    api.look(LEAKED, wait=10)
    server.behave = "503"
    faults = [api.look(one, wait=10).fault for one in candidates(IN_A_ROW + 1)]
    assert faults[-1] == "open"
    assert api.look(LEAKED, wait=10).finding is Finding.HIT


# --- in a cache of the site's -------------------------------------------------------------------


def test_another_process_finds_the_range_in_the_shared_cache(pwned, ranges) -> None:
    ranges()
    api, server = pwned("right", PASSWORDS, **BY_CACHE)
    assert shared(api, LEAKED) is Finding.HIT
    server.stop()
    assert RangeApi().look(LEAKED, wait=10).finding is Finding.HIT
    assert Listening.lives[name_of(api, LEAKED)] == SHARED_SECONDS


def test_the_shared_cache_answers_while_the_circuit_is_open(pwned, ranges) -> None:
    ranges()
    api, server = pwned("right", PASSWORDS, **BY_CACHE)
    shared(api, LEAKED)
    server.behave = "503"
    other = RangeApi()
    faults = [other.look(one, wait=10).fault for one in candidates(IN_A_ROW + 1)]
    assert faults[-1] == "open"
    assert other.look(LEAKED, wait=10).finding is Finding.HIT


def test_who_reads_the_shared_cache_learns_no_range_from_it(pwned, ranges) -> None:
    ranges()
    api, server = pwned("right", PASSWORDS, **BY_CACHE)
    shared(api, LEAKED)
    name = name_of(api, LEAKED)
    value = Listening.stored[name]
    parts = b"name", server.url.encode(), LEAKED.prefix.encode()
    assert name == f"hardening-breach-{keys.mac(keys.Purpose.BREACH, *parts)}"
    assert not any(row.partition(":")[0].encode() in value for row in server.rows(LEAKED.prefix))


def test_ranges_of_another_server_or_another_key_are_others(pwned, ranges, settings) -> None:
    ranges()
    here, there = Shared("ranges", "https://a.example"), Shared("ranges", "https://b.example")
    here.put(LEAKED.prefix, b"body")
    assert here.get(LEAKED.prefix) == b"body"
    assert there.get(LEAKED.prefix) is None
    settings.SECRET_KEY = "another key of forty characters or more, long"
    assert here.get(LEAKED.prefix) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed: sealed[:7],
        lambda sealed: b"",
        lambda sealed: "no bytes",
        lambda sealed: {"what": "is this"},
    ],
)
def test_an_entry_that_somebody_touched_is_a_miss(spoil, pwned, ranges) -> None:
    cache = ranges()
    api, server = pwned("right", PASSWORDS, **BY_CACHE)
    shared(api, LEAKED)
    name = name_of(api, LEAKED)
    sealed = Listening.stored[name]
    cache.set(name, spoil(sealed))
    assert RangeApi().look(LEAKED, wait=10).finding is Finding.HIT
    assert len(server.heads) == 2


def test_an_entry_that_is_no_range_any_more_is_a_miss(pwned, ranges) -> None:
    ranges()
    api, server = pwned("right", PASSWORDS, **BY_CACHE)
    Shared("ranges", server.url).put(LEAKED.prefix, b"what was one once")
    assert api.look(LEAKED, wait=10).finding is Finding.HIT


def test_a_cache_that_is_down_is_a_miss_and_said_once_without_its_words(
    pwned, ranges, caplog
) -> None:
    ranges(Broken)
    api, server = pwned("right", PASSWORDS, **BY_CACHE)
    for one in (LEAKED, *candidates(3)):
        assert api.look(one, wait=10).finding is not Finding.UNKNOWN
    assert len(server.heads) == 4
    assert caplog.messages == ["hardening: BREACH_CACHE raised ConnectionError"]


def test_a_cache_that_does_not_exist_is_a_miss(pwned, caplog) -> None:
    api, _ = pwned("right", PASSWORDS, **PATIENT, BREACH_CACHE="nowhere")
    assert api.look(LEAKED, wait=10).finding is Finding.HIT
    assert caplog.messages == ["hardening: BREACH_CACHE raised InvalidCacheBackendError"]
