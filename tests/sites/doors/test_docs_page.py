"""`docs/doors.md` shows the table that the tests walk through."""

from __future__ import annotations

import os
from pathlib import Path

from tests.sites.doors.doors_table import DOORS
from tests.sites.doors.render import put_into

PAGE = Path(__file__).resolve().parents[3] / "docs" / "doors.md"


def test_the_page_shows_the_table_that_is_tested():
    page = PAGE.read_text(encoding="utf-8")
    written = put_into(page)
    if os.environ.get("HARDENING_WRITE_DOCS") == "1":
        PAGE.write_text(written, encoding="utf-8")
        page = written
    assert page == written, "write it anew: HARDENING_WRITE_DOCS=1"


def test_no_two_doors_have_the_same_name():
    assert len({door.name for door in DOORS}) == len(DOORS)
