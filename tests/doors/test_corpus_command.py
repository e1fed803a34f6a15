"""What operators type about the corpus: each command's words, its exit status, what it changes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from hardening.breach import building, corpus, fetching, part, search
from hardening.breach.sources import Answer
from hardening.core.pwned import Finding
from tests import lists, ranges

DIGESTS = [lists.sha1(word) for word in ("hunter2", "qwertz", "letmein")]
MTIME = 1_790_000_000
RANGES = 16


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class Known:
    """Stands in for a source: knows "hunter2", and one word that nobody can look up."""

    name = "known"

    def look(self, candidate, *, wait, late=None):
        if candidate.password == "unknown":
            return Answer(Finding.UNKNOWN, self.name, fault="missing")
        known = candidate.password == "hunter2"
        return Answer(Finding.HIT if known else Finding.CLEAN, self.name, "2026-11-21+3")


def run(*arguments, stderr=None):
    """Return what the command wrote to (stdout, stderr)."""
    out, err = io.StringIO(), stderr or io.StringIO()
    call_command("hardening_corpus", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def failure(*arguments):
    """Return exit status and message."""
    with pytest.raises(CommandError) as failed:
        run(*arguments)
    return failed.value.returncode, str(failed.value)


@pytest.fixture(autouse=True)
def path(tmp_path, settings):
    """Return where the site's corpus is to be."""
    path = tmp_path / "leaked.corpus"
    settings.HARDENING = {"BREACH_CORPUS": str(path), "BREACH_SOURCES": ["corpus"]}
    corpus.forget()
    yield path
    corpus.forget()


@pytest.fixture
def text(tmp_path):
    """Return a list as a text file."""
    file = tmp_path / "list.txt"
    file.write_bytes(lists.text_of(DIGESTS))
    os.utime(file, (MTIME, MTIME))
    return file


@pytest.fixture
def api(settings, monkeypatch):
    """Return an API that has a few ranges."""
    whole = fetching.RangeFetch
    monkeypatch.setattr(
        fetching.RangeFetch.__init__,
        "__kwdefaults__",
        {
            **whole.__init__.__kwdefaults__,
            "ranges": RANGES,
        },
    )
    digests = [(one << 140 | one + 1).to_bytes(20, "big") for one in range(RANGES)]
    with ranges.served(digests) as served:
        settings.HARDENING = {**settings.HARDENING, "BREACH_API_URL": served.url}
        yield served


# --- build ------------------------------------------------------------------------------------


def test_a_corpus_is_built_from_a_file_and_looked_into(path, text):
    out, _ = run("build", "--file", str(text))
    assert out.startswith(f"Built {path}: 3 entries from file {text}.")
    assert "never that it is not" in out
    said = json.loads(run("info", "--format", "json", "--verify")[0])
    assert said == {
        "path": str(path),
        "edition": "2026-09-21+3",
        "entries": 3,
        "bytes": path.stat().st_size,
        "source_date": "2026-09-21T14:13:20+00:00",
        "origin": f"file {text}",
        "min_count": 1,
        "complete": False,
        "verified": True,
    }


def test_another_path_may_be_named(tmp_path, text, path):
    run("build", "--file", str(text), "--path", str(tmp_path / "other"))
    assert not path.exists()
    assert "entries      3" in run("info", "--path", str(tmp_path / "other"))[0]


def test_words_are_sorted_in_memory_and_it_is_said(tmp_path, path):
    (tmp_path / "words").write_text("hunter2\nqwertz\n")
    out, err = run("build", "--words", str(tmp_path / "words"))
    assert "2 entries" in out
    assert "in memory" in err
    assert failure("build", "--words", str(tmp_path / "words"), "--min-count", "2")[0] == 1


def test_a_dry_run_changes_nothing(path, text, tmp_path):
    before = sorted(tmp_path.iterdir())
    out, _ = run("build", "--file", str(text), "--dry-run")
    assert out == f"Would build {path} from file {text}. Nothing was changed.\n"
    assert sorted(tmp_path.iterdir()) == before


def test_progress_shows_on_a_terminal(text):
    _, err = run("build", "--file", str(text), stderr=Terminal())
    assert "1048576/1048576" in err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["build", "--file", "/nowhere/list.txt"], "No such file"),
        (["build", "--directory", "/nowhere"], "No such file"),
        (["info"], "no such file"),
        (["update"], "no such file"),
        (["build"], "one of the arguments"),
        (["build", "--api", "--rate", "0"], "number from 1 to 1000"),
        (["build", "--api", "--workers", "many"], "number from 1 to 64"),
        (["build", "--api", "--file", "x"], "not allowed with"),
        ([], "required: WHAT"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, said):
    status, message = failure(*arguments)
    assert status == 1
    assert said in message


def test_without_a_path_none_is_guessed(settings, text):
    settings.HARDENING = {}
    assert "BREACH_CORPUS" in failure("build", "--file", str(text))[1]


def test_a_damaged_file_is_named_with_the_reason(path, text):
    run("build", "--file", str(text))
    data = path.read_bytes()
    lists.put(path, data[:-1])
    assert failure("info") == (1, f"{path}: it is cut short: {len(data) - 1} of {len(data)} bytes")
    lists.put(path, data[:-1] + bytes([data[-1] ^ 1]))
    run("info")
    assert failure("info", "--verify") == (1, f"{path}: its entries are damaged")


def test_a_full_disk_leaves_the_old_file_as_it_is(path, text, monkeypatch):
    run("build", "--file", str(text))
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part.os, "pwrite", full)
    status, message = failure("build", "--file", str(text), "--min-count", "2")
    assert status == 1
    assert f"the disk of {path} is full" in message
    assert path.read_bytes() == before


def test_the_system_checks_do_not_stand_in_the_way(path, text):
    """One of them says that there is no corpus yet, and would stop what makes one."""
    program = (
        "import sys; from django.core.management import execute_from_command_line as run; "
        "from django.conf import settings; "
        "settings.HARDENING = {'BREACH_CORPUS': sys.argv[1]}; "
        "run(['manage.py', 'hardening_corpus', 'build', '--file', sys.argv[2]])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    run_it = [sys.executable, "-c", program, str(path), str(text)]
    done = subprocess.run(run_it, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert path.exists()


# --- the API, stops ---------------------------------------------------------------------------


def test_a_stop_is_said_and_the_same_again_goes_on(path, api, monkeypatch):
    whole = fetching.RangeFetch.pieces

    def stopped(self, place):
        for piece in whole(self, place):
            if piece.prefix == 5:
                raise KeyboardInterrupt
            yield piece

    with monkeypatch.context() as patched:
        patched.setattr(fetching.RangeFetch, "pieces", stopped)
        status, message = failure("build", "--api", "--rate", "1000")
    assert (status, "again to go on" in message) == (130, True)
    assert building.left_over(str(path)) == 5
    out, err = run("build", "--api", "--rate", "1000")
    assert "Going on after 5 of" in err
    assert "16 entries" in out
    assert api.numbers().count(4) == 1


def test_an_unfinished_build_shows_in_info(path, text, api):
    run("build", "--file", str(text))
    api.planned[3] = [(200, {"Content-Type": "text/html"}, b"")] * fetching.TRIES
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fetching, "FIRST_WAIT_SECONDS", 0.0)
        assert "00003" in failure("build", "--api", "--rate", "1000")[1]
    assert "unfinished build ranges  3" in run("info")[0]


def test_an_update_fetches_what_has_changed(path, api):
    run("build", "--api", "--rate", "1000", "--min-count", "2")
    api.unchanged = set(range(RANGES - 1))
    out, _ = run("update", "--rate", "1000")
    assert "Ranges that had not changed: 15." in out
    assert json.loads(run("info", "--format", "json")[0])["min_count"] == 2
    assert len(api.asked) == 2 * RANGES


def test_an_update_from_a_file_waits_for_a_newer_one(path, text):
    run("build", "--file", str(text))
    before = path.stat().st_ino
    assert "Nothing to do" in run("update")[0]
    assert path.stat().st_ino == before
    text.write_bytes(lists.text_of(DIGESTS[:2]))
    assert "Would build" in run("update", "--dry-run")[0]
    assert path.stat().st_ino == before
    assert "2 entries" in run("update")[0]


def test_what_does_not_say_where_it_came_from_cannot_be_updated(path):
    path.write_bytes(lists.packed(DIGESTS, origin="somewhere"))
    assert "does not say where" in failure("update")[1]


# --- check ------------------------------------------------------------------------------------


@pytest.fixture
def typed(monkeypatch):
    """Return a function: what is typed at the prompt."""
    monkeypatch.setattr(search, "sources", lambda: (Known(),))

    def type_it(password):
        monkeypatch.setattr("getpass.getpass", lambda prompt: password)

    return type_it


def test_a_password_is_asked_for_and_looked_up(typed):
    typed("a pond of orange lanterns")
    assert run("check") == (
        "CLEAN (known 2026-11-21+3): this password is in no list of leaked ones.\n",
        "",
    )


@pytest.mark.parametrize(
    "password, status, shown, aside",
    [
        ("hunter2", 3, "HIT (known 2026-11-21+3): this password is known from a breach.\n", ""),
        (
            "unknown",
            4,
            "UNKNOWN: no source that was asked knows it, and none can rule it out.\n",
            "could not be asked: known:missing\n",
        ),
    ],
)
def test_each_finding_has_its_exit_status(typed, password, status, shown, aside):
    typed(password)
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:  # an answer, and no CommandError
        call_command("hardening_corpus", "check", stdout=out, stderr=err)
    assert ended.value.code == status
    assert (out.getvalue(), err.getvalue()) == (shown, aside)
    assert password not in out.getvalue() + err.getvalue()


def test_where_nobody_types_one_that_is_said(monkeypatch):
    def ended(prompt):
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ended)
    assert failure("check") == (1, "no password was typed")


def test_a_password_is_no_argument():
    with pytest.raises(CommandError, match="unrecognized arguments"):
        run("check", "hunter2")
