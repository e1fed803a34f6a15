"""Publishing an artist's page: a proof younger than five minutes, no lost text, a mail that tells.

The clock stands still, so ages of proofs are exact.
"""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.utils.html import escape

from hardening import testing
from project.backstage import drafts
from project.backstage.models import Artist, User
from tests.demo.test_team_pages import EDIT, HISTORY, UNDO, typed
from tests.visitor import STEP

STEP_UP = "/security/step-up/"
AGE = 300
MINE = {"headline": "What I typed", "biography": "One line\nand another"}


@pytest.fixture
def manager(clock, browser_of):
    """Return the manager's browser, with a proof of this second."""
    return browser_of("manager")


def prove(browser, username="manager", at=EDIT, step=STEP_UP):
    """Type a right code on the step page; return where that leads."""
    code = testing.code_for(User.objects.get(username=username))
    return browser.post(f"{step}?next={at}", {"code": code}).url


# --- how fresh ---------------------------------------------------------------------------------


@pytest.mark.parametrize("age, passes", [(AGE - 1, True), (AGE, True), (AGE + 1, False)])
def test_a_proof_lasts_for_five_minutes(manager, night_trams, clock, age, passes):
    before = night_trams()
    clock.shift(age)
    assert manager.get(EDIT).status_code == (200 if passes else 302)
    answer = manager.post(EDIT, typed(before, **MINE))
    assert answer.url.startswith(HISTORY if passes else STEP_UP)
    assert (night_trams().content != before.content) == passes


@pytest.mark.parametrize("age, passes", [(AGE, True), (AGE + 1, False)])
def test_undoing_takes_the_same_proof(manager, night_trams, clock, age, passes):
    before = night_trams()
    clock.shift(age)
    assert manager.get(UNDO.format(before.version)).status_code == (200 if passes else 302)
    assert manager.post(UNDO.format(before.version)).url.startswith(HISTORY if passes else STEP_UP)
    assert (night_trams().version > before.version) == passes


def test_reading_the_history_takes_no_proof(manager, clock):
    clock.shift(AGE + 1)
    assert manager.get(HISTORY).status_code == 200


def test_a_program_reads_a_code_instead_of_a_page(manager, night_trams, clock):
    clock.shift(AGE + 1)
    asked = {"Accept": "application/json"}
    answer = manager.post(EDIT, typed(night_trams(), **MINE), headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")


def test_whoever_is_not_in_the_team_is_refused_before_any_proof_is_asked_for(clock, browser_of):
    fan = browser_of("fan")
    clock.shift(AGE + 1)
    assert fan.get(EDIT).status_code == 403


# --- no text is lost ---------------------------------------------------------------------------


def test_what_was_typed_for_longer_is_there_again_after_the_step(manager, night_trams, clock):
    before = night_trams()
    assert manager.get(EDIT).status_code == 200
    clock.shift(AGE + STEP)
    step = manager.post(EDIT, typed(before, **MINE)).url
    assert step == f"{STEP_UP}?next=%2Fartists%2Fnight-trams%2Fedit%2F&interrupted=1"
    assert night_trams().content == before.content
    code = testing.code_for(User.objects.get(username="manager"))
    assert manager.post(step, {"code": code}).url == EDIT
    shown = manager.get(EDIT)
    assert "Your text is still here" in shown.content.decode()
    assert "Nothing was done yet" in shown.content.decode()
    form = shown.context["form"]
    assert {name: form[name].value() for name in MINE} == MINE
    fields = {name: form[name].value() for name in form.fields}
    assert manager.post(EDIT, fields).url == HISTORY
    assert night_trams().headline == MINE["headline"]
    assert "Your text is still here" not in manager.get(EDIT).content.decode()


def test_what_a_kept_text_changes_is_seen_before_it_is_published(manager, night_trams, clock):
    clock.shift(AGE + STEP)
    manager.post(EDIT, typed(night_trams(), headline="Planted by whoever stole the session"))
    prove(manager)
    (changed,) = manager.get(EDIT).context["kept_changes"]
    assert [line.text for line in changed.lines] == [
        night_trams().headline,
        "Planted by whoever stole the session",
    ]


def test_a_kept_text_can_be_forgotten(manager, night_trams, clock):
    clock.shift(AGE + STEP)
    manager.post(EDIT, typed(night_trams(), **MINE))
    prove(manager)
    assert manager.post(EDIT, {"discard": "yes"}).url == EDIT
    assert manager.get(EDIT).context["form"]["headline"].value() == night_trams().headline


def test_nobody_else_finds_a_kept_text_not_even_at_another_browser(
    manager, night_trams, browser_of, clock
):
    clock.shift(AGE + STEP)
    manager.post(EDIT, typed(night_trams(), **MINE))
    for other in (browser_of("manager"), browser_of("editor")):
        assert "What I typed" not in other.get(EDIT).content.decode()


def test_a_text_that_makes_no_sense_is_refused_before_a_proof_is_asked_for(
    manager, night_trams, clock
):
    clock.shift(AGE + 1)
    assert manager.post(EDIT, typed(night_trams(), headline="x" * 121)).status_code == 422


def test_few_drafts_are_kept_the_newest_first():
    session = {}
    for number in range(5):
        content = drafts.Content(headline=str(number))
        drafts.keep(session, f"page-{number % 4}", drafts.Draft(content, number, at=number))
    found = {slug: drafts.find(session, slug) for slug in ("page-0", "page-1", "page-2", "page-3")}
    assert {slug: draft and draft.at for slug, draft in found.items()} == {
        "page-0": 4,
        "page-1": None,
        "page-2": 2,
        "page-3": 3,
    }
    drafts.forget(session, "page-9")
    drafts.forget(session, "page-3")
    assert drafts.find(session, "page-3") is None


# --- somebody else was quicker -----------------------------------------------------------------


def test_who_is_told_of_another_change_sees_what_it_was(manager, night_trams, browser_of):
    seen_by_both = night_trams()
    browser_of("editor").post(EDIT, typed(seen_by_both, headline="Theirs <b>"))
    shown = manager.post(EDIT, typed(seen_by_both, **MINE))
    content = shown.content.decode()
    assert shown.status_code == 422
    assert "What others changed meanwhile" in content
    assert "by editor" in content
    assert f"{escape('Theirs <b>')}</ins>" in content
    assert f"{escape(seen_by_both.headline)}</del>" in content


def test_who_comes_back_from_the_step_is_told_of_it_too(manager, night_trams, browser_of, clock):
    seen_by_both = night_trams()
    clock.shift(AGE + STEP)
    manager.post(EDIT, typed(seen_by_both, **MINE))
    browser_of("editor").post(EDIT, typed(seen_by_both, headline="Theirs"))
    prove(manager)
    shown = manager.get(EDIT)
    assert "Theirs</ins>" in shown.content.decode()
    assert shown.context["form"]["headline"].value() == MINE["headline"]
    fields = {name: shown.context["form"][name].value() for name in shown.context["form"].fields}
    assert manager.post(EDIT, fields).url == HISTORY
    assert night_trams().headline == MINE["headline"]


# --- the mail ----------------------------------------------------------------------------------


@pytest.fixture
def told(manager, night_trams, django_capture_on_commit_callbacks):
    """Publish something that differs, and return the mail to the editor."""

    def tell(**changes):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            manager.post(EDIT, typed(night_trams(), **changes))
        return next(sent for sent in mail.outbox if sent.to == ["editor@backstage.example"])

    return tell


def test_the_mail_says_who_when_and_which_lines(told, night_trams):
    before = night_trams()
    first = before.biography.splitlines()[0]
    sent = told(biography=before.biography.replace(first, "Somebody <else> wrote this"))
    html = sent.alternatives[0][0]
    assert "manager changed the public page of Night Trams" in sent.body
    assert "on 15 January 2027 at 08:00 UTC" in sent.body
    assert f"- {first}" in sent.body
    assert "+ Somebody <else> wrote this" in sent.body
    assert f"<del>{first}</del>" in html
    assert "<ins>Somebody &lt;else&gt; wrote this</ins>" in html
    kept = before.biography.splitlines()[-1]
    assert kept not in sent.body
    assert kept not in html


def test_the_name_of_an_artist_starts_no_line_of_its_own_in_a_mail(told, seeded):
    Artist.objects.filter(slug="night-trams").update(name="Night\r\nBcc: x@example.com")
    sent = told(headline="New")
    assert sent.subject == "The page of Night Bcc: x@example.com was changed by manager"
    assert sent.recipients() == ["editor@backstage.example"]


def test_no_mail_is_sent_before_the_change_is_committed(manager, night_trams):
    manager.post(EDIT, typed(night_trams(), headline="New"))
    assert mail.outbox == []


def test_the_link_of_the_mail_leads_to_one_click_that_undoes(
    told, night_trams, browser_of, django_capture_on_commit_callbacks
):
    before = night_trams()
    told(headline="Defaced", motif="rain")
    number = night_trams().version
    editor = browser_of("editor")
    shown = editor.get(UNDO.format(number)).content.decode()
    assert "Defaced</del>" in shown
    assert f"{before.headline}</ins>" in shown
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert editor.post(UNDO.format(number)).url == HISTORY
    assert night_trams().content == before.content
    assert {sent.to[0] for sent in mail.outbox} == {
        "manager@backstage.example",
        "editor@backstage.example",
    }
    assert all(f"That took back change {number}." in sent.body for sent in mail.outbox)
    assert "There is nothing to undo" in editor.get(UNDO.format(number)).content.decode()


def test_the_link_asks_a_stranger_to_sign_in(seeded):
    answer = Client().get(UNDO.format(1))
    assert answer.url == f"/security/login/?next={UNDO.format(1)}"


# --- the admin ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        "backstage/artist/add/",
        "backstage/artist/{artist}/change/",
        "backstage/user/{user}/change/",
        "auth/group/add/",
    ],
)
def test_making_a_publisher_of_somebody_takes_a_fresh_proof(clock, browser_of, form):
    admin = browser_of("admin")
    address = f"/admin/{form}"
    address = address.format(artist=Artist.objects.first().pk, user=User.objects.first().pk)
    assert admin.get(address).status_code == 200
    clock.shift(AGE + 1)
    assert admin.get(address).url.startswith(STEP_UP)
    assert admin.post(address).url.startswith(STEP_UP)
