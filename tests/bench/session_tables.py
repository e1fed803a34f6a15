"""The numbers about sessions and the log for people, with the limits that must hold beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bench import report

LOSS = 0.90  # of the rate without seals, at least
WAITS = 0.01  # of the looks at the locks, at most
VERIFY_KIB = 16 * 1_024  # by how much the longest may take more than the shortest
OUT = "302 "  # how an answer begins that leads to the login page
WAYS = {
    "bare": "rows alone",
    "signed": "each with its HMAC",
    "sealed": "and sealed meanwhile by a third process",
}
Table = list[list[str]]


def appending(found: dict[str, Any]) -> Table:
    """Return the cells of the table of appends."""
    one = found["appending"]
    rows = [["two processes at once", "events a second", "of rows alone", "limit", ""]]
    for way, label in WAYS.items():
        ratio = one["ratios"].get(way)
        limited = way == "signed"
        rows.append(
            [
                label,
                f"{one['rates'][way]:,}",
                f"{ratio:.3f}" if ratio else "",
                f"≥ {LOSS:.2f}" if limited else "",
                _verdict(limited and ratio < LOSS),
            ]
        )
    return rows


def verifying(found: dict[str, Any]) -> Table:
    """Return the cells of the table of verifications."""
    rows = [["events", "sealed a second", "verified in, s", "memory, KiB more", "findings", ""]]
    least = found["verifying"][0]["more"]
    for one in found["verifying"]:
        broken = one["findings"] != 0 or one["more"] - least > VERIFY_KIB
        rows.append(
            [
                f"{one['events']:,}",
                f"{one['sealed']:,}",
                f"{one['seconds']:.1f}",
                f"{one['more']:,}",
                str(one["findings"]),
                _verdict(broken),
            ]
        )
    return rows


def revocations(found: dict[str, Any]) -> Table:
    """Return the cells of the table of revocations."""
    rows = [["", "median, s", "worst, s", "limit", "statements", "rows written", ""]]
    for one in found["revocations"]:
        limit = one["limits"]["seconds"]
        rows.append(
            [
                one["label"],
                f"{one['seconds']:.3f}",
                f"{one['most']:.3f}",
                f"≤ {limit}",
                str(one["statements"]),
                f"{one['rows']:,}",
                _verdict(is_over(one)),
            ]
        )
    return rows


def is_over(one: dict[str, Any]) -> bool:
    """True if a revocation took too long, or more statements than it may."""
    limits = one["limits"]
    return one["most"] > limits["seconds"] or one["statements"] > limits["statements"]


def inside(found: dict[str, Any]) -> Table:
    """Return the cells of the table of what a sign-in and a page pay for."""
    rows = [["", "whole, µs", "inside, µs", "share", "limit", ""]]
    for one in found["inside"]:
        limit = one["limit"]
        over = limit is not None and one["share"] > limit
        rows.append(
            [
                one["label"],
                f"{one['whole']:,.0f}",
                f"{one['inside']:,.1f}",
                f"{one['share']:.2%}",
                "" if limit is None else f"≤ {limit:.0%}",
                _verdict(over),
            ]
        )
    return rows


def is_late(found: dict[str, Any]) -> bool:
    """True if an open session outlived a revocation in another process."""
    return found["before"] != "200" or not found["after"].startswith(OUT)


def is_waiting(found: dict[str, Any]) -> bool:
    """True if those who append waited for a lock while somebody sealed."""
    one = found["appending"]
    return bool(one["waits"] > WAITS * one["looks"])


def any_over(found: dict[str, Any]) -> bool:
    """True if anything breaks its limit."""
    audit, ending = found["audit"], found["ending"]
    cells = [*appending(audit), *verifying(audit), *revocations(ending), *inside(ending)]
    return is_late(ending) or is_waiting(audit) or any(row[-1] == "OVER" for row in cells)


def tables(found: dict[str, Any]) -> Iterator[tuple[str, Table]]:
    """Yield each table under its heading."""
    audit, ending = found["audit"], found["ending"]
    on = report.title({"database": {"store": "", **audit["database"]}})
    yield f"Appending to the log of events: {on}", appending(audit)
    yield f"Sealing and verifying it: {on}", verifying(audit)
    yield f"Ending the sessions of {ending['people']:,} people: {on}", revocations(ending)
    yield f"What a sign-in and a page pay: {on}", inside(ending)


def notes(found: dict[str, Any]) -> Iterator[str]:
    """Yield what the tables do not say."""
    audit, ending = found["audit"]["appending"], found["ending"]
    sealer = audit["sealer"]
    yield (
        f"The third process sealed {sealer['count']:,} events meanwhile and used"
        f" {sealer['processor']:.0%} of one core, and the database worked for it too: that is what"
        f" the others lack. In {audit['looks']:,} looks at the locks of the database somebody"
        f" waited {audit['waits']:,} times{': TOO OFTEN' if is_waiting(found['audit']) else ''}."
    )
    yield (
        f"Another process answered an open session with {ending['before']} before the revocation,"
        f" and its very next request with {ending['after']}"
        f"{': TOO LATE' if is_late(ending) else ''}."
    )


def _verdict(over: bool) -> str:
    return "OVER" if over else "ok"
