"""The numbers about policies for people, with the limits that must hold beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bench import report

LIST_KIB = 8 * 1_024  # by how much the list of everybody may take more than that of a few
BARRED = "302 /security/"  # where a request leads that a policy stops
Table = list[list[str]]


def table(found: list[dict[str, Any]]) -> Table:
    """Return the cells of the table of scenarios: each site beside the smallest."""
    few, *others = found
    sites = [few, *others]
    heads = ["", *(f"{one['people']:,} people, s" for one in sites), "worst, s", "limit"]
    rows = [[*heads, "queries", "rows written", ""]]
    for place, last in enumerate(sites[-1]["scenarios"]):
        rows.append(_row([site["scenarios"][place] for site in sites], last))
    return rows


def _row(entries: list[dict[str, Any]], last: dict[str, Any]) -> list[str]:
    seconds = last["limits"]["seconds"]
    return [
        last["label"],
        *(f"{one['median']:.3f}" for one in entries),
        f"{last['most']:.3f}",
        "" if seconds is None else f"≤ {seconds:.0f}",
        " → ".join(str(one["queries"]) for one in entries),
        " → ".join(str(one["written"]) for one in entries),
        "OVER" if is_over(entries[0], last) else "ok",
    ]


def is_over(few: dict[str, Any], many: dict[str, Any]) -> bool:
    """True if one scenario breaks a limit, or asks more the more people there are."""
    seconds, written = many["limits"]["seconds"], many["limits"]["written"]
    grows = not many["grows"] and many["queries"] > few["queries"]
    slow = seconds is not None and many["most"] > seconds
    return grows or slow or (written is not None and many["written"] > written)


def lists(found: list[dict[str, Any]]) -> Table:
    """Return the cells of the table of the streamed list."""
    rows = [["people listed", "seconds", "queries", "memory, KiB", "more, KiB", ""]]
    for site in found:
        one, more = site["list"], grown(site["list"])
        rows.append(
            [
                f"{one['people']:,}",
                f"{one['seconds']:.1f}",
                str(one["queries"]),
                f"{one['memory']['most']:,}",
                f"{more:,}",
                "OVER" if is_growing(found[0], site) else "ok",
            ]
        )
    return rows


def grown(one: dict[str, Any]) -> int:
    """Return how many KiB writing a list took beyond what Django itself takes."""
    return int(one["memory"]["most"] - one["memory"]["before"])


def is_growing(few: dict[str, Any], many: dict[str, Any]) -> bool:
    """True if a list takes the more memory the longer it is."""
    return grown(many["list"]) - grown(few["list"]) > LIST_KIB


def is_late(site: dict[str, Any]) -> bool:
    """True if another process went on by the policies that it held."""
    seen = site["elsewhere"]
    return seen["before"] != "200" or not seen["after"].startswith(BARRED)


def any_over(found: list[dict[str, Any]]) -> bool:
    """True if anything breaks a limit."""
    few = found[0]
    pairs = [
        pair for site in found for pair in zip(few["scenarios"], site["scenarios"], strict=True)
    ]
    return (
        any(is_over(*pair) for pair in pairs)
        or any(is_growing(few, site) for site in found)
        or any(map(is_late, found))
    )


def tables(found: list[dict[str, Any]]) -> Iterator[tuple[str, Table]]:
    """Yield every table with its title."""
    database = report.title({"database": {**found[-1]["database"], "store": "database"}})
    yield f"Pages and commands: {database}", table(found)
    yield "The list of everybody, by name (`hardening_report --list`)", lists(found)


def notes(found: list[dict[str, Any]]) -> str:
    """Say what is in no table."""
    last = found[-1]
    seen = last["elsewhere"]
    loads = ", ".join(f"{site['load']}" for site in found)
    return (
        f"{last['people']:,} people were made in {last['filled_seconds']:.0f} seconds. A process"
        f" that held the old policies answered `{seen['before']}` before an edit, and"
        f" `{seen['after']}` to the next request after it. Load while measuring: {loads}."
    )


def said(found: list[dict[str, Any]], *, about: str) -> Iterator[str]:
    """Yield what is printed; `about` says on which machine."""
    yield about
    for heading, cells in tables(found):
        yield from ("", heading, *report.aligned(cells))
    yield from ("", notes(found))


def page(found: list[dict[str, Any]], *, about: str) -> list[str]:
    """Return what stands on the documentation's page; `about` says when and on which machine."""
    lines = [f"{about}. {notes(found)}", ""]
    for heading, cells in tables(found):
        lines += [f"### {heading}", "", *report.markdown(cells), ""]
    return lines
