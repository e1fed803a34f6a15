"""Mails: what people are told, when, and to which addresses.

Notices go out after commit and none on rollback; a mail server that is down never stops the
action. Who hands one to `after_commit` hears what became of it, and may keep what did not go
(`hardening.flows.outbox`). A mailbox code is different: somebody waits for it, so `deliver` sends
at once and says whether it went.

A template of the site's own that cannot be rendered keeps nothing back: the mail is then made from
the template that came with this app, by an engine of its own.

The trap: names and labels in a mail are typed by people, and text mails have no markup. A line
break in one would forge the line below it, so there is none; what operators write as a reason keeps
its lines. And Django logs the context of templates: codes and links are hidden in it.
"""

from __future__ import annotations

import functools
import logging
import re
import unicodedata
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.mail import EmailMultiAlternatives
from django.template import Context, Engine, TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import render_to_string
from django.utils import timezone, translation

from hardening import host
from hardening.conf import conf
from hardening.models.database import on_commit
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

PARAGRAPHS = frozenset({"reason", "why"})  # details that may have lines
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # turn text round
MOST_LOGGED = 100  # faults of templates a process remembers having logged
BREAKS = frozenset({"Cc", "Zl", "Zp"})  # Unicode: control characters, and breaks by other names

_GAP = re.compile(r"\n{3,}")

log = logging.getLogger("hardening")


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail. `name` is the template, `details` what it says; secrets stay out of `repr`.

    `zone` is whose time it speaks of; `None`: that of the request or of the site. `language`
    likewise. `user_pk` names the account in the event, should it not arrive.
    """

    name: str
    to: tuple[str, ...]
    person: str
    at: int
    details: dict[str, Any] = field(default_factory=dict, repr=False)
    zone: tzinfo | None = None
    language: str = ""
    user_pk: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a notice: the addresses it did not go to, and by which template it was made.

    `fallback`: by ours, because the site's own could not be rendered.
    """

    failed: tuple[str, ...] = ()
    fallback: bool = False


class _Details(dict[str, Any]):
    """What a mail says; empty where a template asks for more.

    Django logs a failed look-up at DEBUG, with all that it looked in: codes and links too.
    """

    def __missing__(self, key: str) -> str:
        return ""


class _Parts(NamedTuple):
    subject: str
    text: str
    html: str


def after_commit(notice: Notice, heard: Callable[[Notice, Outcome], None] | None = None) -> None:
    """Send once the transaction at hand is committed; at once where there is none.

    Args:
        notice: What.
        heard: Told what became of it; without one a mail that does not go is logged and lost.
    """
    on_commit(partial(_send_and_tell, notice, heard))


def _send_and_tell(notice: Notice, heard: Callable[[Notice, Outcome], None] | None) -> None:
    outcome = send(notice)
    if heard is not None:
        heard(notice, outcome)


def deliver(notice: Notice) -> bool:
    """Send now; false if not every mail could be sent, which is logged without its content."""
    return bool(notice.to) and not send(notice).failed


def reach(notice: Notice) -> bool:
    """Send now; true if it went to one address at least, so that it is not sent again."""
    return len(send(notice).failed) < len(notice.to)


def send(notice: Notice) -> Outcome:
    """Send now, to each address by itself; what could not be sent is logged without its content."""
    # One mail each: nobody learns the other address, and one that bounces stops no other.
    sent = {address: _sent(notice, address) for address in notice.to}
    failed = tuple(address for address, went in sent.items() if went is None)
    return Outcome(failed, fallback=True in sent.values())


def _sent(notice: Notice, address: str) -> bool | None:
    """Send one; return whether it was made by our own template, `None` if it did not go."""
    try:
        message, fallback = _message(notice, address)
        message.send()
    except Exception:
        log.warning("the notice %r could not be sent", notice.name, exc_info=True)
        return None
    return fallback


def _message(notice: Notice, to: str) -> tuple[EmailMultiAlternatives, bool]:
    details = {key: _in_lines(key, value) for key, value in notice.details.items()}
    context = {
        "site_name": host.site_name(),
        "person": _one_line(notice.person),
        "when": moment(notice.at),
        "support": conf().SUPPORT,
        "details": _Details(details),
        **details,
    }
    zone = timezone.override(notice.zone) if notice.zone else nullcontext()
    language = notice.language or translation.get_language() or "en"
    with translation.override(language), zone:
        parts, fallback = _made(notice.name, context)
        message = EmailMultiAlternatives(parts.subject, parts.text, host.mail_sender(), [to])
        message.attach_alternative(parts.html, "text/html")
    return message, fallback


def _made(name: str, context: dict[str, Any]) -> tuple[_Parts, bool]:
    """Return subject and bodies, and whether our own template had to stand in for the site's."""
    try:
        return _rendered(name, context, render_to_string), False
    except Exception as fault:  # noqa: BLE001 - a site's template may fail in any way
        _say_that_it_is_broken(name, _what_is_wrong(fault))
    # Out here: a fault of ours would be logged with the site's, which may quote the context.
    return _rendered(name, context, _by_our_own), True


def _what_is_wrong(fault: Exception) -> str:
    """Return what may be logged: a fault while rendering may quote a code from the context."""
    if isinstance(fault, TemplateSyntaxError | TemplateDoesNotExist):
        return f"{type(fault).__name__}: {fault}"
    return type(fault).__name__


def _rendered(name: str, context: dict[str, Any], render: Callable[..., str]) -> _Parts:
    base = f"hardening/mail/{name}"
    subject = _one_line(render(f"{base}.subject.txt", context))
    text = _GAP.sub("\n\n", render(f"{base}.txt", context))  # where a block said nothing
    return _Parts(subject, text, render(f"{base}.html", context))


def _by_our_own(path: str, context: dict[str, Any]) -> str:
    return str(_engine().get_template(path).render(Context(context)))


@functools.cache
def _engine() -> Engine:
    """Return an engine that sees our own templates, whatever the site's settings say."""
    return Engine(
        dirs=[str(Path(__file__).parent / "templates")],
        libraries={"i18n": "django.templatetags.i18n"},
    )


@functools.lru_cache(maxsize=MOST_LOGGED)
def _say_that_it_is_broken(name: str, why: str) -> None:
    """Log it once in each process."""
    log.error(
        "the mail template %r cannot be rendered; our own is sent in its place. %s", name, why
    )


class _Unquoted(str):
    """A text that is not shown where somebody quotes the context.

    Django's own log does, at level DEBUG, for each variable that a template asks for in vain.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def _in_lines(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    lines = value.splitlines() if key in PARAGRAPHS else [value]
    return _Unquoted("\n".join(_one_line(line) for line in lines))


def _one_line(text: str) -> str:
    """Return a text without line breaks, control characters, or what turns its direction."""
    said = "".join(
        " " if unicodedata.category(one) in BREAKS or one in OVERRIDES else one for one in text
    )
    return " ".join(said.split())


def clear() -> None:
    """Forget which templates were said to be broken; for tests."""
    _say_that_it_is_broken.cache_clear()
