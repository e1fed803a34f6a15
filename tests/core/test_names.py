"""Names: however one is spelled it is counted once, and found where it is stored."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardening.core.names import (
    MAX_NAME_LENGTH,
    MAX_TYPED_LENGTH,
    MAX_VARIANTS,
    canonical,
    variants,
)

anything = st.text(st.characters(codec=None), max_size=300)  # half surrogate pairs too
SPACE = " \t\n\r\f\v\u00a0\u2003\u3000"


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("alice", "alice"),
        ("Alice", "alice"),
        ("  alice\t\n", "alice"),
        ("\u3000alice\u00a0", "alice"),
        ("ａｌｉｃｅ", "alice"),
        ("ALICE@EXAMPLE.COM", "alice@example.com"),
        ("ali\0ce", "alice"),
        ("\0 alice \0", "alice"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("\u1e9e", "ss"),
        ("ﬁona", "fiona"),
        ("e\u0301mile", "\u00e9mile"),
        ("E\0\u0301mile", "\u00e9mile"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("\u00a8a", "\u0308a"),  # spacing diaeresis: NFKC makes it a space and a mark
        ("a\ud800b", "a\ufffdb"),
        ("", ""),
        (" \0 ", ""),
        (None, ""),
        (7, "7"),
    ],
)
def test_a_name_has_one_form(typed, expected):
    assert canonical(typed) == expected


@given(anything)
@example("\ufdfa" * 300)
@example("a" * 253 + " b")
@example("\u0345" * 300)
def test_the_form_is_its_own_form(name):
    once = canonical(name)
    assert canonical(once) == once


@given(anything)
def test_the_form_is_short_and_may_be_stored(name):
    form = canonical(name)
    assert len(form) <= MAX_NAME_LENGTH
    assert "\0" not in form
    assert form == form.strip()
    assert form == unicodedata.normalize("NFKC", form)
    form.encode()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80))
@example("ﬁ")
@example("ς")
def test_case_width_and_padding_make_no_other_name(name):
    form = canonical(name)
    for other in (f"  {name}\t", name.swapcase().casefold().upper()):
        assert canonical(other.casefold()) == canonical(other)
    assert canonical(f"  {name}\t") == form
    assert canonical(name.casefold()) == form
    assert canonical(unicodedata.normalize("NFKC", name)) == form


def test_the_form_of_every_character_is_its_own_form():
    for number in range(0, sys.maxunicode + 1, 1):
        form = canonical(chr(number))
        assert form == canonical(form), hex(number)


@pytest.mark.parametrize(
    "typed",
    [
        "ada\N{SOFT HYPHEN} byron",
        "ada\N{ZERO WIDTH SPACE} byr\N{ZERO WIDTH JOINER}on",
        "ada  \t byron",
        "a\x01da byron\N{VARIATION SELECTOR-16}",
        "\N{ZERO WIDTH NO-BREAK SPACE}ada\N{NO-BREAK SPACE}byron",
        "\N{WORD JOINER}" * 1000 + "ada byron",
        "ada" + " " * 1000 + "byron",
        "ada\N{HANGUL FILLER} byron",
    ],
)
def test_what_a_directory_does_not_see_makes_no_other_name(typed):
    assert canonical(typed) == "ada byron"


def test_a_name_of_megabytes_is_cut_before_it_can_grow():
    begun = time.monotonic()
    assert len(canonical("\ufdfa" * 2_000_000)) == MAX_NAME_LENGTH
    assert canonical(" " * 2_000_000 + "alice") == "alice"
    assert time.monotonic() - begun < 2


# --- spellings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed, stored",
    [
        ("alice", "alice"),
        ("alice", "Alice"),
        ("alice", "ALICE"),
        ("ALICE", "alice"),
        (" alice ", "alice"),
        (" alice ", " alice "),
        ("ａｌｉｃｅ", "alice"),
        ("anna maria", "Anna Maria"),
        ("ALICE@EXAMPLE.COM", "alice@example.com"),
        ("McAlice@EXAMPLE.com", "McAlice@example.com"),
        ("Straße", "strasse"),
        ("ali\0ce", "alice"),
    ],
)
def test_a_stored_name_is_found_by_one_of_the_spellings(typed, stored):
    assert stored in variants(typed)


@given(anything)
def test_spellings_are_few_and_different_and_mean_the_same(name):
    spelled = variants(name)
    assert len(spelled) == len(set(spelled)) <= MAX_VARIANTS
    for spelling in spelled:
        assert "\0" not in spelling
        assert 0 < len(spelling) <= MAX_TYPED_LENGTH
        spelling.encode()


@given(st.text("abcXYZäöüß@. ", min_size=1, max_size=40))
def test_every_spelling_counts_as_the_same_name(name):
    assert {canonical(spelling) for spelling in variants(name)} <= {canonical(name)}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300))
def test_what_was_typed_is_looked_up_first(name):
    assert variants(name)[0] == name


@pytest.mark.parametrize("name", ["", None, " " * 2000, "x" * 2000, "\ud800", "\0"])
def test_a_name_that_nobody_could_have_has_no_spelling(name):
    assert [one for one in variants(name) if "\ufffd" not in one] == []


def test_a_name_too_long_to_fold_is_looked_up_as_it_is_and_never_cut_to_another():
    long = "X" * (MAX_NAME_LENGTH + 1)
    assert variants(long) == (long,)
