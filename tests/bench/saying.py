"""What a run of the benchmark prints, and what it writes into the documentation's page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import breach_tables, policy_tables, report, session_tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def said(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the report."""
    for result in found["results"]:
        yield ""
        yield f"{report.title(result)}: {found['rounds']} rounds; {about(found, result)}"
        for table in (report.table, report.names, report.cpu):
            yield from report.aligned(table(result))
            yield ""
    if found["results"]:
        yield from report.NOTES
    if found["breaches"]:
        yield f"{found['rounds']} rounds; {machine_of(found)}"
        for heading, table in breach_tables.tables(found["breaches"]):
            yield from ("", heading, *report.aligned(table))
        yield found["breaches"]["short"] or ""
    if found["policies"]:
        yield from policy_tables.said(found["policies"], about=machine_of(found))
    if found["sessions"]:
        yield machine_of(found)
        for heading, table in session_tables.tables(found["sessions"]):
            yield from ("", heading, *report.aligned(table))
        yield from ("", *session_tables.notes(found["sessions"]))


def about(found: dict[str, Any], result: dict[str, Any]) -> str:
    """Say on what it ran and how much noise there was."""
    noise = result["control"]
    return (
        f"{machine_of(found)};"
        f" plain against plain {noise['value']:.3f} ({noise['low']:.3f} to {noise['high']:.3f})"
    )


def machine_of(found: dict[str, Any]) -> str:
    """Say on what it ran."""
    on = found["machine"]
    said = f"Python {on['python']}, Django {on['django']}"
    return f"{said}, {on['cores']} cores, load {on['load']}"


def into_docs(found: dict[str, Any]) -> None:
    """Put the tables that were measured between their markers on the documentation's page."""
    lines = []
    for result in found["results"]:
        lines += [f"### {report.title(result)}", ""]
        lines += [f"{found['date']}, {found['rounds']} rounds; {about(found, result)}.", ""]
        for table in (report.table, report.names, report.cpu):
            lines += [*report.markdown(table(result)), ""]
    if lines:
        put_between("table", lines)
    if found["breaches"]:
        put_between("breaches", list(breach_lines(found)))
    if found["policies"]:
        when = f"{found['date']}; {machine_of(found)}"
        put_between("policies", policy_tables.page(found["policies"], about=when))
    if found["sessions"]:
        put_between("sessions", list(session_lines(found)))


def breach_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what the page says of the check of breached passwords."""
    yield f"{found['date']}, {found['rounds']} rounds; {machine_of(found)}."
    yield ""
    if found["breaches"]["short"]:
        yield f"There was {found['breaches']['short']}."
        yield ""
    for heading, table in breach_tables.tables(found["breaches"]):
        yield from (f"### {heading}", "", *report.markdown(table), "")


def session_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what the page says of sessions and the log of events."""
    yield f"{found['date']}; {machine_of(found)}."
    yield ""
    for heading, table in session_tables.tables(found["sessions"]):
        yield from (f"### {heading}", "", *report.markdown(table), "")
    for note in session_tables.notes(found["sessions"]):
        yield from (note, "")


def put_between(name: str, lines: list[str]) -> None:
    """Replace what stands between two markers of the page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    written = "\n".join([begin, "", *lines, end])
    PAGE.write_text(f"{before}{written}{after}", encoding="utf-8")
