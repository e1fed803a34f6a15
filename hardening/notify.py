"""Mails: what people are told, when, and to which addresses.

Notices go out after commit and none on rollback; a mail server that is down never stops the
action (the fault is logged). A mailbox code is different: somebody waits for it, so `deliver`
sends at once and says whether it went.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from hardening import host
from hardening.conf import conf
from hardening.models.database import on_commit
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

log = logging.getLogger("hardening")


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail. `name` is the template, `details` what it says; secrets stay out of `repr`.

    `zone` is whose time it speaks of; `None`: that of the request or of the site.
    """

    name: str
    to: tuple[str, ...]
    person: str
    at: int
    details: dict[str, Any] = field(default_factory=dict, repr=False)
    zone: tzinfo | None = None


def after_commit(notice: Notice) -> None:
    """Send once the transaction at hand is committed; at once where there is none."""
    on_commit(partial(deliver, notice))


def deliver(notice: Notice) -> bool:
    """Send now; false if not every mail could be sent, which is logged without its content."""
    # One mail each: nobody learns the other address, and one that bounces stops no other.
    sent = [_sent(notice, address) for address in notice.to]
    return bool(sent) and all(sent)


def reach(notice: Notice) -> bool:
    """Send now; true if it went to one address at least, so that it is not sent again."""
    # Not `any` over a generator: each address gets its mail.
    sent = [_sent(notice, address) for address in notice.to]
    return any(sent)


def _sent(notice: Notice, address: str) -> bool:
    try:
        _message(notice, [address]).send()
    except Exception:
        log.warning("the notice %r could not be sent", notice.name, exc_info=True)
        return False
    return True


def _message(notice: Notice, to: Sequence[str]) -> EmailMultiAlternatives:
    language = translation.get_language() or "en"
    context = {
        "site_name": host.site_name(),
        "person": notice.person,
        "when": moment(notice.at),
        "support": conf().SUPPORT,
        "details": notice.details,
        **notice.details,
    }
    base = f"hardening/mail/{notice.name}"
    zone = timezone.override(notice.zone) if notice.zone else nullcontext()
    with translation.override(language), zone:
        subject = " ".join(render_to_string(f"{base}.subject.txt", context).split())
        message = EmailMultiAlternatives(
            subject, render_to_string(f"{base}.txt", context), host.mail_sender(), list(to)
        )
        message.attach_alternative(render_to_string(f"{base}.html", context), "text/html")
    return message
