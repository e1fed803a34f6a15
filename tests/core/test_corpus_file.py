"""The corpus file: what was put in is found, nothing else is; what is damaged is refused."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardening.core import corpus
from hardening.core.corpus import (
    BUCKETS,
    HEADER_BYTES,
    OFFSETS_AT,
    REMAINDERS_AT,
    CorpusError,
    Header,
)
from tests import lists

DIGESTS = [*lists.some(300), b"\0" * 20, b"\xff" * 20]
FILE = lists.packed(DIGESTS)
SWAPPED = "<" if struct.pack("=H", 1) == struct.pack(">H", 1) else ">"
digests = st.binary(min_size=20, max_size=20)


def opened(data):
    """Return header, offsets and remainders, as a reader gets at them."""
    view = memoryview(data)
    header = corpus.read_header(view, len(data))
    return header, corpus.offsets_of(view, header), corpus.remainders_of(view, header)


def refusal(data):
    """Return fault and reason of a file that is refused."""
    with pytest.raises(CorpusError) as refused:
        opened(data)
    return refused.value.fault, str(refused.value)


def sealed(header):
    """Return a header that was changed, with a checksum that fits again."""
    return header[:-4] + struct.pack("=I", zlib.crc32(header[:-4]))


def with_header(**changes):
    header = replace(corpus.read_header(FILE, len(FILE)), **changes)
    return corpus.pack_header(header) + FILE[HEADER_BYTES:]


# --- what is in it ----------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.lists(digests, max_size=40), st.lists(digests, max_size=40))
def test_what_was_put_in_is_found_and_nothing_else(put_in, others) -> None:
    _, offsets, remainders = opened(lists.packed(put_in))
    known = {corpus.split(digest) for digest in put_in}
    for digest in put_in:
        assert corpus.search(offsets, remainders, digest)
    for digest in others:
        assert corpus.search(offsets, remainders, digest) == (corpus.split(digest) in known)


def test_neighbours_of_an_entry_are_not_found() -> None:
    _, offsets, remainders = opened(FILE)
    kept = {corpus.split(digest) for digest in DIGESTS}
    for digest in DIGESTS[:50]:
        prefix, remainder = corpus.split(digest)
        for near in ((prefix, remainder ^ 1), (prefix ^ 1, remainder)):
            whole = ((near[0] << 32 | near[1]) << 4).to_bytes(7, "big").ljust(20, b"\0")
            assert corpus.split(whole) == near
            assert corpus.search(offsets, remainders, whole) is (near in kept)


def test_a_digest_is_split_after_twenty_bits_and_after_fifty_two() -> None:
    digest = bytes.fromhex("ABCDE12345678F" + "00" * 13)
    assert corpus.split(digest) == (0xABCDE, 0x12345678)


def test_an_empty_corpus_finds_nothing() -> None:
    header, offsets, remainders = opened(lists.packed([]))
    assert header.count == 0
    assert not corpus.search(offsets, remainders, b"\0" * 20)


@settings(max_examples=50)
@given(
    st.builds(
        Header,
        count=st.integers(0, 1000),
        min_count=st.integers(0, 2**64 - 1),
        source_date=st.integers(-(2**63), 2**63 - 1),
        complete=st.booleans(),
        origin=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(
            lambda text: len(text.encode()) <= corpus.ORIGIN_BYTES
        ),
        offsets_crc=st.integers(0, 2**32 - 1),
        remainders_crc=st.integers(0, 2**32 - 1),
    )
)
def test_a_header_reads_as_it_was_written(header) -> None:
    written = corpus.pack_header(header)
    assert len(written) == HEADER_BYTES
    assert corpus.read_header(written, header.size) == header


@pytest.mark.parametrize("origin", ["x" * 1025, "ä" * 513, "a\0b"])
def test_an_origin_that_does_not_fit_is_refused(origin) -> None:
    header = replace(corpus.read_header(FILE, len(FILE)), origin=origin)
    with pytest.raises(ValueError, match="1024 bytes"):
        corpus.pack_header(header)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, fault, said",
    [
        (b"", "foreign", "empty"),
        (b"PK\x03\x04" + b"\0" * 5000, "foreign", "not a corpus"),
        (b"000000005AD76BD555C1D6D771DE417A4B87E4B4:10\r\n" * 200, "foreign", "not a corpus"),
        (FILE[:10], "truncated", "after 10 bytes"),
        (FILE[: HEADER_BYTES - 1], "truncated", "in its header"),
        (FILE[:-1], "truncated", "cut short"),
        (FILE[:REMAINDERS_AT], "truncated", "cut short"),
        (FILE + b"\0", "damaged", "1 bytes too many"),
        (FILE[:8] + struct.pack("=I", 7) + FILE[12:], "damaged", "header"),
        (FILE[:12] + struct.pack("=I", 2) + FILE[16:], "version", "format 2"),
        (sealed(FILE[:16] + b"\xff" * 8 + FILE[24:HEADER_BYTES]), "damaged", "no sense"),
        (sealed(FILE[:40] + b"\x02\0\0\2" + FILE[44:HEADER_BYTES]), "damaged", "no sense"),
        (with_header(offsets_crc=1), "damaged", "offsets"),
    ],
)
def test_what_is_no_corpus_is_refused_with_the_reason(data, fault, said) -> None:
    found, reason = refusal(data)
    assert found == fault
    assert said in reason


def test_a_file_of_the_other_byte_order_is_refused_as_such() -> None:
    swapped = FILE[:8] + struct.pack(f"{SWAPPED}II", corpus.BYTE_ORDER, corpus.VERSION) + FILE[16:]
    fault, reason = refusal(swapped)
    assert fault == "byte-order"
    assert "other byte order" in reason


def test_offsets_that_do_not_fit_the_count_are_refused() -> None:
    table = FILE[OFFSETS_AT : REMAINDERS_AT - 8] + struct.pack("=Q", 7)
    header = replace(corpus.read_header(FILE, len(FILE)), offsets_crc=zlib.crc32(table))
    fault, reason = refusal(corpus.pack_header(header) + table + FILE[REMAINDERS_AT:])
    assert fault == "damaged"
    assert "count" in reason


def test_a_buffer_that_ends_before_the_file_does_is_refused() -> None:
    header = corpus.read_header(FILE, len(FILE))
    for read in (corpus.offsets_of, corpus.remainders_of):
        with pytest.raises(CorpusError):
            read(memoryview(FILE)[:HEADER_BYTES], header)


@settings(max_examples=200)
@given(st.integers(0, REMAINDERS_AT - 1), st.integers(1, 255))
def test_any_damaged_byte_before_the_entries_is_found(place, change) -> None:
    damaged = bytearray(FILE)
    damaged[place] ^= change
    refusal(bytes(damaged))


@settings(max_examples=200)
@given(st.binary(max_size=HEADER_BYTES + 8), st.integers(0, 2**40), st.booleans())
def test_arbitrary_bytes_never_crash_the_reader(data, size, marked) -> None:
    begins = corpus.MAGIC + struct.pack("=II", corpus.BYTE_ORDER, corpus.VERSION)
    with pytest.raises(CorpusError):  # and nothing else; by chance no checksum fits
        corpus.read_header(begins + data if marked else data, size)


@settings(max_examples=200)
@given(st.binary(max_size=HEADER_BYTES - 4))
def test_a_header_that_is_sealed_and_senseless_never_crashes_the_reader(data) -> None:
    begins = corpus.MAGIC + struct.pack("=II", corpus.BYTE_ORDER, corpus.VERSION)
    header = sealed((begins + data).ljust(HEADER_BYTES, b"\0")[:HEADER_BYTES])
    try:
        read = corpus.read_header(header, len(header))
    except CorpusError:
        return
    assert read.size == len(header)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=2), digests)
def test_offsets_that_lead_nowhere_are_refused_when_they_are_followed(pair, digest) -> None:
    prefix, _ = corpus.split(digest)
    remainders = [5, 6, 7]
    offsets = {prefix: pair[0], prefix + 1: pair[1]}
    try:
        assert corpus.search(offsets, remainders, digest) in {True, False}
    except CorpusError:
        assert not pair[0] <= pair[1] <= 3
    else:
        assert pair[0] <= pair[1] <= 3


# --- reading all of it ------------------------------------------------------------------------


def test_a_sound_file_is_read_through_range_by_range() -> None:
    steps = []
    header, offsets, remainders = opened(FILE)
    corpus.check_remainders(offsets, remainders, header, step=lambda: steps.append(1))
    assert len(steps) == BUCKETS
    corpus.check_remainders(offsets, remainders, header)


def test_a_damaged_entry_is_found_by_reading_all() -> None:
    # The last stands alone in its range, so that order says nothing.
    damaged = FILE[:-1] + bytes([FILE[-1] ^ 1])
    header, offsets, remainders = opened(damaged)
    with pytest.raises(CorpusError, match="entries are damaged"):
        corpus.check_remainders(offsets, remainders, header)


def test_a_range_that_is_not_sorted_is_named() -> None:
    near = [b"\0\0\0\x10" + b"\0" * 16, b"\0\0\0\x20" + b"\0" * 16]
    data = lists.packed(near)
    first, second = data[REMAINDERS_AT : REMAINDERS_AT + 4], data[REMAINDERS_AT + 4 :]
    header, offsets, remainders = opened(data[:REMAINDERS_AT] + second + first)
    with pytest.raises(CorpusError, match="range 00000 is not sorted"):
        corpus.check_remainders(offsets, remainders, header)


def test_offsets_that_go_back_are_found_by_reading_all() -> None:
    header, offsets, remainders = opened(FILE)
    table = offsets.tolist()
    table[5] = header.count + 1
    with pytest.raises(CorpusError, match="offsets of range 00004"):
        corpus.check_remainders(table, remainders, header)
