"""The list that is always there: whole passwords, Django's common ones and words of the context."""

from __future__ import annotations

from types import SimpleNamespace
from unicodedata import normalize

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.test import override_settings

from hardening.breach import local, search
from hardening.breach.local import Local, common
from hardening.breach.sources import Answer
from hardening.breach.words import words_of
from hardening.core.pwned import Candidate, Finding

UNSAID = "magenta kettle on a slow ferry"
ADA = {"username": "ada.lovelace", "email": "ada@analytical.example", "password": "x"}


def look(password: str, *words: str) -> Finding:
    """What the list says."""
    answer = Local().look(Candidate(password, words=words), wait=0.0)
    assert answer.source == "local"
    assert not answer.fault
    return answer.finding


def named(**fields: str):
    """A user who is not saved."""
    return get_user_model()(**{**ADA, "first_name": "Ada", "last_name": "Lovelace", **fields})


# --- the list ----------------------------------------------------------------------------------


def test_every_common_password_that_is_long_enough_is_a_hit() -> None:
    listed = [one for one in CommonPasswordValidator().passwords if len(one) >= 8]
    assert len(listed) > 8000
    assert {look(one) for one in listed} == {Finding.HIT}
    assert len(common()) == len(listed)


@pytest.mark.parametrize("password", ["123456", "qwerty", "letmein"])
def test_a_common_one_that_is_too_short_anyway_is_not_looked_for(password: str) -> None:
    assert password in CommonPasswordValidator().passwords
    assert look(password) is Finding.UNKNOWN


@pytest.mark.parametrize(
    "password, finding",
    [
        ("password1", Finding.HIT),
        ("PassWord1", Finding.HIT),
        ("  password1\t", Finding.HIT),
        ("ｐａｓｓｗｏｒｄ１", Finding.HIT),
        ("password1 and more", Finding.UNKNOWN),
        ("my password1", Finding.UNKNOWN),
        ("", Finding.UNKNOWN),
        ("   ", Finding.UNKNOWN),
        ("\ud800 lone surrogate", Finding.UNKNOWN),
        (UNSAID, Finding.UNKNOWN),
    ],
)
def test_whole_passwords_are_compared_however_they_are_written(password, finding) -> None:
    assert look(password) is finding


@pytest.mark.parametrize(
    "password, word, finding",
    [
        ("Backstage", "backstage", Finding.HIT),
        ("STRASSENFEST", "Straßenfest", Finding.HIT),
        (" backstage ", "Backstage", Finding.HIT),
        ("backstage door", "backstage", Finding.UNKNOWN),
        ("back", "backstage", Finding.UNKNOWN),
    ],
)
def test_a_word_of_the_context_is_a_hit_as_a_whole_password_only(password, word, finding) -> None:
    assert look(password, word) is finding


def test_the_list_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    look(UNSAID)
    monkeypatch.setattr(local, "CommonPasswordValidator", None)  # would raise
    assert look("password1") is Finding.HIT


def test_no_password_is_ever_called_clean() -> None:
    assert {look(one) for one in ("", UNSAID, "password1", "a" * 5000)} == {
        Finding.HIT,
        Finding.UNKNOWN,
    }


def test_what_is_too_long_to_be_known_is_not_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def counted(form: str, text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(local, "normalize", counted)
    slow = "a" + "\u0315\u0300" * 50_000  # marks that normalising has to sort, one by one
    assert look(slow, "backstage") is Finding.UNKNOWN
    assert look("backstage", slow, "backstage") is Finding.HIT
    assert max(lengths) <= local.MAX_LENGTH


# --- the words -----------------------------------------------------------------------------------


@override_settings(HARDENING={"ISSUER": "Example Records"}, ALLOWED_HOSTS=["*"])
def test_the_sites_name_is_a_word_with_and_without_its_spaces() -> None:
    assert words_of() == ("Example Records", "ExampleRecords")


@pytest.mark.parametrize(
    "host, words",
    [
        (
            "www.records.example",
            {"www.records.example", "www.records", "records", "records.example"},
        ),
        (".records.example", {"records.example", "records"}),
        ("*.records.example", {"records.example", "records"}),
        ("localhost", {"localhost"}),
        ("abc.de", {"abc.de"}),
        ("*", set()),
        ("..", set()),
    ],
)
def test_a_host_is_a_word_with_and_without_its_ending(settings, host, words) -> None:
    settings.HARDENING = {"ISSUER": "Shop"}
    settings.ALLOWED_HOSTS = [host]
    assert set(words_of()) == words | {"Shop"}


@override_settings(ALLOWED_HOSTS=["*", "shop.records.example"])
def test_a_site_without_a_name_is_called_by_its_first_host() -> None:
    assert words_of()[0] == "shop.records.example"


def test_a_host_of_very_many_parts_has_few_words(settings) -> None:
    settings.ALLOWED_HOSTS = [".".join(["part"] * 500)]
    assert len(words_of()) < 40


def test_a_person_is_known_by_name_and_address_in_either_order() -> None:
    theirs = set(words_of(named(first_name="Grace", last_name="Hopper"))) - set(words_of())
    assert theirs == {
        *("ada.lovelace", "ada@analytical.example", "Grace", "Hopper"),
        *("Grace Hopper", "GraceHopper", "Hopper Grace", "HopperGrace"),
    }


def test_words_of_fewer_than_four_letters_are_left_out() -> None:
    user = named(username="ada", first_name="Al", last_name="Li", email="ada@b.example")
    theirs = set(words_of(user)) - set(words_of())
    assert theirs == {"ada@b.example", "Al Li", "AlLi", "Li Al", "LiAl"}


def test_no_word_is_listed_twice() -> None:
    words = words_of(named(username="Lovelace", first_name="", email="lovelace@b.example"))
    assert len(words) == len(set(words))


class Odd:
    """A model of the host's own: another address field, names that raise or are no text."""

    mail = "odd@elsewhere.example"
    first_name = 4711
    last_name = None

    @staticmethod
    def get_email_field_name() -> str:
        return "mail"

    def get_username(self) -> str:
        raise RuntimeError("its row is not there yet")


def test_what_cannot_be_read_of_a_user_is_left_out() -> None:
    assert set(words_of(Odd())) - set(words_of()) == {"odd@elsewhere.example", "4711"}


@pytest.mark.parametrize("nobody", [None, AnonymousUser(), SimpleNamespace(), object()], ids=repr)
def test_where_there_is_nobody_yet_the_words_are_the_sites(nobody) -> None:
    assert words_of(nobody) == words_of()


def test_a_password_that_is_ones_own_name_is_a_hit() -> None:
    words = words_of(named())
    assert look("lovelaceada", *words) is Finding.HIT
    assert look("Ada Lovelace", *words) is Finding.HIT
    assert look("ADA@ANALYTICAL.EXAMPLE", *words) is Finding.HIT
    assert look("ada lovelace invented it", *words) is Finding.UNKNOWN


# --- sources that are none --------------------------------------------------------------------


class Nameless:
    """No source: nobody could say which one failed."""

    def look(self, candidate, *, wait, late=None):
        return Answer(Finding.HIT)


class Broken:
    """No source either: it cannot be made."""

    name = "broken"

    def __init__(self) -> None:
        raise ValueError(UNSAID)

    def look(self, candidate, *, wait, late=None):
        return Answer(Finding.HIT)


class Own:
    """A source of the site's own."""

    name = "tests.rooms.test_local.Own"
    answer: object = Answer(Finding.HIT, name)

    def look(self, candidate, *, wait, late=None):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def found_with(settings, *sources: str):
    settings.HARDENING = {"BREACH_SOURCES": [f"{__name__}.{name}" for name in sources]}
    return search.search(Candidate(UNSAID), wait=1.0)


@pytest.mark.parametrize(
    "wrong, why",
    [
        ("nothing.there", "ModuleNotFoundError"),
        ("Absent", "ImportError"),
        ("Broken", "ValueError"),
        ("Nameless", "it has no name"),
        ("UNSAID", "TypeError"),
    ],
)
def test_a_source_that_is_none_is_left_out_and_said_once(settings, caplog, wrong, why) -> None:
    for _ in range(3):
        assert found_with(settings, wrong, "Own").finding is Finding.HIT
        search.search(Candidate(UNSAID), wait=1.0)
    critical = [one.getMessage() for one in caplog.records if one.levelname == "CRITICAL"]
    assert critical
    assert all(f"is left out: {why}" in one for one in critical)
    assert len(critical) == 3  # once for each time the settings were read, not for each look-up
    assert UNSAID not in caplog.text


@pytest.mark.parametrize(
    "answer",
    [None, True, "hit", Answer("hit", Own.name), Answer(None, Own.name), RuntimeError(UNSAID)],
    ids=repr,
)
def test_a_source_that_does_not_answer_is_a_fault_and_the_rest_goes_on(
    settings, caplog, monkeypatch, answer
) -> None:
    monkeypatch.setattr(Own, "answer", answer)
    found = found_with(settings, "Own")
    assert found.finding is Finding.UNKNOWN
    assert found.faults == (f"{Own.name}:raised",)
    assert UNSAID not in caplog.text
