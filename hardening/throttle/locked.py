"""What refuses right now: accounts by name, names that nobody has and addresses by number.

Of an account the row holds its primary key; of anything else a digest only. What a row is shows
by what it counts: addresses note which accounts failed there, names count runs and no rates, known
browsers and mails do neither. Times are integer microseconds.

The trap: a row's key holds the password of its day. What is counted for an older one stays in the
table for a while and locks nobody; it is left out here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Q

from hardening.conf import conf
from hardening.core.throttle import SECOND_US
from hardening.models import ThrottleCell
from hardening.models.counting import counting
from hardening.models.database import alias
from hardening.models.throttle import TATS
from hardening.throttle import subjects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hardening.models.throttle import ThrottleCellQuerySet

BATCH = 500  # an old SQLite takes no more than 999 parameters


def accounts(*, now_us: int) -> ThrottleCellQuerySet:
    """Return the rows of accounts that must wait, or are at their cap."""
    rows = _rows().exclude(target_pk="").filter(_waits(now_us))
    mine = _current(rows)
    found: ThrottleCellQuerySet = rows.exclude(
        key__in=[row.key for row in rows if row.key not in mine]
    )
    return found


def names(*, now_us: int) -> ThrottleCellQuerySet:
    """Return the rows of names that nobody has and that must wait."""
    found: ThrottleCellQuerySet = _rows().filter(_waits(now_us), target_pk="", tat_1_us=0)
    return found


def addresses(*, now_us: int) -> ThrottleCellQuerySet:
    """Return the rows of addresses that must wait, as far as the database knows, or are flagged."""
    full = Q(flagged_until__gt=now_us // SECOND_US)
    for tat, rule in zip(TATS, conf().THROTTLE.address, strict=False):
        full |= Q(**{f"{tat}__gt": rule.latest_admissible_tat(now_us)})
    found: ThrottleCellQuerySet = _rows().filter(full, target_pk="", long_since__gt=0)
    return found


def forget_names(*, now_us: int) -> int:
    """End the wait of every name that nobody has; return how many."""
    return names(now_us=now_us).update(run=0, total=0, next_us=0)


def of(user: Any) -> ThrottleCell | None:
    """Return the counter of an account under its password of today; `None` if it has none."""
    found: ThrottleCell | None = (
        _rows().filter(key=subjects.password(user.pk, user.password), total__gt=0).first()
    )
    return found


def people(rows: Iterable[ThrottleCell]) -> list[Any]:
    """Return the users that rows are about, in their order."""
    listed = list(rows)
    by_pk = _users({row.target_pk for row in listed})
    return [by_pk[row.target_pk] for row in listed if row.target_pk in by_pk]


def _rows() -> Any:
    return counting().rows(ThrottleCell)


def _waits(now_us: int) -> Q:
    return Q(next_us__gt=now_us) | Q(total__gte=conf().THROTTLE.account.cap)


def _current(rows: Iterable[ThrottleCell]) -> set[str]:
    """Return those of the rows' keys that hold the password of today."""
    return {subjects.password(user.pk, user.password) for user in people(rows)}


def _users(target_pks: set[str]) -> dict[str, Any]:
    """Return users by their primary keys as text, whatever the default manager hides."""
    model = get_user_model()
    everybody = model._base_manager.using(alias())  # noqa: SLF001 - everybody
    pks = [pk for pk in map(_read, sorted(target_pks)) if pk is not None]
    found: dict[str, Any] = {}
    for start in range(0, len(pks), BATCH):
        batch = everybody.filter(pk__in=pks[start : start + BATCH])
        found |= {str(user.pk): user for user in batch}
    return found


def _read(text: str) -> Any:
    try:
        return get_user_model()._meta.pk.to_python(text)  # noqa: SLF001 - Django's documented API
    except ValidationError:  # the site had users of another kind once
        return None
