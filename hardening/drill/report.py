"""The drill's results for people and for machines.

JSON, one object:

    {"schema": 2, "accounts", "seed", "share": of a full drill,
     "hash_cpu": seconds of the site's own hasher,
     "results": [as `play.Result.as_dict`], "broken": [sentences]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening.drill.attackers import BY_NAME
from hardening.drill.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.drill.play import Result
    from hardening.drill.population import Population

SCHEMA = 2
HEADS = (
    *("attack", "app", "tries", "refused", "opened", "share", "over"),
    *("good", "refused", "asked", "changed", "known refused"),
    *("hashes", "CPU s", "alarm"),
)
NOTES = (
    "tries, refused: the attacker's. opened: accounts he got into, of the right passwords he had;",
    "share: the same over the whole attack. over: tries judged beyond the limits.",
    "good: sign-ins of good users; how many were refused, and asked for more than the password;",
    "changed: of those, who proved the mailbox and set another password than the stolen one;",
    "known refused: of those on known browsers. hashes, CPU s: for 1,000 of the attacker's tries,",
    "the site's own hasher counted in. alarm: minutes from the first try to attack mode.",
    "breach check: with the app, and with the stolen passwords in a list; who has one must change.",
)
PER = 1_000
NONE = "-"


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Return the table's rows, in the order of `HEADS`."""
    return [_row(result) for result in results]


def _row(result: Result) -> tuple[str, ...]:
    share, alarm = result.opened_share, result.alarm_minutes
    return (
        BY_NAME[result.name].title,
        result.variant.label.removeprefix("with "),  # as narrow as it can be
        f"{result.tries:,}",
        f"{result.refused:,}",
        f"{result.opened} of {result.valid}" if result.valid else NONE,
        NONE if share is None else f"{share:.1%}",
        f"{result.over:,}",
        f"{result.good:,}",
        str(result.good_refused),
        str(result.good_challenged),
        str(result.good_changed),
        str(result.known_refused),
        _per(result.hashes, result.tries, ",.0f"),
        _per(cpu(result), result.tries, ",.1f"),
        NONE if alarm is None else f"{alarm:.1f}",
    )


def cpu(result: Result) -> float:
    """Return the processor seconds that the attacker's tries cost, hashes included."""
    return result.cpu + result.hashes * result.hash_cpu


def _per(what: float, tries: int, form: str) -> str:
    return format(PER * what / tries, form) if tries else NONE


def right_passwords(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Return what right passwords opened, by whether the account has a factor.

    A table, its heads first; empty where none was tried.
    """
    played = [one for one in Variant if any(result.variant is one for result in results)]
    lines = [
        ("without a factor", *(_opened(results, one, enrolled=False) for one in played)),
        ("with a factor", *(_opened(results, one, enrolled=True) for one in played)),
    ]
    told = [line for line in lines if set(line[1:]) != {NONE}]
    heads = ("right passwords opened, of accounts", *(one.label for one in played))
    return [heads, *told] if told else []


def _opened(results: Sequence[Result], variant: Variant, *, enrolled: bool) -> str:
    mine = [result for result in results if result.variant is variant]
    valid = sum(result.enrolled_valid for result in mine)
    opened = sum(result.enrolled_opened for result in mine)
    if not enrolled:
        valid = sum(result.valid for result in mine) - valid
        opened = sum(result.opened for result in mine) - opened
    return f"{opened} of {valid}" if valid else NONE


def refusal_costs(results: Sequence[Result]) -> str:
    """Say what a refused try costs beside a judged one; empty where nothing was refused."""
    guarded = [result for result in results if result.guarded]
    refused = sum(result.refused for result in guarded)
    judged = sum(result.tries - result.refused for result in guarded)
    if not refused or not judged:
        return ""
    spent = sum(result.refused_cpu for result in guarded)
    rest = sum(result.cpu - result.refused_cpu for result in guarded)
    hashing = sum(result.hashes * result.hash_cpu for result in guarded)
    one, other = 1000 * spent / refused, 1000 * (rest + hashing) / judged
    return f"A refused try costs {one:.1f} ms of CPU, a judged one {other:.1f} ms."


def as_json(people: Population, results: Sequence[Result], broken: list[str]) -> dict[str, Any]:
    """Return everything for a program."""
    return {
        "schema": SCHEMA,
        "accounts": people.accounts,
        "seed": people.seed,
        "share": people.share,
        "hash_cpu": max((result.hash_cpu for result in results), default=0.0),
        "results": [result.as_dict() for result in results],
        "broken": broken,
    }
