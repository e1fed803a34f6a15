"""Vocabularies are closed, alive and in words: events, reasons, mails, pages."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.urls import get_resolver, reverse

from hardening import forms
from hardening.audit import Event
from hardening.core.values import Reason, Verdict
from hardening.flows import steps
from hardening.models.factor import NAME_LENGTH
from hardening.views import activity

APP = Path(__file__).resolve().parents[2] / "hardening"
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(APP.rglob("*.py"))}
MAILS = sorted(path.stem for path in APP.glob("templates/hardening/mail/*.html"))
# What only tells of events recorded elsewhere.
TELLING = {"audit.py", "activity.py", "event_filters.py", "plots.py", "history.py", "attention.py"}


def uses(enum, member, *, beside):
    """Return the modules, but for those named, that speak of a member of an enum."""
    word = re.compile(rf"\b{enum.__name__}\.{member.name}\b")
    return [p.name for p, text in SOURCES.items() if p.name not in beside and word.search(text)]


@pytest.mark.parametrize("event", Event)
def test_every_event_is_recorded_somewhere(event):
    beside = TELLING - {"audit.py"} if event is Event.AUDIT_SEALED else TELLING  # a line alone
    assert uses(Event, event, beside=beside)


def test_every_event_has_words_for_its_owner_or_is_about_nobody():
    assert set(activity.WORDS) | activity.LEFT_OUT == set(Event)
    assert not set(activity.WORDS) & activity.LEFT_OUT


@pytest.mark.parametrize("event", sorted(activity.WORDS))
def test_an_event_about_an_account_reads_as_words(event):
    words = activity.sentence(event.value)
    assert words != event.value
    assert words[0].isupper()


@pytest.mark.parametrize("kind", sorted(activity.PROOFS))
def test_a_proof_is_told_by_its_kind(kind):
    words = activity.sentence(Event.PROOF_ACCEPTED.value, kind)
    assert words == str(activity.PROOFS[kind]) != "Proof accepted"


def test_an_event_of_a_newer_version_is_shown_by_its_name():
    assert activity.sentence("factor:polish:done") == "factor:polish:done"


@pytest.mark.parametrize("event", Event)
def test_an_event_is_named_subject_action_outcome_and_fits_its_column(event):
    assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z]+", event.value)
    assert len(event.value) <= 48


@pytest.mark.parametrize("enum", [Event, Reason, Verdict])
def test_no_two_members_share_a_value(enum):
    assert len({member.value for member in enum}) == len(enum.__members__)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given_somewhere_and_fits_its_column(reason):
    assert uses(Reason, reason, beside={"values.py", "wording.py"})
    assert len(reason.value) <= 48


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_code_for_programs_and_a_page_for_people(verdict):
    assert steps.JSON_CODES[verdict]
    if verdict not in (Verdict.LOGIN, Verdict.DENY):
        assert reverse(steps.URL_NAMES[verdict]).startswith("/security/")


def test_the_names_of_our_pages_are_unique():
    names = [pattern.name for pattern in get_resolver("hardening.urls").url_patterns]
    assert all(names)
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("mail", [name for name in MAILS if name != "base"])
def test_every_mail_has_subject_text_and_html_that_render_and_a_sender_in_the_code(mail):
    context = {
        "site_name": "Backstage",
        "person": "mia",
        "when": None,
        "support": "",
        "details": {},
        "code": "12345678",
        "minutes": 10,
    }
    for ending in ("subject.txt", "txt", "html"):
        text = render_to_string(f"hardening/mail/{mail}.{ending}", context)
        assert "Backstage" in text
        assert "!" not in text.replace("<!", "")
    subject = render_to_string(f"hardening/mail/{mail}.subject.txt", context)
    assert len(" ".join(subject.split())) <= 78  # RFC 5322 §2.1.1
    assert any(f'"{mail}"' in text for text in SOURCES.values())


def test_a_name_of_an_authenticator_is_as_long_in_forms_as_in_the_table():
    assert forms.NAME_LENGTH == NAME_LENGTH
