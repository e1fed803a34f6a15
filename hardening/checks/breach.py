"""Breached passwords: whether new ones are looked up, where, and what else is asked of them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution
from django.utils.module_loading import import_string

from hardening.breach import corpus
from hardening.breach.search import BUILT_IN
from hardening.conf import conf, problems
from hardening.core.values import PasswordMode
from hardening.validators import BreachedPasswordValidator

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = "hardening.validators.BreachedPasswordValidator"
DJANGOS = ("django.contrib.auth.", "hardening.")
# By what stands in a validator's name, word by word; the packages that are known, by their module.
COMPOSITION, HISTORY, EXPIRY = "composition rules", "a history", "an expiry"
RULES: tuple[tuple[str, str], ...] = (
    (r"(alphanumeric|case|complexity|composition|digits?|lower|lowercase)", COMPOSITION),
    (r"(numbers?|numeric|punctuation|special|symbols?|upper|uppercase)", COMPOSITION),
    (r"(history|historical|previous|previously|recent|recently|reuse|reused)", HISTORY),
    (r"(age|expiration|expired|expires|expiry)", EXPIRY),
)
MODULES = {
    "django_password_validators.password_character_requirements": COMPOSITION,
    "django_password_validators.password_history": HISTORY,
}


def new_passwords_are_looked_up(**_: Any) -> Iterable[CheckMessage]:
    """W012: without the validator, a password from a leaked list is found when it is used."""
    if not any(_is_ours(path) for path in _validators()):
        yield Caution(
            "No validator refuses passwords that are known from breaches.",
            hint=f"Add {{'NAME': '{OURS}'}} to AUTH_PASSWORD_VALIDATORS.",
            id="hardening.W012",
        )


def validators_ask_nothing_forbidden(**_: Any) -> Iterable[CheckMessage]:
    """W013: composition rules, histories and expiry make people choose what is easily guessed."""
    for path in _validators():
        added = _forbidden(path)
        if added:
            yield Caution(
                f"AUTH_PASSWORD_VALIDATORS names {path!r}, which by its name adds {added}; "
                "NIST SP 800-63B-4 §3.1.1.2 forbids that.",
                hint="Remove it; length and a check against leaked lists do more. "
                "If it does nothing of the kind, silence this check.",
                id="hardening.W013",
            )


def corpus_can_be_read(**_: Any) -> Iterable[CheckMessage]:
    """E017: a file that is refused knows nothing: passwords are looked up in fewer lists."""
    said = None if problems() else corpus.refused()
    if said is not None:
        yield Error(
            f"HARDENING['BREACH_CORPUS'] cannot be read: {said}.",
            hint="Correct the path, or build the file (hardening_corpus build), or remove it.",
            id="hardening.E017",
        )


def sources_can_be_used(**_: Any) -> Iterable[CheckMessage]:
    """E018: a source that is none is left out: passwords are looked up in fewer lists."""
    if problems():
        return
    for path in conf().BREACH_SOURCES:
        said = None if path in BUILT_IN else _wrong_source(path)
        if said is not None:
            yield Error(
                f"HARDENING['BREACH_SOURCES'] names {path!r}, which {said}.",
                hint="Correct it: the path of a class without arguments, with the attribute and "
                "the method of hardening.breach.sources.Source.",
                id="hardening.E018",
            )


def answers_have_their_cache(**_: Any) -> Iterable[CheckMessage]:
    """W014: a cache of that alias is not there: every process asks the API for itself."""
    alias = None if problems() else conf().BREACH_CACHE
    if alias is not None and alias not in settings.CACHES:
        yield Caution(
            f"HARDENING['BREACH_CACHE'] names {alias!r}, and CACHES has no such alias.",
            hint="Correct it, or remove it.",
            id="hardening.W014",
        )


def api_is_asked_in_private(**_: Any) -> Iterable[CheckMessage]:
    """W015: over plain http whoever listens learns prefixes, and may answer in its place."""
    if problems() or "api" not in conf().BREACH_SOURCES:
        return
    parts = urlsplit(conf().BREACH_API_URL)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        yield Caution(
            "HARDENING['BREACH_API_URL'] is plain http: whoever listens on the way learns "
            "prefixes of passwords, and may call a breached one clean.",
            hint="Correct it to https.",
            id="hardening.W015",
        )


def corpus_is_named_and_asked(**_: Any) -> Iterable[CheckMessage]:
    """W017: one of two settings is there without the other, and nothing else would say so."""
    said = None if problems() else _half_a_corpus(set(conf().BREACH_SOURCES) - {"local"})
    if said is not None:
        yield Caution(
            f"{said}: passwords are looked up in fewer lists than is meant.",
            hint="Set both, BREACH_CORPUS and 'corpus' in BREACH_SOURCES, or neither.",
            id="hardening.W017",
        )


def used_passwords_are_looked_up(**_: Any) -> Iterable[CheckMessage]:
    """W016 (deploy): a stuffed password is one from a leaked list."""
    if not problems() and conf().BREACHED_PASSWORDS is PasswordMode.OFF:
        yield Caution(
            "HARDENING['BREACHED_PASSWORDS'] is 'off': passwords that sign in are looked up only "
            "where a policy says so.",
            hint="Remove it, or set it to 'report' to count first.",
            id="hardening.W016",
        )


def _validators() -> list[str]:
    listed: Any = settings.AUTH_PASSWORD_VALIDATORS
    return [str(one["NAME"]) for one in listed if isinstance(one, dict) and "NAME" in one]


def _is_ours(path: str) -> bool:
    """Return whether it is our validator or made of it; what cannot be imported Django reports."""
    try:
        found = import_string(path)
    except Exception:  # noqa: BLE001 - a module may fail in any way while it is imported
        return False
    return isinstance(found, type) and issubclass(found, BreachedPasswordValidator)


def _forbidden(path: str) -> str | None:
    """Return what a validator adds, judged by its name; nothing is imported."""
    if path.startswith(DJANGOS):
        return None
    for module, added in MODULES.items():
        if path.startswith(f"{module}."):
            return added
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", path.rpartition(".")[2])
    for pattern, added in RULES:
        if any(re.fullmatch(pattern, word, re.IGNORECASE) for word in words):
            return added
    return None


def _wrong_source(path: str) -> str | None:
    """Return what is wrong with a source of the site's own; nothing is called."""
    try:
        found = import_string(path)
    except Exception as fault:  # noqa: BLE001 - a module may fail in any way while it is imported
        return f"cannot be imported ({type(fault).__name__})"
    if not callable(found):
        return "cannot be called"
    # What a function returns, and what `__init__` sets, is seen when it is made.
    return "has no look" if isinstance(found, type) and not hasattr(found, "look") else None


def _half_a_corpus(asked: set[str]) -> str | None:
    file = conf().BREACH_CORPUS
    if file is not None and "corpus" not in asked:
        return "HARDENING['BREACH_CORPUS'] names a file, and BREACH_SOURCES does not ask it"
    if file is None and asked == {"corpus"}:  # beside others it is the default, and harmless
        return "HARDENING['BREACH_SOURCES'] asks a corpus alone, and BREACH_CORPUS names none"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
