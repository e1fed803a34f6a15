"""Rates in Redis: one script looks at every key of a try and charges all of them, or none.

Only rates live here. Consecutive failures stay in the database: a Redis that is emptied, or that
evicts, forgets minutes and hours, never the way to an account's cap.

A key holds the theoretical arrival times of its rules in their order, as decimal text, and lapses
when all of it is paid off (and `SLACK_MS` more, for hosts whose clocks differ). Times are integer
microseconds. Lua's numbers are doubles, exact up to 2**53: until the year 2255.

The clock is the caller's `now_us`, not the server's TIME: the database counts the other part of
the same try by that clock, and a refund is reckoned from the moment of the charge.

The traps: the URL holds a password, so no error's text is shown, and nothing here has a repr. The
client's own defaults wait for seconds and try again, while a visitor waits.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.retry import Retry

from hardening.throttle.budgets import Refused, Taken, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.throttle.budgets import Budget

PREFIX = "hardening:throttle:"
TIMEOUT_SECONDS = 0.2  # throttle.md "Stores": a store that is silent for longer is down
MAX_CONNECTIONS = 1_000  # of one process: more threads than any server runs
SLACK_MS = 60_000
BATCH = 500  # keys in one command

# ARGV: now, slack, then for each key how many rules and of each its emission and its tolerance.
# Returns the wait of each key; nothing was charged unless all of them are 0.
_TAKE = """
local now, slack, place = tonumber(ARGV[1]), tonumber(ARGV[2]), 3
local waits, values, lives, refused = {}, {}, {}, false
for number, key in ipairs(KEYS) do
  local stored = string.gmatch(redis.call('GET', key) or '', '%-?%d+')
  local tats, latest, wait = {}, now, 0
  local rules = tonumber(ARGV[place])
  place = place + 1
  for rule = 1, rules do
    local emission, tolerance = tonumber(ARGV[place]), tonumber(ARGV[place + 1])
    place = place + 2
    local tat = tonumber(stored() or now)
    wait = math.max(wait, math.min(tat - now - tolerance, emission))
    tat = math.max(tat, now) + emission
    latest = math.max(latest, tat)
    tats[rule] = string.format('%.0f', tat)
  end
  waits[number], refused = wait, refused or wait > 0
  values[number] = table.concat(tats, ' ')
  lives[number] = string.format('%.0f', math.ceil((latest - now) / 1000) + slack)
end
if not refused then
  for number, key in ipairs(KEYS) do
    redis.call('SET', key, values[number], 'PX', lives[number])
  end
end
return waits
"""

# ARGV: now, slack, then for each key how many rules and of each what goes back. A key that has
# lapsed owes nothing, and there is nothing to give back.
_GIVE_BACK = """
local now, slack, place = tonumber(ARGV[1]), tonumber(ARGV[2]), 3
for _, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  local stored = string.gmatch(value or '', '%-?%d+')
  local tats, latest = {}, now
  local rules = tonumber(ARGV[place])
  place = place + 1
  for rule = 1, rules do
    local tat = tonumber(stored() or now) - tonumber(ARGV[place])
    place = place + 1
    latest = math.max(latest, tat)
    tats[rule] = string.format('%.0f', tat)
  end
  if value then
    local life = string.format('%.0f', math.ceil((latest - now) / 1000) + slack)
    redis.call('SET', key, table.concat(tats, ' '), 'PX', life)
  end
end
"""


class RedisStore:
    """Rates on one Redis server, or on a primary that has replicas; not on a cluster.

    The pool of connections opens anew after a fork.
    """

    def __init__(self, url: str) -> None:
        """Open no connection yet.

        Args:
            url: A "redis://", "rediss://" or "unix://" URL with redis-py's options.

        Raises:
            ValueError: If the URL makes no sense; its text may show a part of the password.
        """
        self._pool = ConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            protocol=2,  # with 3 the client would wait longer while a server says it is busy
            retry=Retry(NoBackoff(), 0),
        )
        options: dict[str, Any] = self._pool.connection_kwargs  # the URL's come before arguments
        for name in ("socket_timeout", "socket_connect_timeout"):
            options[name] = min(options.get(name) or TIMEOUT_SECONDS, TIMEOUT_SECONDS)

    def take(self, budgets: Sequence[Budget], *, now_us: int) -> Taken | Refused:
        """Charge one try to the rates of every budget, or to none.

        Raises:
            redis.RedisError: If the server does not answer in time, or answers with an error.
        """
        limited = [budget for budget in budgets if budget.rules]
        arguments: list[int] = []
        for budget in limited:
            arguments.append(len(budget.rules))
            for rule in budget.rules:
                arguments += (rule.emission_us, rule.tolerance_us)
        waits = self._run(self._take, limited, now_us, arguments)
        worst: Refused | None = None
        for budget, wait in zip(limited, waits, strict=True):
            if wait and (worst is None or seconds(wait) > worst.retry_after):
                worst = Refused(seconds(wait), budget)
        return worst or Taken(tuple(budgets), now_us)

    def give_back(self, taken: Taken, *, now_us: int) -> None:
        """Undo a charge.

        Raises:
            redis.RedisError: If the server does not answer in time, or answers with an error.
        """
        held = now_us - taken.at_us
        limited = [budget for budget in taken.budgets if budget.rules]
        arguments: list[int] = []
        for budget in limited:
            arguments.append(len(budget.rules))
            arguments += (rule.refundable_us(held) for rule in budget.rules)
        self._run(self._give_back, limited, now_us, arguments)

    def forget(self, keys: Sequence[str]) -> bool:
        """Forget all that is counted under these keys; true if there was anything.

        Raises:
            redis.RedisError: If the server does not answer in time, or answers with an error.
        """
        batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
        gone = [self._client.delete(*(f"{PREFIX}{key}" for key in batch)) for batch in batches]
        return any(gone)

    def clear(self) -> None:
        """Forget every counter of ours; for tests."""
        for key in self._client.scan_iter(match=f"{PREFIX}*", count=1_000):
            self._client.delete(key)

    def _run(self, script: Any, budgets: list[Budget], now_us: int, arguments: list[int]) -> Any:
        if not budgets:
            return []
        keys = [f"{PREFIX}{budget.key}" for budget in budgets]
        return script(keys=keys, args=[now_us, SLACK_MS, *arguments])

    @cached_property
    def _client(self) -> Redis:
        return Redis(connection_pool=self._pool)

    @cached_property
    def _take(self) -> Any:
        return self._client.register_script(_TAKE)

    @cached_property
    def _give_back(self) -> Any:
        return self._client.register_script(_GIVE_BACK)
