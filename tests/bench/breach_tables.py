"""The numbers about breached passwords for people, with the limits that must hold beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bench import report

WARM_US, COLD_US = 10, 1_000
LOOKUP_KIB = 1_024  # what look-ups may take for themselves, however large the corpus
BUILD_KIB = 8 * 1_024  # by how much a list five times as long may take more
FULL = 2_000_000_000
LOOKUPS_HEAD = (
    "entries",
    "file, MB",
    "cold, µs",
    "mean",
    "p99",
    "pages",
    "warm, µs",
    "mean",
    "p99",
    "at a sign-in, µs",
    "memory, KiB",
    "",
)
BUILDS_HEAD = (
    "read from",
    "entries",
    "entries a second",
    "2 billion, minutes",
    "memory of a fifth, KiB",
    "memory, KiB",
    "",
)
SIGN_INS_HEAD = (
    "",
    "sign-in, µs",
    "more, µs",
    "ratio",
    "95 % range",
    "in the check, µs",
    "share",
    "limit",
    "queries",
    "look-ups",
    "asked",
    "",
)
WRONG_HEAD = ("a wrong password", "queries", "hashes", "look-ups", "asked", "")
SOURCES = {"file": "one file, ordered by hash", "directory": "range files"}
HASHES = {"cheap": "beside a hash that costs nothing", "argon2": "beside Argon2id, as in the demo"}
Table = list[list[str]]


def lookups(found: dict[str, Any]) -> Table:
    """Return the cells of the table of look-ups."""
    return [list(LOOKUPS_HEAD), *(_lookup(one) for one in found["lookups"])]


def _lookup(one: dict[str, Any]) -> list[str]:
    cold, warm = one["cold"], one["warm"]
    return [
        f"{one['entries']:,}",
        f"{one['bytes'] / 1e6:,.0f}",
        *(f"{cold[what]:,.0f}" for what in ("median", "mean", "p99")),
        f"{one['pages']:.1f}",
        *(f"{warm[what]:.1f}" for what in ("median", "mean", "p99")),
        f"{one['source']['median']:.1f}",
        f"{grown(one):,}",
        "OVER" if is_dear(one) else "ok",
    ]


def grown(one: dict[str, Any]) -> int:
    """Return how many KiB a process took for itself to open a corpus and to look up in it."""
    return int(one["memory"]["after"]["own"] - one["memory"]["before"]["own"])


def is_dear(one: dict[str, Any]) -> bool:
    """True if look-ups in one corpus break a limit."""
    warm = max(one["warm"]["median"], one["source"]["median"])
    return warm > WARM_US or one["cold"]["mean"] > COLD_US or grown(one) > LOOKUP_KIB


def builds(found: dict[str, Any]) -> Table:
    """Return the cells of the table of builds."""
    return [list(BUILDS_HEAD), *(_build(one) for one in found["builds"])]


def _build(one: dict[str, Any]) -> list[str]:
    return [
        SOURCES[one["kind"]],
        f"{one['entries']:,}",
        f"{one['rate']:,}",
        f"{FULL / one['rate'] / 60:.0f}",
        f"{one['fifth']:,}",
        f"{one['memory']['more']:,}",
        "OVER" if is_growing(one) else "ok",
    ]


def is_growing(one: dict[str, Any]) -> bool:
    """True if a build takes the more memory the longer its list is."""
    return bool(one["memory"]["more"] - one["fifth"] > BUILD_KIB)


def sign_ins(hashed: dict[str, Any]) -> Table:
    """Return the cells of the table of sign-ins beside one hash."""
    return [list(SIGN_INS_HEAD), *(_sign_in(one) for one in hashed["checks"])]


def _sign_in(one: dict[str, Any]) -> list[str]:
    ratio, inside, limits = one["ratio"], one["inside"], one["limits"]
    limit = "" if limits["share"] is None else f"≤ {limits['share']:.0%}"
    if limits["more_ms"] is not None:
        limit = f"≤ {limits['more_ms']} ms"
    return [
        one["label"],
        f"{one['median']:,.0f} ({one['lower']:,.0f} to {one['upper']:,.0f})",
        f"{one['more']:+,.0f}",
        f"{ratio['value']:.3f}",
        f"{ratio['low']:.3f} to {ratio['high']:.3f}",
        f"{inside['median']:,.0f}",
        f"{one['share']:.2%}",
        limit,
        f"{one['queries']} + {one['transaction']}",
        str(one["lookups"]),
        str(one["asked"]),
        ("OVER" if is_slow(one) else "ok") if limit else "",
    ]


def is_slow(one: dict[str, Any]) -> bool:
    """True if a check takes more of a sign-in than it may."""
    share, more_ms = one["limits"]["share"], one["limits"]["more_ms"]
    too_long = more_ms is not None and one["inside"]["median"] > 1_000 * more_ms
    return too_long or (share is not None and one["share"] > share)


def wrong(found: dict[str, Any]) -> Table:
    """Return the cells of the table of wrong passwords."""
    labels = {one["name"]: one["label"] for one in found["sign_ins"]["hashes"][0]["checks"]}
    rows = [list(WRONG_HEAD)]
    for one in found["sign_ins"]["wrong"]:
        counts = [str(one[what]) for what in ("queries", "hashes", "lookups", "asked")]
        rows.append([labels[one["name"]], *counts, "OVER" if is_asking(one) else "ok"])
    return rows


def is_asking(one: dict[str, Any]) -> bool:
    """True if a wrong password is looked up."""
    return bool(one["lookups"] or one["asked"])


def any_over(found: dict[str, Any]) -> bool:
    """True if anything breaks a limit."""
    listed = found["sign_ins"]["hashes"]
    return (
        any(map(is_dear, found["lookups"]))
        or any(map(is_growing, found["builds"]))
        or any(is_slow(one) for hashed in listed for one in hashed["checks"])
        or any(map(is_asking, found["sign_ins"]["wrong"]))
    )


def tables(found: dict[str, Any]) -> Iterator[tuple[str, Table]]:
    """Yield every table with its title."""
    yield "Look-ups in a corpus", lookups(found)
    yield "Building a corpus", builds(found)
    database = report.title(found["sign_ins"])
    for hashed in found["sign_ins"]["hashes"]:
        yield f"A sign-in, {HASHES[hashed['name']]}: {database}", sign_ins(hashed)
    yield "A wrong password", wrong(found)
