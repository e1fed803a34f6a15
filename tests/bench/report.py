"""The numbers for people: a table a database, with the limits that must hold beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HEAD = (
    "",
    "plain, µs",
    "guarded, µs",
    "ratio",
    "95 % range",
    "limit",
    "queries",
    "ours",
    "limit",
    "hashes",
    "",
)
NAMES_HEAD = ("", "known, µs", "unknown, µs", "known / unknown", "95 % range", "limit", "")
CPU_HEAD = ("", "processor, µs", "times less", "limit", "")
STAGES = {
    "failed_hash": "Checked and wrong",
    "refused_account": "Refused by account",
    "refused_address": "Refused by address",
}
SIDES = {"plain": "plain Django", "guarded": "guarded"}
NOTES = (
    "Times are medians with quartiles. The ratio is that of the medians; its range is a bootstrap",
    "over rounds. Queries are rows read or written, `+` what opens and closes transactions; `ours`",
    "are those that name a table of the app, the query for the user among them.",
    "† no such request in plain Django: compared with its login, a refused try with a failed one.",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a scenario keeps its limits; `None` where it has none."""

    ratio: bool | None
    queries: bool | None

    @property
    def over(self) -> bool:
        """True if any limit is broken."""
        return self.ratio is False or self.queries is False

    @property
    def word(self) -> str:
        """What stands at the end of the row."""
        if self.ratio is None and self.queries is None:
            return ""
        return "OVER" if self.over else "ok"


def verdict(entry: dict[str, Any]) -> Verdict:
    """Compare one scenario with its limits."""
    limits = entry["limits"]
    ratio = None if limits["ratio"] is None else entry["ratio"]["value"] <= limits["ratio"]
    most = most_queries(entry)
    queries = None if most is None else entry["guarded"]["queries"] <= most
    return Verdict(ratio, queries)


def most_queries(entry: dict[str, Any]) -> int | None:
    """Return how many queries the guarded side may run, however the limit is put."""
    limits = entry["limits"]
    if limits["extra_queries"] is not None:
        return int(entry["plain"]["queries"]) + int(limits["extra_queries"])
    return None if limits["queries"] is None else int(limits["queries"])


def table(result: dict[str, Any]) -> list[list[str]]:
    """Return the cells of one database's table, its head first."""
    return [list(HEAD), *(_row(entry) for entry in result["scenarios"])]


def _row(entry: dict[str, Any]) -> list[str]:
    plain, guarded, ratio = entry["plain"], entry["guarded"], entry["ratio"]
    limit, most = entry["limits"]["ratio"], most_queries(entry)
    return [
        entry["label"] + ("" if plain else " †"),
        _times(plain) if plain else "",
        _times(guarded),
        f"{ratio['value']:.3f}",
        f"{ratio['low']:.3f} to {ratio['high']:.3f}",
        "" if limit is None else f"≤ {limit:.2f}",
        " → ".join(f"{one['queries']} + {one['transaction']}" for one in (plain, guarded) if one),
        str(guarded["ours"]),
        "" if most is None else f"≤ {most}",
        " → ".join(str(one["hashes"]) for one in (plain, guarded) if one),
        verdict(entry).word,
    ]


def names(result: dict[str, Any]) -> list[list[str]]:
    """Return the cells of the table of known against unknown names."""
    rows = [list(NAMES_HEAD)]
    for one in result["names"]:
        ratio, ours = one["ratio"], one["side"] == "guarded"
        rows.append(
            [
                f"{STAGES[one['stage']]}, {SIDES[one['side']]}",
                _times(one["known"]),
                _times(one["unknown"]),
                f"{ratio['value']:.3f}",
                f"{ratio['low']:.3f} to {ratio['high']:.3f}",
                f"± {one['limit']:.2f}" if ours else "",
                ("OVER" if is_telling(one) else "ok") if ours else "",
            ]
        )
    return rows


def is_telling(one: dict[str, Any]) -> bool:
    """True if the guarded side's time tells known from unknown names."""
    return one["side"] == "guarded" and round(abs(one["ratio"]["value"] - 1), 3) > one["limit"]


def cpu(result: dict[str, Any]) -> list[list[str]]:
    """Return the cells of the table of what a try takes of the processor."""
    labels = {entry["name"]: entry["label"] for entry in result["scenarios"]}
    return [
        list(CPU_HEAD),
        *(
            [
                labels[one["name"]],
                _times(one),
                f"{one['cheaper']:.0f}" if one["limit"] else "",
                f"≥ {one['limit']}" if one["limit"] else "",
                ("OVER" if is_dear(one) else "ok") if one["limit"] else "",
            ]
            for one in result["cpu"]
        ),
    ]


def is_dear(one: dict[str, Any]) -> bool:
    """True if a refused try takes more of the processor than it may."""
    return bool(one["limit"]) and one["cheaper"] < one["limit"]


def any_over(result: dict[str, Any]) -> bool:
    """True if anything measured on one database breaks a limit."""
    return (
        any(verdict(entry).over for entry in result["scenarios"])
        or any(is_telling(one) for one in result["names"])
        or any(is_dear(one) for one in result["cpu"])
    )


def _times(side: dict[str, Any]) -> str:
    return f"{side['median']:,.0f} ({side['lower']:,.0f} to {side['upper']:,.0f})"


def aligned(rows: list[list[str]]) -> Iterator[str]:
    """Yield the rows as lines of a terminal: the first column to the left, numbers to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        first, *others = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others]).rstrip()


def markdown(rows: list[list[str]]) -> Iterator[str]:
    """Yield the rows as a Markdown table."""
    head, *others = rows
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in others:
        yield f"| {' | '.join(row)} |"


def title(result: dict[str, Any]) -> str:
    """Name a database and its version."""
    database = result["database"]
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    version = ".".join(str(part) for part in database["version"])
    beside = ", rates in Redis" if database["store"] == "redis" else ""
    return f"{names.get(database['vendor'], database['vendor'])} {version}{beside}"
