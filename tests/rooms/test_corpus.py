"""The corpus as a source: looked up where it lies, replaced under its readers, refused by name."""

from __future__ import annotations

import logging
import os
import random
import statistics
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from hardening.breach import corpus as room
from hardening.breach.corpus import Corpus, CorpusSource
from hardening.core import corpus as layout
from hardening.core.corpus import CorpusError
from hardening.core.pwned import Candidate, Finding
from tests import lists
from tests.bench import corpora

LEAKED = ["hunter2", "qwertz", "letmein"]
WHOLE = lists.packed(map(lists.sha1, LEAKED))
OTHER = lists.packed([lists.sha1("tr0ub4dor"), *lists.some(20)], date=lists.DATE + 86_400)
MAX_MEDIAN_US = 10  # breach.md; the bench measures it on ten million entries


@pytest.fixture(autouse=True)
def _new_process():
    room.forget()
    yield
    room.forget()


@pytest.fixture
def path(tmp_path, settings):
    """Return where the site's corpus is to be."""
    path = tmp_path / "leaked.corpus"
    settings.HARDENING = {"BREACH_CORPUS": str(path)}
    return path


@pytest.fixture
def said(caplog):
    """Return a function: what was logged as critical since it was last called."""
    caplog.set_level(logging.DEBUG, logger="hardening")

    def take():
        lines = [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]
        caplog.clear()
        return lines

    return take


def look(password):
    answer = CorpusSource().look(Candidate(password), wait=0.0)
    assert answer.source == "corpus"
    return answer


# --- what it says -----------------------------------------------------------------------------


def test_what_is_in_it_is_a_hit_and_the_rest_is_clean(path):
    path.write_bytes(WHOLE)
    for password in LEAKED:
        assert look(password).finding is Finding.HIT
    answer = look("a pond of orange lanterns")
    assert answer.finding is Finding.CLEAN
    assert answer.version == "2026-11-21+3"
    assert answer.fault == ""


def test_a_list_that_is_not_whole_calls_nothing_clean(path):
    path.write_bytes(lists.packed([lists.sha1("hunter2")], complete=False))
    assert look("hunter2").finding is Finding.HIT
    answer = look("a pond of orange lanterns")
    assert (answer.finding, answer.fault) == (Finding.UNKNOWN, "")


def test_where_there_is_none_nothing_is_known_and_nothing_is_wrong(settings, said):
    settings.HARDENING = {"BREACH_CORPUS": None}
    answer = look("hunter2")
    assert (answer.finding, answer.fault) == (Finding.UNKNOWN, "")
    assert room.current() is None
    assert room.refused() is None
    assert said() == []


def test_the_edition_fits_its_column(path):
    path.write_bytes(lists.packed([], date=2**63 - 1))
    assert room.current().edition == "9999-12-31+0"
    assert len(f"9999-12-31+{layout.MAX_COUNT}") <= 64


# --- what is refused --------------------------------------------------------------------------

SWAPPED = "<" if sys.byteorder == "big" else ">"
FOREIGN = WHOLE[:8] + struct.pack(f"{SWAPPED}II", layout.BYTE_ORDER, 1) + WHOLE[16:]
REFUSED = [
    (b"", "foreign"),
    (b"an e-mail, a picture, a list of words\n" * 1000, "foreign"),
    (FOREIGN, "byte-order"),
    (WHOLE[:12] + struct.pack("=I", 9) + WHOLE[16:], "version"),
    (WHOLE[:100], "truncated"),
    (WHOLE[:-1], "truncated"),
    (WHOLE[:5000] + b"\xff" + WHOLE[5001:], "damaged"),
]


@pytest.mark.parametrize("data, fault", REFUSED, ids=[fault for _, fault in REFUSED])
def test_a_file_that_cannot_be_read_is_refused_by_name_once(path, said, data, fault):
    path.write_bytes(data)
    for _ in range(3):
        answer = look("hunter2")
        assert (answer.finding, answer.fault) == (Finding.UNKNOWN, fault)
    (line,) = said()
    reason = room.refused().removeprefix(f"{path}: ")
    assert line == f"hardening: the corpus {path} is refused: {reason}"
    assert room.current() is None
    assert maps(path) == 0


def test_a_file_that_is_not_there_is_refused_until_it_is(path, said):
    assert look("hunter2").fault == "missing"
    assert look("hunter2").fault == "missing"
    assert len(said()) == 1
    lists.put(path, WHOLE)
    assert look("hunter2").finding is Finding.HIT
    assert room.refused() is None


def test_what_is_no_file_is_unreadable(path):
    path.mkdir()
    assert look("hunter2").fault == "unreadable"


def test_offsets_that_lead_nowhere_are_a_fault_and_no_error(path):
    path.write_bytes(WHOLE)
    room.current().remainders = []
    assert look("hunter2").fault == "damaged"


# --- replaced ---------------------------------------------------------------------------------


def test_the_next_look_is_into_the_file_that_took_its_place(path):
    path.write_bytes(WHOLE)
    assert look("tr0ub4dor").finding is Finding.CLEAN
    lists.put(path, OTHER)
    answer = look("tr0ub4dor")
    assert (answer.finding, answer.version) == (Finding.HIT, "2026-11-22+21")
    assert look("hunter2").finding is Finding.CLEAN


def test_another_path_in_the_settings_is_another_corpus(path, settings, tmp_path):
    path.write_bytes(WHOLE)
    assert look("hunter2").finding is Finding.HIT
    (tmp_path / "other").write_bytes(OTHER)
    settings.HARDENING = {"BREACH_CORPUS": str(tmp_path / "other")}
    assert look("hunter2").finding is Finding.CLEAN
    settings.HARDENING = {"BREACH_CORPUS": str(tmp_path / "nowhere")}
    assert look("hunter2").fault == "missing"


@pytest.mark.parametrize("data, fault", REFUSED, ids=[fault for _, fault in REFUSED])
def test_a_broken_one_leaves_the_one_before_in_use(path, said, data, fault):
    path.write_bytes(WHOLE)
    assert look("hunter2").finding is Finding.HIT
    lists.put(path, data)
    for _ in range(3):
        answer = look("hunter2")
        assert (answer.finding, answer.fault) == (Finding.HIT, "")
    (line,) = said()
    assert "the one before it stays in use" in line
    assert str(path) in room.refused()
    lists.put(path, OTHER)
    assert look("hunter2").finding is Finding.CLEAN
    assert room.refused() is None


def test_one_that_is_removed_stays_in_use(path, said):
    path.write_bytes(WHOLE)
    assert look("hunter2").finding is Finding.HIT
    path.unlink()
    assert look("hunter2").finding is Finding.HIT
    assert "no such file" in said()[0]


def test_one_that_is_cut_short_in_its_place_is_not_touched_again(path):
    """A page that the file has no longer would kill the process."""
    path.write_bytes(lists.packed(lists.some(5000)))
    held = room.current()
    with path.open("r+b") as file:
        file.truncate(5000)
    assert look("hunter2").fault == "truncated"
    assert room.current() is None
    assert held.header.count == 5000


def test_the_one_before_can_be_read_by_whoever_holds_it(path):
    path.write_bytes(WHOLE)
    before = room.current()
    lists.put(path, OTHER)
    assert room.current() is not before
    assert before.search(lists.sha1("hunter2"))
    before.close()
    with pytest.raises(ValueError, match="released"):
        before.search(lists.sha1("hunter2"))


def test_its_memory_is_given_back_when_it_is_replaced(path):
    path.write_bytes(WHOLE)
    assert maps(path) == 0
    for number in range(5):
        assert room.current() is not None
        assert maps(path) == 1
        lists.put(path, WHOLE if number % 2 else OTHER)
    assert room.current() is not None
    assert maps(path) == 1


def maps(path):
    """Return how often this process has the file mapped, replaced ones included."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return sum(str(path.parent) in line for line in lines)


def test_threads_that_look_while_it_is_replaced_again_and_again_see_one_or_the_other(path):
    """Both hold "both"; each look finds it, whichever file it lands in."""
    shared = lists.sha1("both")
    files = [
        lists.packed([shared, *lists.some(3000, name)], date=lists.DATE + number)
        for number, name in enumerate(("one", "other", "third"))
    ]
    path.write_bytes(files[0])
    stop, wrong, looks = threading.Event(), [], []

    def read():
        count = 0
        while not stop.is_set():
            answer = look("both")
            if answer.finding is not Finding.HIT or answer.fault:
                wrong.append(answer)
            count += 1
        looks.append(count)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(40):
        lists.put(path, files[number % 3] if number % 5 else b"broken")
        time.sleep(0.005)
    lists.put(path, files[1])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(looks) > 0
    assert room.refused() is None


def test_only_one_of_many_threads_maps_it(path, monkeypatch):
    path.write_bytes(WHOLE)
    opened = []

    class Slow(Corpus):
        def __init__(self, path):
            opened.append(path)
            time.sleep(0.05)
            super().__init__(path)

    monkeypatch.setattr(room, "Corpus", Slow)
    found = []
    threads = [threading.Thread(target=lambda: found.append(look("hunter2"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.finding for answer in found] == [Finding.HIT] * 8
    assert len(opened) == 1


def test_nobody_waits_for_the_mapping_of_a_new_one(path, monkeypatch):
    path.write_bytes(WHOLE)
    assert look("hunter2").finding is Finding.HIT
    lists.put(path, OTHER)
    with room._keeper._lock:  # another thread is at it
        assert look("hunter2").finding is Finding.HIT
    assert look("hunter2").finding is Finding.CLEAN


def test_a_fork_while_another_thread_maps_it_leaves_the_child_able_to(path):
    """The child inherits the map, and no lock that nobody will ever open."""
    path.write_bytes(WHOLE)
    assert look("hunter2").finding is Finding.HIT
    lists.put(path, OTHER)
    program = f"""
import os, threading
import django
django.setup()
from django.test import override_settings
from hardening.breach import corpus
from hardening.core.pwned import Candidate
override_settings(HARDENING={{"BREACH_CORPUS": {str(path)!r}}}).enable()
corpus.current()
held = threading.Event()
def hold():
    with corpus._keeper._lock:
        held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if not child:
    os.utime({str(path)!r}, (1, 1))
    found = corpus.CorpusSource().look(Candidate("tr0ub4dor"), wait=0)
    os._exit(7 if found.finding == "hit" else 8)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=False)
    assert done.returncode == 7


# --- what it costs ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Return a corpus of 400,000 entries."""
    path = tmp_path_factory.mktemp("large") / "large.corpus"
    corpora.synthetic(path, 400_000)
    return path


def test_every_synthetic_entry_is_found(large):
    opened = Corpus(str(large))
    layout.check_remainders(opened.offsets, opened.remainders, opened.header)
    digests = corpora.digests_in(large, 500)
    assert len(digests) == 500
    assert all(opened.search(digest) for digest in digests)
    dice = random.Random(7)
    assert not any(opened.search(dice.randbytes(20)) for _ in range(500))
    opened.close()


def test_a_look_up_takes_microseconds_and_keeps_nothing(large, settings):
    settings.HARDENING = {"BREACH_CORPUS": str(large)}
    source, candidate = CorpusSource(), Candidate("hunter2")
    dice = random.Random(7)
    digests = [*corpora.digests_in(large, 1000), *(dice.randbytes(20) for _ in range(1000))]
    source.look(candidate, wait=0.0)
    times = []
    for digest in digests:
        candidate.digest = digest
        began = time.perf_counter()
        source.look(candidate, wait=0.0)
        times.append((time.perf_counter() - began) * 1e6)
    assert statistics.median(times) < 10 * MAX_MEDIAN_US  # a shared machine's leeway
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for digest in digests:
            candidate.digest = digest
            source.look(candidate, wait=0.0)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now - before < 10_000
    assert peak - before < 100_000


def test_an_error_of_the_file_says_nothing_of_the_password(path):
    path.write_bytes(WHOLE)
    opened = room.current()
    opened.remainders = []
    digest = lists.sha1("hunter2")
    with pytest.raises(CorpusError) as refused:
        opened.search(digest)
    assert digest.hex()[:5] not in str(refused.value).lower()
