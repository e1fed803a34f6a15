"""What people are told of requests of operators: who could approve, who asked, whom it is about.

No mail carries a link to a request: whoever gets one opens the admin as always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from hardening import audit, roles
from hardening.audit import NOWHERE
from hardening.flows.notices import tell
from hardening.models.database import alias
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hardening.audit import Where
    from hardening.models import OperatorRequest


def opened(
    asked: OperatorRequest, operators: Iterable[Any], *, now: int, where: Where = NOWHERE
) -> None:
    """Tell whom a request is about, and those who could approve it."""
    said = {
        **_what(asked),
        "by": asked.requester_name,
        "reason": asked.reason,
        "expires": moment(asked.expires_at),
    }
    tell(asked.target, "request_about_you", said, now=now, where=where.elsewhere)
    for operator in operators:
        tell(operator, "request_opened", said, now=now)


def answered(asked: OperatorRequest, *, by: Any, approved: bool, why: str = "", now: int) -> None:
    """Tell whoever asked what came of it, if he is still there."""
    people = get_user_model()._base_manager.using(alias())  # noqa: SLF001 - everybody
    requester = people.filter(pk=asked.requester_pk).first()
    if requester is not None:
        said = {**_what(asked), "approved": approved, "by": audit.name_of(by), "reason": why}
        tell(requester, "request_answered", said, now=now)


def dropped(asked: OperatorRequest, *, now: int) -> None:
    """Tell whom a request is about that nothing comes of it."""
    tell(asked.target, "request_dropped", _what(asked), now=now)


def _what(asked: OperatorRequest) -> dict[str, Any]:
    """Return what is asked for, for whom, and of an exemption from what and until when."""
    said: dict[str, Any] = {"deed": asked.deed, "whom": audit.name_of(asked.target)}
    if asked.policy is not None and asked.until is not None:
        said |= {"role": roles.label(asked.policy.role), "until": moment(asked.until)}
    return said
