"""A corpus from a range API: in order, at a polite rate, patient, and stopped at any time."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from hardening.breach import fetching
from hardening.breach.building import build, left_over
from hardening.breach.corpus import Corpus
from hardening.breach.fetching import RangeFetch
from hardening.breach.rows import BuildError
from tests import lists, ranges

NOW = 1_795_000_000
RANGES = 24
DIGESTS = [
    ((one % RANGES) << 140 | int.from_bytes(lists.sha1(str(one))[:17], "big")).to_bytes(20, "big")
    for one in range(500)
]
DATE = "Sun, 22 Nov 2026 08:00:00 GMT"
DATE_SECONDS = 1_795_334_400


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(fetching, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(fetching, "LONGEST_WAIT_SECONDS", 0.02)


@pytest.fixture
def api():
    with ranges.served(DIGESTS) as served:
        yield served


@pytest.fixture
def path(tmp_path):
    """Return where the corpus is to stand."""
    return str(tmp_path / "leaked.corpus")


def rows(api, **options):
    given = {"now": NOW, "rate": 1000.0, "workers": 4, "ranges": RANGES, **options}
    return RangeFetch(api.url, **given)


def body(path):
    with open(path, "rb") as file:  # noqa: PTH123 - a path as text
        return file.read()[4096:]


def test_an_api_becomes_a_corpus(api, path):
    header = build(path, rows(api))
    assert body(path) == lists.packed(DIGESTS)[4096:]
    assert (header.origin, header.source_date) == (f"api {api.url}", NOW)
    assert not header.complete
    assert api.numbers() == list(range(RANGES))


def test_what_is_sent_says_who_asks_and_nothing_else(api, path):
    build(path, rows(api))
    _, _, headers = api.asked[0]
    assert headers["User-Agent"] == fetching.AGENT
    assert set(headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


def test_only_all_ranges_are_the_whole_list():
    assert RangeFetch("http://127.0.0.1", now=NOW).whole
    assert not RangeFetch("http://127.0.0.1", now=NOW, ranges=RANGES).whole


@pytest.mark.parametrize(
    "wrong",
    [
        (500, {}, b""),
        (404, {"Content-Type": "text/plain"}, b""),
        (301, {"Location": "/elsewhere"}, b""),
        (200, {"Content-Type": "text/html"}, b"<html>"),
        (200, {}, b"0" * 35 + b":1"),
        (200, {"Content-Type": "text/plain"}, b"<html>"),
        (200, {"Content-Type": "text/plain"}, b""),
        (200, {"Content-Type": "text/plain"}, b"0" * 35 + b":0"),
        (200, {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, b"not packed"),
        (200, {"Content-Type": "text/plain"}, b"\r\n" * (5 << 20)),
        (304, {}, b""),
        (429, {}, b""),
        (429, {"Retry-After": "0"}, b""),
        (503, {"Retry-After": "soon"}, b""),
        (503, {"Retry-After": "-5", "Date": DATE}, b""),
    ],
)
def test_a_wrong_answer_is_asked_for_again(api, path, wrong):
    api.planned[5] = [wrong, wrong]
    build(path, rows(api))
    assert body(path) == lists.packed(DIGESTS)[4096:]
    assert api.numbers().count(5) == 3
    assert len(api.asked) == RANGES + 2


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "1"}, {"Retry-After": "Sun, 22 Nov 2026 08:00:01 GMT", "Date": DATE}],
)
def test_a_server_that_wants_to_be_left_alone_is(api, path, headers):
    api.planned[5] = [(429, headers, b"")]
    build(path, rows(api, workers=1))
    moments = [moment for moment, _, _ in api.asked]
    assert max(b - a for a, b in pairwise(moments)) >= 0.9


def test_no_server_makes_it_wait_for_ever():
    answer = type("Answer", (), {"headers": {"Retry-After": "9" * 40}})
    assert fetching._retry_after(answer) == fetching.LONGEST_RETRY_SECONDS


def test_the_rate_is_kept(api, path):
    """Whoever asks too fast has asked, so what is counted is the least time it can take."""
    began = time.monotonic()
    build(path, rows(api, rate=40.0, workers=8))
    assert time.monotonic() - began >= (RANGES - 1) / 40


def test_one_that_never_answers_well_is_given_up_and_gone_on_with(api, path):
    api.planned[9] = [(503, {}, b"")] * fetching.TRIES
    with pytest.raises(BuildError, match=r"range 00009 in 8 tries; the last: status 503.*go on"):
        build(path, rows(api))
    assert left_over(path) == 9
    asked = len(api.asked)
    build(path, rows(api))
    assert body(path) == lists.packed(DIGESTS)[4096:]
    assert min(number for _, number, _ in api.asked[asked:]) == 9


def test_one_that_is_not_there_is_said(path):
    with ranges.served(DIGESTS) as gone:
        pass
    with pytest.raises(BuildError, match="ConnectionError"):
        build(path, rows(gone))


def test_a_stop_leaves_what_can_be_gone_on_with_and_no_thread(api, path):
    class Stopped(RangeFetch):
        def pieces(self, place):
            for piece in super().pieces(place):
                if piece.prefix == 12:
                    raise KeyboardInterrupt
                yield piece

    given = {"now": NOW, "rate": 1000.0, "workers": 4, "ranges": RANGES}
    with pytest.raises(KeyboardInterrupt):
        build(path, Stopped(api.url, **given))
    assert left_over(path) == 12
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("hardening-corpus")]
    build(path, rows(api))
    assert body(path) == lists.packed(DIGESTS)[4096:]


# --- dates, and what has not changed ----------------------------------------------------------


def test_the_list_is_as_old_as_its_oldest_answer(api, path):
    text = {"Content-Type": "text/plain"}
    data = lists.range_of(DIGESTS, 3)
    api.headers = {**text, "Date": DATE}
    api.planned[3] = [(200, {**text, "Date": DATE, "Age": "500"}, data)]
    header = build(path, rows(api, now=DATE_SECONDS + 50))
    assert header.source_date == DATE_SECONDS - 500


@pytest.mark.parametrize("headers", [{"Date": "yesterday"}, {"Date": DATE, "Age": "old"}])
def test_a_date_that_cannot_be_read_is_that_of_this_machine(api, path, headers):
    api.headers = {"Content-Type": "text/plain", **headers}
    assert build(path, rows(api)).source_date == NOW


def test_ranges_that_have_not_changed_are_copied(api, path):
    build(path, rows(api, now=DATE_SECONDS))
    api.asked.clear()
    api.unchanged = set(range(RANGES)) - {3, 7}
    new = ((3 << 140) | 1).to_bytes(20, "big")
    api.digests = [*DIGESTS, new]
    again = rows(api, known=Corpus(path))
    build(path, again)
    assert body(path) == lists.packed(api.digests)[4096:]
    assert again.copied == RANGES - 2
    assert {headers["If-Modified-Since"] for _, _, headers in api.asked} == {DATE}


def test_an_update_does_not_go_on_with_the_build_of_another_edition(api, path):
    api.planned[9] = [(503, {}, b"")] * fetching.TRIES
    build_failed(path, rows(api))
    build(path, rows(api))
    api.planned[9] = [(503, {}, b"")] * fetching.TRIES
    build_failed(path, rows(api, known=Corpus(path)))
    with pytest.raises(BuildError, match="another build"):
        build(path, rows(api))


def build_failed(path, source):
    with pytest.raises(BuildError, match="in 8 tries"):
        build(path, source)
