"""What a browser has to do where its net failed too often: a protocol, and which one a site has.

It refuses nobody. Who meets it signs in as from any other net; who does not (no script, another
door, a program) proves the mailbox or a second factor. Where attack mode or a flagged address asks
for that proof, it changes nothing.

The trap: whatever a challenge asks, it is asked of everybody in the net, and answered by whoever
wants to badly enough. It makes guessing dearer, and stands for no proof of who somebody is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Protocol

from django.core.signals import setting_changed

from hardening.conf import NAME, conf
from hardening.throttle import store

if TYPE_CHECKING:
    from collections.abc import Mapping

METHODS = ("issue", "verify")


class Challenge(Protocol):
    """What a dotted path in ``HARDENING["CHALLENGE"]`` leads to: a class or an object of one.

    What either method raises is logged: no challenge was offered, or it was not met.

    Attributes:
        template_name: What our login page includes in its form; `challenge` there is what `issue`
            returned. It may bring fields and, by a file, a script.
    """

    template_name: str

    def issue(self, *, address: str | None, now: int) -> dict[str, Any]:
        """Return what a browser, or a program, needs to know. Called for each page that asks.

        Args:
            address: The client's network address; `None` where nobody knows it.
            now: Unix seconds.

        Returns:
            What JSON can hold; whoever asks the login page for JSON gets it as `challenge`.
        """

    def verify(self, answer: Mapping[str, str], *, address: str | None, now: int) -> bool:
        """Return whether it was met, once: the same answer must not be good for another try.

        Called for each try from a net over its limit, whether the password was right or wrong.

        Args:
            answer: What the form brought, without name and password.
            address: As above.
            now: Unix seconds.
        """


def current() -> Challenge | None:
    """Return the challenge of this site; `None`: it offers none.

    Raises:
        ImportError: If there is no such thing.
        ImproperlyConfigured: If anything in `settings.HARDENING` is wrong.
    """
    path = conf().CHALLENGE
    return None if path is None else _named(path)


@functools.cache
def _named(path: str) -> Challenge:
    found: Challenge = store.load(path)
    return found


def _forget(*, setting: str, **_: Any) -> None:
    if setting == NAME:
        _named.cache_clear()


setting_changed.connect(_forget, dispatch_uid="hardening.throttle.challenge")
