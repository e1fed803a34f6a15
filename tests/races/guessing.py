"""What must be true of sixty-four who guess one password at once, through all of the backend."""

from __future__ import annotations

from threading import Lock

from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import RequestFactory

from hardening import attempted, testing
from hardening.throttle import hashgate
from tests.races.runner import race_all

THREADS = 64
WRONG = "not the password"


class Hashes:
    """Counts what is hashed, in any thread."""

    def __init__(self, monkeypatch):
        self._lock, self.count = Lock(), 0
        encode = MD5PasswordHasher.encode

        def spy(hasher, password, salt):
            with self._lock:
                self.count += 1
            return encode(hasher, password, salt)

        monkeypatch.setattr(MD5PasswordHasher, "encode", spy)


def guess(name, address):
    """Try a wrong password as a request does; return 429, 503 or nothing if it was judged."""
    request = RequestFactory().post("/security/login/", REMOTE_ADDR=address)
    assert authenticate(request, username=name, password=WRONG) is None
    refusal = attempted.refusal_of(request)
    attempted.over(request)
    return refusal and (503 if refusal.busy else 429)


def addresses(kind):
    """Return an address for each: all the same one, or all of them apart."""
    one = ["192.0.2.7"] * THREADS
    return one if kind == "address" else [f"198.18.{number}.1" for number in range(THREADS)]


def names(kind):
    """Return a name for each: as many as there are, or one however it is spelled."""
    junk = [f"junk-{number}" for number in range(THREADS)]
    spelled = ["fan", "FAN", " fan ", "fan@example.com"] * (THREADS // 4)
    return {"address": junk, "account": spelled, "nobody": ["fon"] * THREADS}[kind]


def five_hashes(kind, monkeypatch, *, rounds, crowded=False):
    """Let sixty-four guess at once; five are hashed, and the others are told to wait.

    `crowded`: where the queue for a lock may be too long, fewer are hashed, and never more.
    """
    hashgate.configure(places=THREADS)
    hashes = Hashes(monkeypatch)
    for turn in range(rounds):
        testing.no_throttle()
        hashgate.configure(places=THREADS)
        hashes.count = 0
        pairs = list(zip(names(kind), addresses(kind), strict=True))
        answers = race_all(lambda pair: guess(*pair), pairs)
        judged = answers.count(None)
        assert hashes.count == judged, f"round {turn}"
        assert set(answers) <= {None, 429}
        assert judged == 5 or (crowded and 1 <= judged < 5), f"round {turn}: {judged}"


KINDS = ("address", "account", "nobody")
