"""The search through the sources, in order: the first hit wins, a clean answer ends it.

`local` stands first, always: an outage of the others never means "unchecked", at worst "checked
against less". Sources are made once a process, when they are first needed.

The trap: what a source raises may quote what it was asked. Only the type of a fault is logged.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from hardening import host
from hardening.breach.sources import Answer
from hardening.conf import NAME, conf, problems
from hardening.core.pwned import Finding

if TYPE_CHECKING:
    from hardening.breach.sources import Late, Source
    from hardening.core.pwned import Candidate

BUILT_IN = {
    "local": "hardening.breach.local.Local",
    "corpus": "hardening.breach.corpus.CorpusSource",
    "api": "hardening.breach.api.RangeApi",
}
LOOKED_FOR = ("name", "look")  # what makes a source

log = logging.getLogger("hardening")
_stand_in: tuple[Source, ...] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the search came to.

    Attributes:
        answer: The one that ended it; `UNKNOWN` where none did.
        faults: ``source:fault`` of each source that could not be asked.
    """

    answer: Answer
    faults: tuple[str, ...] = ()

    @property
    def finding(self) -> Finding:
        """Hit, clean or unknown."""
        return self.answer.finding


@sensitive_variables("candidate")
def search(candidate: Candidate, *, wait: float, late: Late | None = None) -> Found:
    """Ask each source in turn until one knows.

    Args:
        candidate: The password.
        wait: For how many seconds all of them together may take.
        late: Told of an answer that comes after that; see `sources.Source.look`.
    """
    faults: list[str] = []
    began = time.monotonic()
    for source in sources():
        left = max(0.0, wait - (time.monotonic() - began))
        answer = _asked(source, candidate, left, late)
        if answer.finding is not Finding.UNKNOWN:
            return Found(answer, tuple(faults))
        if answer.fault:
            faults.append(f"{answer.source}:{answer.fault}")
    return Found(Answer(Finding.UNKNOWN), tuple(faults))


@sensitive_variables("candidate")
def _asked(source: Source, candidate: Candidate, wait: float, late: Late | None) -> Answer:
    try:
        answer: Any = source.look(candidate, wait=wait, late=late)
    except Exception as fault:  # noqa: BLE001 - a source of the site's own may raise anything
        told = f"raised {type(fault).__name__}"
    else:
        if isinstance(answer, Answer) and isinstance(answer.finding, Finding):
            return answer
        told = f"answered with a {type(getattr(answer, 'finding', answer)).__name__}"
    # Outside the handler: the text and the traceback of what was raised may quote the password.
    log.error("hardening: the breach source %s %s", source.name, told)
    return Answer(Finding.UNKNOWN, source.name, fault="raised")


def sources() -> tuple[Source, ...]:
    """Return the sources in their order, `local` first.

    While a site's tests run it is `local` alone: no test of anybody's reaches for the network.
    """
    if _stand_in is not None:
        return _stand_in
    return _configured()[:1] if host.is_under_test() else _configured()


def prepare() -> None:
    """Make the sources, if the settings can be read; where they cannot, a check says why."""
    if not problems():
        _configured()


def heeds_sign_ins() -> bool:
    """Whether passwords are looked up when they are used.

    Not while a site's tests run, which sign in with ``password`` and the like, unless a test says
    what is breached.
    """
    return _stand_in is not None or not host.is_under_test()


def stand_in(instead: tuple[Source, ...] | None) -> tuple[Source, ...] | None:
    """Ask these and nobody else, for tests and drills; `None`: as the settings say.

    Returns:
        Who stood in before.
    """
    global _stand_in
    before, _stand_in = _stand_in, instead
    return before


@cache
def _configured() -> tuple[Source, ...]:
    named = (name for name in conf().BREACH_SOURCES if name != "local")
    made = (_made(name) for name in ("local", *named))
    return tuple(source for source in made if source is not None)


def _made(name: str) -> Source | None:
    """Return a source; `None`, said once a process, where there is none: the others are asked."""
    try:
        made: Any = import_string(BUILT_IN.get(name, name))()
        lacking = [one for one in LOOKED_FOR if not hasattr(made, one)]
    except Exception as fault:  # noqa: BLE001 - a module may fail in any way while it is imported
        lacking, made = [type(fault).__name__], None
    if lacking:
        why = " and ".join(lacking) if made is None else f"it has no {' and no '.join(lacking)}"
        log.critical("hardening: the breach source %s is left out: %s", name, why)
        return None
    source: Source = made
    return source


def forget() -> None:
    """Make the sources anew when they are next needed."""
    _configured.cache_clear()


def _forget_if_ours(*, setting: str, **_: Any) -> None:
    if setting == NAME:
        forget()


setting_changed.connect(_forget_if_ours, dispatch_uid="hardening.breach")
