"""Building a corpus: the same bytes whatever the source, and however often it was stopped."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import subprocess
import sys
import time

import pytest

from hardening.breach import building, part, reading
from hardening.breach.building import build, left_over
from hardening.breach.corpus import Corpus
from hardening.breach.reading import Directory, TextFile, WordList
from hardening.breach.rows import BuildError, Piece, Place
from hardening.core.corpus import BUCKETS, REMAINDERS_AT, CorpusError, check_remainders
from tests import lists

DIGESTS = lists.some(3000)
MTIME = 1_790_000_000


@pytest.fixture
def path(tmp_path):
    """Return where the corpus is to stand."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "leaked.corpus"


@pytest.fixture
def text(tmp_path):
    """Return a function: a file of the list, of a known date."""

    def write(data=None, name="list.txt"):
        file = tmp_path / name
        file.write_bytes(lists.text_of(DIGESTS) if data is None else data)
        os.utime(file, (MTIME, MTIME))
        return str(file)

    return write


def entries(path):
    """Return header and data of a corpus, and fail if it is unsound."""
    opened = Corpus(str(path))
    check_remainders(opened.offsets, opened.remainders, opened.header)
    header = opened.header
    opened.close()
    return header, path.read_bytes()[REMAINDERS_AT - 8 * (BUCKETS + 1) :]


def same_as(digests):
    """Return offsets and remainders as the plainest way makes them."""
    return lists.packed(digests)[4096:]


# --- one text file ----------------------------------------------------------------------------


def _lower(data):
    return data.lower()


def _no_last_end(data):
    return data.rstrip(b"\r\n")


def _plain_ends(data):
    return data.replace(b"\r\n", b"\n")


def _commas(data):
    return data.replace(b":3", b":1,234,567")


@pytest.mark.parametrize(
    "change", [bytes, _lower, _no_last_end, _plain_ends, _commas, gzip.compress]
)
def test_a_text_file_becomes_a_corpus(path, text, change):
    header = build(str(path), TextFile(text(change(lists.text_of(DIGESTS)))))
    found, data = entries(path)
    assert data == same_as(DIGESTS)
    assert found == header
    assert (header.count, header.source_date, header.min_count) == (len(DIGESTS), MTIME, 1)
    assert header.origin.startswith("file /")


@pytest.mark.parametrize("block", [1, 7, 50, 1000, 1 << 20])
def test_it_does_not_matter_where_the_file_is_cut(path, text, monkeypatch, block):
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    digests = [bytes([0, one % 7, 16 * (one % 3)]) + lists.sha1(str(one))[3:] for one in range(200)]
    build(str(path), TextFile(text(lists.text_of(digests))))
    assert entries(path)[1] == same_as(digests)


class EveryRange:
    """One entry in each range, but for those that are left out."""

    origin, whole, date = "test", True, MTIME

    def __init__(self, left_out=None, min_count=1):
        self.left_out, self.min_count = left_out, min_count

    def key(self):
        return {}

    def pieces(self, place):
        for number in range(place.at, BUCKETS):
            yield Piece(number, b"" if number == self.left_out else b"\0" * 4, None)


@pytest.mark.parametrize(
    "rows, complete",
    [
        (EveryRange(), True),
        (EveryRange(left_out=BUCKETS - 1), False),
        (EveryRange(min_count=2), False),
    ],
)
def test_only_a_list_without_an_empty_range_is_complete(path, rows, complete):
    """One that was cut short while it was fetched must not call the rest of it clean."""
    header = build(str(path), rows)
    assert header.complete is complete
    opened = Corpus(str(path))
    assert opened.header == header
    opened.close()


def test_what_was_seen_too_seldom_is_left_out(path, text):
    data = lists.text_of(DIGESTS[:100], count=9) + lists.text_of(DIGESTS[100:], count=10)
    lines = b"\n".join(sorted(data.split(b"\r\n"))[1:])
    header = build(str(path), TextFile(text(lines), min_count=10))
    assert entries(path)[1] == same_as(DIGESTS[100:])
    assert (header.min_count, header.complete) == (10, False)


GOOD = b"%040X:1\r\n"


@pytest.mark.parametrize(
    "lines, said",
    [
        ([GOOD % 1, b"\r\n", GOOD % 2], "line 2 is not"),
        ([GOOD % 1, GOOD % 2, b"0" * 39 + b":1\n"], "line 3 is not"),
        ([b"0" + GOOD % 1], "line 1 is not"),
        ([GOOD % 1, b"0" * 40 + b"\n", GOOD % 2], "line 2 is not"),
        ([GOOD % 1, b"0" * 40 + b":\n", GOOD % 2], "line 2 is not"),
        ([GOOD % 1, b"0" * 40 + b":" + b"1" * 30, GOOD % 2], "line 2 is not"),
        ([GOOD % (1 << 110), GOOD % (1 << 109)], "line 2 is not in order"),
        ([b"<html>\n"], "line 1 is not"),
        ([b"\0" * 100], "line 1 is not"),
    ],
)
def test_a_wrong_line_is_named_by_its_number_and_not_shown(path, text, lines, said):
    with pytest.raises(BuildError) as refused:
        build(str(path), TextFile(text(b"".join(lines))))
    assert said in str(refused.value)
    assert "0000000" not in str(refused.value)
    assert not path.exists()


def test_a_wrong_line_far_into_the_file_has_its_number(path, text, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    lines = lists.text_of(DIGESTS).splitlines(keepends=True)
    lines[2000] = b"password:1\r\n"
    with pytest.raises(BuildError, match="line 2001 is not"):
        build(str(path), TextFile(text(b"".join(lines))))
    lines[2000], lines[2001] = lines[2001], lines[1999]
    with pytest.raises(BuildError, match="line 2002 is not in order"):
        build(str(path), TextFile(text(b"".join(lines))), fresh=True)


def test_a_range_without_an_end_does_not_fill_the_memory(path, text, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(reading, "MAX_RANGE_BYTES", 5000)
    with pytest.raises(BuildError, match="line 1 is the first of a range that is too large"):
        build(str(path), TextFile(text(b"".join(GOOD % one for one in range(500)))))
    with pytest.raises(BuildError, match="line 1 is the first"):
        build(str(path), TextFile(text(b"0" * 100_000)), fresh=True)


def test_a_packed_file_that_is_cut_short_is_said(path, text):
    with pytest.raises(BuildError, match="not a whole gzip file"):
        build(str(path), TextFile(text(gzip.compress(lists.text_of(DIGESTS))[:-500])))


def test_a_file_that_is_not_there_is_said(tmp_path, path, text):
    with pytest.raises(BuildError, match="No such file"):
        TextFile(str(tmp_path / "nowhere"))
    with pytest.raises(BuildError, match="No such file"):
        Directory(str(tmp_path / "nowhere"))
    with pytest.raises(BuildError, match="No such file"):
        build(str(tmp_path / "nowhere" / "x"), TextFile(text()))


def test_an_origin_that_the_header_cannot_hold_is_said_before_hours_have_passed(path, text):
    rows = TextFile(text())
    rows.origin = "file /" + "x" * 2000
    with pytest.raises(BuildError, match="1024 bytes"):
        build(str(path), rows)


# --- a directory, words -----------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    """Let there be sixteen ranges to read, for 2^20 files are many."""
    monkeypatch.setattr(reading, "BUCKETS", 16)
    return [bytes([0, 0, 16 * (one % 16)]) + lists.sha1(str(one))[3:] for one in range(400)]


def fill(folder, digests, shape="{:05X}.txt"):
    folder.mkdir(exist_ok=True)
    for number in range(16):
        (folder / shape.format(number)).write_bytes(lists.range_of(digests, number))
    return str(folder)


@pytest.mark.parametrize("shape", ["{:05X}.txt", "{:05X}", "{:05x}.txt", "{:05x}"])
def test_a_directory_of_ranges_becomes_a_corpus(tmp_path, path, few, shape):
    folder = fill(tmp_path / "ranges", few, shape)
    (tmp_path / "ranges" / "README").write_text("not a range")
    header = build(str(path), Directory(folder))
    assert entries(path)[1] == same_as(few)
    assert header.origin == f"directory {folder}"


def test_missing_ranges_are_named(tmp_path, few):
    folder = fill(tmp_path / "ranges", few)
    (tmp_path / "ranges" / "0000A.txt").unlink()
    with pytest.raises(BuildError, match=r"lacks the ranges 0000A$"):
        Directory(folder)
    for number in range(7):
        (tmp_path / "ranges" / f"{number:05X}.txt").unlink()
    with pytest.raises(BuildError, match="00000, 00001, 00002, 00003, 00004 and 3 more"):
        Directory(folder)


def test_a_wrong_row_of_a_range_is_named_by_file_and_number(tmp_path, path, few):
    folder = fill(tmp_path / "ranges", few)
    (tmp_path / "ranges" / "00003.txt").write_bytes(b"0" * 35 + b":1\r\n<html>")
    with pytest.raises(BuildError, match=r"00003\.txt: line 2 is not"):
        build(str(path), Directory(folder))


def test_rows_of_padding_are_no_entries():
    rows = [b"%035X:%d" % (number << 108, number % 2) for number in range(10)]
    assert len(reading.entries_of(b"\r\n".join(rows))) == 4 * 5
    assert reading.entries_of(b"") == b""


def test_words_become_a_corpus_that_is_never_whole(path, text):
    words = ["hunter2", "qwertz", "über", "hunter2", "with blanks in it"]
    header = build(str(path), WordList(text("\r\n".join([*words, ""]).encode())))
    assert entries(path)[1] == same_as(map(lists.sha1, set(words)))
    assert (header.count, header.complete) == (4, False)
    opened = Corpus(str(path))
    assert all(opened.search(lists.sha1(word)) for word in words)
    assert not opened.search(lists.sha1(""))
    opened.close()


# --- stopped ----------------------------------------------------------------------------------

CHILD = """
import sys
from hardening.breach import building, reading
reading.BLOCK_BYTES = 200_000
building.build(sys.argv[1], reading.TextFile(sys.argv[2]), every=0.0)
"""


def reached(path):
    return left_over(str(path)) or 0


def test_a_build_that_is_killed_again_and_again_ends_in_the_same_bytes(tmp_path, path, text):
    digests, dice = lists.some(150_000), random.Random(5)
    file = text(lists.text_of(digests))
    build(str(tmp_path / "uninterrupted"), TextFile(file))
    kills = 0
    for _ in range(60):
        before = reached(path)
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), file])
        while child.poll() is None and reached(path) <= before + BUCKETS // 10:
            time.sleep(0.001)
        time.sleep(dice.random() / 50)
        child.kill()
        kills += child.wait() != 0
        if path.exists():
            break
        assert reached(path) > before
    assert kills >= 2
    assert path.read_bytes() == (tmp_path / "uninterrupted").read_bytes()
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


class Stops:
    """A source that is stopped after so many pieces."""

    def __init__(self, rows, after, how):
        self.rows, self.after, self.how = rows, after, how

    def __getattr__(self, name):
        return getattr(self.rows, name)

    def pieces(self, place):
        for number, piece in enumerate(self.rows.pieces(place)):
            if number == self.after:
                raise self.how
            yield piece


@pytest.mark.parametrize("after", [0, 1, 7, 200, 2900])
@pytest.mark.parametrize("how", [KeyboardInterrupt, BuildError])
def test_a_stopped_build_goes_on_where_it_was(tmp_path, path, text, monkeypatch, after, how):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    file = text()
    build(str(tmp_path / "uninterrupted"), TextFile(file))
    for _ in range(3):
        with pytest.raises(how):
            build(str(path), Stops(TextFile(file), after, how))
        if left_over(str(path)) is not None and after > 1000:
            break
    assert not path.exists()
    steps = []
    build(str(path), TextFile(file), step=steps.append)
    assert sum(steps) == BUCKETS
    assert path.read_bytes() == (tmp_path / "uninterrupted").read_bytes()
    assert left_over(str(path)) is None


def _another_list(file):
    file.write_bytes(lists.text_of(DIGESTS[1:]))


def _touched(file):
    os.utime(file, (MTIME + 5, MTIME + 5))


def _nothing(file):
    pass


@pytest.mark.parametrize("change, least", [(_another_list, 1), (_touched, 1), (_nothing, 2)])
def test_what_another_build_has_left_is_refused_until_one_begins_anew(
    path, text, monkeypatch, tmp_path, change, least
):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    file = text()
    with pytest.raises(KeyboardInterrupt):
        build(str(path), Stops(TextFile(file), 1000, KeyboardInterrupt))
    change(tmp_path / "list.txt")
    with pytest.raises(BuildError, match=r"another build.*--fresh"):
        build(str(path), TextFile(file, min_count=least))
    build(str(path), TextFile(file, min_count=least), fresh=True)
    assert entries(path)[0].min_count == least


@pytest.mark.parametrize("state", [b"", b"{}", b"[1]", b"\xff", b"not JSON"])
def test_a_state_that_makes_no_sense_is_refused(path, text, state):
    (path.parent / f"{path.name}.part").write_bytes(b"x")
    (path.parent / f"{path.name}.state").write_bytes(state)
    with pytest.raises(BuildError, match="--fresh"):
        build(str(path), TextFile(text()))
    assert left_over(str(path)) is None


def test_a_part_that_was_cut_short_is_refused(path, text, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    with pytest.raises(KeyboardInterrupt):
        build(str(path), Stops(TextFile(text()), 1000, KeyboardInterrupt))
    os.truncate(f"{path}.part", REMAINDERS_AT)
    with pytest.raises(BuildError, match="shorter than it was"):
        build(str(path), TextFile(text()))


def test_what_is_left_without_a_state_is_begun_anew(path, text):
    (path.parent / f"{path.name}.part").write_bytes(b"x" * 10_000_000)
    build(str(path), TextFile(text()))
    assert entries(path)[1] == same_as(DIGESTS)


def test_an_unfinished_build_is_no_corpus(path, text, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1000)
    with pytest.raises(KeyboardInterrupt):
        build(str(path), Stops(TextFile(text()), 1000, KeyboardInterrupt))
    with pytest.raises(CorpusError, match="not a corpus"):
        Corpus(f"{path}.part")


@pytest.mark.parametrize("name", ["part", "lock"])
def test_a_link_that_somebody_laid_beside_it_is_not_followed(tmp_path, path, text, name):
    mine = tmp_path / "mine"
    mine.write_text("nobody's list")
    path.with_name(f"{path.name}.{name}").symlink_to(mine)
    with pytest.raises(BuildError, match=f"{path.name}.{name}: "):
        build(str(path), TextFile(text(lists.text_of(DIGESTS))))
    assert mine.read_text() == "nobody's list"
    assert not path.exists()


def test_two_builds_of_one_file_do_not_meet(path, text):
    file = text()
    met = []

    class Meets(TextFile):
        def pieces(self, place):
            with pytest.raises(BuildError, match=r"another build of .* is under way"):
                build(str(path), TextFile(file))
            met.append(True)
            return super().pieces(place)

    build(str(path), Meets(file))
    assert met == [True]
    build(str(path), TextFile(file))


# --- the disk ---------------------------------------------------------------------------------


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "pwrite"])
def test_a_full_disk_is_said_and_leaves_the_old_file_as_it_is(path, text, monkeypatch, call):
    build(str(path), TextFile(text()))
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(part.os, call, full)
        with pytest.raises(BuildError, match=r"is full.*as it was"):
            build(str(path), TextFile(text(lists.text_of(DIGESTS[1:]))), every=0.0)
    assert path.read_bytes() == before
    build(str(path), TextFile(text(lists.text_of(DIGESTS[1:]))))
    assert entries(path)[1] == same_as(DIGESTS[1:])


def test_a_disk_that_fills_while_entries_are_written_is_said(path, text, monkeypatch):
    """What is in the buffer then can be written by nobody, not even when the file is closed."""

    class Full:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            full()

    class FullPart(part.Part):
        def take_all(self, step, every):
            self.file = Full(self.file)
            super().take_all(step, every)

    monkeypatch.setattr(building, "Part", FullPart)
    with pytest.raises(BuildError, match="is full"):
        build(str(path), TextFile(text()))
    assert not path.exists()


def test_a_corpus_is_not_writable_and_stays_as_readable_as_the_one_before(path, text):
    build(str(path), TextFile(text()))
    path.chmod(0o640)
    build(str(path), TextFile(text()))
    assert path.stat().st_mode & 0o777 == 0o440


def test_readers_keep_the_old_one_while_a_new_one_is_built(path, text):
    build(str(path), TextFile(text()))
    opened = Corpus(str(path))
    build(str(path), TextFile(text(lists.text_of(lists.some(10, "other")))))
    assert all(opened.search(digest) for digest in DIGESTS)
    opened.close()


MEASURE = """
import resource, sys
from hardening.breach import building, reading
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
building.build(sys.argv[1], reading.TextFile(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_the_memory_of_a_build_does_not_grow_with_the_list(path, text):
    """The table of offsets, 8 MiB (twice while it grows), and a block of lines."""
    grown = []
    for count in (50_000, 400_000):
        file = text(lists.text_of(lists.some(count)), name=f"{count}.txt")
        run = [sys.executable, "-c", MEASURE, str(path), file]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        grown.append(int(done.stdout) / 1024)
    assert max(grown) < 64  # MiB
    assert grown[1] - grown[0] < 16


def test_pieces_are_what_the_protocol_says(text):
    pieces = list(TextFile(text()).pieces(Place()))
    assert all(isinstance(piece, Piece) for piece in pieces)
    assert [piece.prefix for piece in pieces] == sorted({piece.prefix for piece in pieces})
    assert json.loads(json.dumps(pieces[-1].place)) == [len(lists.text_of(DIGESTS)), len(DIGESTS)]
