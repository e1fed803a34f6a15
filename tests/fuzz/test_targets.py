"""The fuzz targets hold for their seeds and for a look around them, without atheris."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import fuzz_corpus, fuzz_range
from tests.fuzz.__main__ import TARGETS

HERE = Path(__file__).resolve().parent
MODULES = [importlib.import_module(f"tests.fuzz.{name}") for name in TARGETS]
SEEDS = [
    pytest.param(module, seed, id=f"{module.__name__.rpartition('.')[2]}-{place}")
    for module in MODULES
    for place, seed in enumerate(module.SEEDS)
]


def test_every_target_is_run():
    assert {path.stem for path in HERE.glob("fuzz_*.py")} == set(TARGETS)


@pytest.mark.parametrize("module, seed", SEEDS)
def test_a_target_holds_for_its_seeds(module, seed):
    module.check(seed)


ROWS = st.lists(
    st.tuples(
        st.sampled_from([fuzz_range.SUFFIX, fuzz_range.SUFFIX.lower(), fuzz_range.OTHER]),
        st.sampled_from([b"", b":", b"0", b":0", b":0,0", b":1", b": 0 ", b":x"]),
        st.sampled_from([b"\n", b"\r\n"]),
    ).map(b"".join)
).map(b"".join)


@given(st.binary() | ROWS)
def test_any_answer_is_a_range_or_refused(data):
    fuzz_range.check(data)


@st.composite
def damaged_headers(draw):
    header = bytearray(fuzz_corpus.SEEDS[0])
    for at in draw(st.lists(st.integers(0, 1100), min_size=1, max_size=4)):
        header[at] = draw(st.integers(0, 255))
    return bytes(header)


@given(st.binary() | damaged_headers())
def test_any_file_is_a_corpus_or_refused(data):
    fuzz_corpus.check(data)


@pytest.mark.parametrize(
    "module, place, seed",
    [
        (fuzz_range, "search_range", 0),
        (fuzz_corpus, "read_header", 0),
        (fuzz_corpus, "search", 4),
    ],
)
def test_a_target_sees_an_error_that_nobody_documented(monkeypatch, module, place, seed):
    monkeypatch.setattr(module, place, _fail)
    with pytest.raises(IndexError):
        module.check(module.SEEDS[seed])


def test_a_target_sees_a_row_that_is_lost(monkeypatch):
    monkeypatch.setattr(fuzz_range, "search_range", lambda *_: fuzz_range.Finding.CLEAN)
    with pytest.raises(AssertionError):
        fuzz_range.check(fuzz_range.SEEDS[0])


def test_a_target_sees_an_entry_that_is_lost(monkeypatch):
    monkeypatch.setattr(fuzz_corpus, "search", lambda *_: False)
    with pytest.raises(AssertionError):
        fuzz_corpus.check(fuzz_corpus.SEEDS[4])


def test_the_fuzzers_lock_takes_wheels_only():
    root = HERE.parent.parent
    assert "fuzz" in tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    lock = (root / ".ci" / "locks" / "fuzz.txt").read_text(encoding="utf-8")
    assert lock.startswith("--only-binary :all:\n")


def _fail(*_args):
    raise IndexError
