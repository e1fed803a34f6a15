"""Every example in the pages runs: Python blocks as code, `>>>` blocks as doctests.

The blocks of one page share one namespace, top to bottom. A block that only shows (a settings
fragment with dots in it) is preceded by a comment line `% skip: next "why"`.
"""

from __future__ import annotations

from doctest import ELLIPSIS
from typing import TYPE_CHECKING

import pytest
from sybil import Sybil
from sybil.parsers.myst import DocTestDirectiveParser, PythonCodeBlockParser, SkipParser

from hardening import host
from hardening.breach import search

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS),
        DocTestDirectiveParser(optionflags=ELLIPSIS),
        SkipParser(),
    ],
    patterns=["*.md"],
    excludes=["_build/**"],
    # Each example has a database of its own, rolled back after it, and asks nobody outside.
    fixtures=["db", "no_api"],
).pytest()


@pytest.fixture
def no_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Know of breached passwords what lies on this machine, as a site does that runs."""
    monkeypatch.setattr(host, "is_under_test", lambda: False)
    monkeypatch.setitem(search.BUILT_IN, "api", "hardening.breach.sources.Null")
    search.forget()
    yield
    search.forget()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the examples of each page back in order: pytest-randomly has shuffled them."""
    places = [place for place, item in enumerate(items) if hasattr(item, "example")]
    examples = [items[place] for place in places]
    examples.sort(key=lambda item: (item.path, item.example.line))
    for place, example in zip(places, examples, strict=True):
        items[place] = example
