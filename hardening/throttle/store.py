"""Which store counts: the one that `THROTTLE_STORE` names.

The database counts everything, or consecutive failures alone while Redis (or a store of the
site's own) counts rates. All budgets of a try are charged or none, before the try is judged; what
is up here never raises because a store is down (`guarded`).
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed
from django.db import Error
from django.utils.module_loading import import_string

from hardening.conf import NAME, conf
from hardening.conf.limits import REDIS_SCHEMES
from hardening.throttle import database
from hardening.throttle.budgets import Refused, Store, Taken
from hardening.throttle.degraded import Table
from hardening.throttle.guarded import Guarded, Outages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.throttle.budgets import Budget

METHODS = ("take", "give_back")
REDIS_STORE = "hardening.throttle.redis.RedisStore"  # by its path: redis-py is optional

_table = Table()
_outages = Outages()


class DatabaseStore:
    """Everything in one table."""

    def take(self, budgets: Sequence[Budget], *, now_us: int) -> Taken | Refused:
        """Charge one try to every budget, or to none."""
        return database.take(budgets, now_us=now_us)

    def give_back(self, taken: Taken, *, now_us: int) -> None:
        """Undo a charge."""
        database.give_back(taken, now_us=now_us)


class Split:
    """Rates beside the database, which keeps consecutive failures.

    What is refused beside it asks the database nothing. What the database refuses is given back.
    """

    remote = True

    def __init__(self, rates: Guarded, runs: Guarded) -> None:
        self.rates, self.runs = rates, runs

    def take(self, budgets: Sequence[Budget], *, now_us: int) -> Taken | Refused:
        """Charge one try to every budget, or to none."""
        beside = [budget for budget in budgets if budget.backoff is None]
        inside = [budget for budget in budgets if budget.backoff is not None]
        first: Taken | Refused = Taken((), now_us)
        if beside:
            first = self.rates.take(beside, now_us=now_us)
        if isinstance(first, Refused) or not inside:
            return first
        second = self.runs.take(inside, now_us=now_us)
        if isinstance(second, Refused):
            self.rates.give_back(first, now_us=now_us)
            return second
        return replace(first.with_more(second), budgets=tuple(budgets))

    def give_back(self, taken: Taken, *, now_us: int) -> None:
        """Undo a charge."""
        beside = tuple(budget for budget in taken.budgets if budget.backoff is None)
        inside = tuple(budget for budget in taken.budgets if budget.backoff is not None)
        self.rates.give_back(replace(taken, budgets=beside), now_us=now_us)
        self.runs.give_back(replace(taken, budgets=inside), now_us=now_us)


def current() -> Guarded | Split:
    """Return the store that the settings name; its `remote` says if rates lie beside the database.

    Raises:
        ImproperlyConfigured: If anything in `settings.HARDENING` is wrong.
    """
    return _named(conf().THROTTLE_STORE)


def charge_again(taken: Taken) -> None:
    """Charge anew what went with a foreign transaction: only what the database counts."""
    kept = current()
    runs, lost = kept, [budget for budget in taken.budgets if budget.key not in taken.degraded]
    if isinstance(kept, Split):
        runs, lost = kept.runs, [budget for budget in lost if budget.backoff is not None]
    if lost:
        runs.take(lost, now_us=taken.at_us)


def forgive(key: str) -> bool:
    """Forget a run of consecutive failures, wherever it was counted; true if there was one.

    Raises:
        django.db.Error: If the database is down; whoever signs in needs it for more than this.
    """
    here = _table.forgive(key)
    return database.forgive(key) or here


def forget(*keys: str) -> bool:
    """Forget all that is counted under these keys, wherever; true if there was anything.

    By an operator's word. A store of the site's own may have a method of this name, which gets a
    sequence of keys; one without forgets when its time comes.

    Raises:
        Exception: If a store is down; nobody should believe that it has forgotten.
    """
    gone = [_table.forget(keys), database.forget(keys)]
    kept = current()
    if isinstance(kept, Split):
        beside = getattr(kept.rates.store(), "forget", None)
        gone.append(beside is not None and bool(beside(keys)))
    return any(gone)


def take_outage_notice() -> str | None:
    """Return which store is down ("database", "redis", "custom"), once a minute and process."""
    return _outages.take_notice()


def load(path: str) -> Any:
    """Return the store that a dotted path names; a class is called without arguments.

    Raises:
        ImportError: If there is no such thing.
    """
    found = import_string(path)
    return found() if inspect.isclass(found) else found


def clear() -> None:
    """Forget the rates that lie beside the database, and what this process counts; for tests."""
    _table.clear()
    _outages.clear()
    kept = current()
    clear_rates = getattr(kept.rates.store(), "clear", None) if isinstance(kept, Split) else None
    if clear_rates is not None:
        clear_rates()


@functools.cache
def _named(setting: str) -> Guarded | Split:
    in_database = Guarded("database", DatabaseStore, _table, _outages, faults=(Error,), pause_us=0)
    if setting == "database":
        return in_database
    if setting.startswith(REDIS_SCHEMES):
        rates = Guarded("redis", partial(_redis, setting), _table, _outages)
    else:
        rates = Guarded("custom", partial(load, setting), _table, _outages)
    return Split(rates, in_database)


def _redis(url: str) -> Store:
    store: Store = import_string(REDIS_STORE)(url)
    return store


def _forget(*, setting: str, **_: Any) -> None:
    if setting == NAME:
        _named.cache_clear()
        _table.clear()
        _outages.clear()


setting_changed.connect(_forget, dispatch_uid="hardening.throttle.store")

__all__ = [
    "Store",
    "charge_again",
    "clear",
    "current",
    "forget",
    "forgive",
    "load",
    "take_outage_notice",
]
