"""The table of `docs/doors.md`, made from the expectations that `test_matrix` tests."""

from __future__ import annotations

from collections.abc import Iterable

from tests.sites.doors.doors_table import DOORS, expected
from tests.sites.doors.people_table import PEOPLE

BEGIN = "% begin: written by the tests of tests/sites/doors, HARDENING_WRITE_DOCS=1 writes it anew"
END = "% end"


def table() -> str:
    """Return the whole table as Markdown."""
    head = ("door", "signs in by", *(person.name for person in PEOPLE))
    rows = [
        (door.name, door.way.value, *(expected(door, person) for person in PEOPLE))
        for door in DOORS
    ]
    return "\n".join(line(cells) for cells in (head, ["---"] * len(head), *rows))


def line(cells: Iterable[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def put_into(page: str) -> str:
    """Return the page with the table between its two markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = "the page has lost its markers"
        raise ValueError(message)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
