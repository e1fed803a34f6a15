"""The words that nobody should use as a password here: the site's names and the person's own.

The site: its name, the hosts of ``ALLOWED_HOSTS`` and their parts. The person: user name, e-mail
address and what stands before its ``@``, first and last name, alone and together.

Source: NIST SP 800-63B-4 §3.1.1.2, the words that belong to the context.

The trap: a user may be none (a registration), one that is not saved yet, or of a model that names
its fields otherwise or computes them. What cannot be read is left out; nobody is refused for it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

from hardening import host

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIN_LENGTH = 4  # shorter ones are no password, and too many innocent ones
MAX_LABELS = 8  # of a host's name; nobody's has more


def words_of(user: Any = None) -> tuple[str, ...]:
    """Return the words of the site and of `user`, each once, of `MIN_LENGTH` letters or more.

    Args:
        user: Of any model, saved or not; `None` where there is nobody yet.
    """
    site = _of_site(host.site_name(), host.named_hosts())
    return tuple(dict.fromkeys((*site, *_long_enough(_of_person(user)))))


@lru_cache(maxsize=16)
def _of_site(name: str, hosts: tuple[str, ...]) -> tuple[str, ...]:
    parts = (part for one in hosts for part in _of_host(one))
    return tuple(dict.fromkeys(_long_enough([name, "".join(name.split()), *parts])))


def _of_host(name: str) -> Iterator[str]:
    """Yield every run of a host's labels but the ending alone, which is nobody's name.

    Of "shop.example.com": the whole, "shop.example", "shop", "example.com" and "example".
    """
    labels = [label for label in name.split(".") if label][:MAX_LABELS]
    for start, end in combinations(range(len(labels) + 1), 2):
        if start < len(labels) - 1 or len(labels) == 1:
            yield ".".join(labels[start:end])


def _of_person(user: Any) -> Iterator[str]:
    if user is None:
        return
    email = _text(user, _text(user, "get_email_field_name") or "email")
    first, last = _text(user, "first_name"), _text(user, "last_name")
    yield from (_text(user, "get_username"), email, email.partition("@")[0], first, last)
    for one, other in ((first, last), (last, first)):
        yield from (f"{one} {other}".strip(), f"{one}{other}")


def _text(owner: Any, name: str) -> str:
    """Return an attribute, or what it returns, as text.

    Empty where the host's model has none, or it raises: a property may raise anything.
    """
    try:
        value = getattr(owner, name)
        return str((value() if callable(value) else value) or "").strip()
    except Exception:  # noqa: BLE001 - whatever it is, it costs a word and no sign-in
        return ""


def _long_enough(words: Iterable[str]) -> Iterator[str]:
    return (word for word in words if len(word) >= MIN_LENGTH)
