"""Editing an artist's page, its history, and taking changes back."""

from __future__ import annotations

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, transaction

from project.backstage.models import Artist, ArtistPage, Membership, Revision, User
from tests.mailers import send_by

EDIT = "/artists/night-trams/edit/"
HISTORY = "/artists/night-trams/history/"
UNDO = "/artists/night-trams/history/{}/undo/"
TEAM = {"manager@backstage.example", "editor@backstage.example"}


class BrokenMailServer(BaseEmailBackend):
    """A mail server that is down."""

    def send_messages(self, email_messages):
        raise ConnectionRefusedError


def typed(page, **changes):
    """Return what the edit form sends for `page`, with `changes`."""
    content = page.content.as_json() | {"based_on": str(page.version)}
    return content | changes


@pytest.mark.parametrize("path", [EDIT, HISTORY, "/my/", "/my/artists/", "/my/follows/"])
def test_a_visitor_is_led_to_the_sign_in(client, seeded, path):
    response = client.get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/security/login/?next={path}"


@pytest.mark.parametrize("username", ["fan", "admin"])
@pytest.mark.parametrize("path", [EDIT, HISTORY, UNDO.format(1)])
def test_who_is_not_in_the_team_can_neither_look_nor_change(
    browser_of, night_trams, username, path
):
    page = night_trams()
    send = browser_of(username).get if path == HISTORY else browser_of(username).post
    response = send(path, typed(page, headline="Defaced"))
    assert response.status_code == 403
    assert night_trams().content == page.content


def test_a_manager_of_another_artist_is_not_in_the_team(browser_of):
    assert browser_of("manager").get("/artists/velvet-aerial/edit/").status_code == 403


@pytest.mark.parametrize("username", ["manager", "editor"])
def test_a_member_of_the_team_publishes(browser_of, client, night_trams, username):
    before = night_trams()
    response = browser_of(username).post(EDIT, typed(before, headline="Sparks on the Wire"))
    assert response.headers["Location"] == HISTORY
    assert "Sparks on the Wire" in client.get("/artists/night-trams/").content.decode()
    revision = Revision.objects.filter(page=before).first()
    assert revision.author_name == username
    assert revision.content_before == before.content
    assert revision.content_after == night_trams().content
    assert revision.number == before.version + 1


def test_everybody_in_the_team_gets_a_mail_of_their_own(
    browser_of, night_trams, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        browser_of("manager").post(EDIT, typed(night_trams(), headline="New"))
    sent = [message for message in mail.outbox if "Night Trams" in message.subject]
    assert {tuple(message.to) for message in sent} == {(address,) for address in TEAM}
    number = night_trams().version
    links = [f"http://testserver{path}" for path in (f"{HISTORY}#change-{number}", UNDO)]
    for message in sent:
        html = message.alternatives[0][0]
        assert all(link.format(number) in message.body for link in links)
        assert all(f'href="{link.format(number)}"' in html for link in links)


def test_a_mail_server_that_is_down_does_not_undo_the_change(
    browser_of, night_trams, settings, django_capture_on_commit_callbacks
):
    browser = browser_of("manager")
    send_by(settings, f"{__name__}.BrokenMailServer")
    settings.ADMINS = []  # Django would report the fault to them, by the same server
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post(EDIT, typed(night_trams(), headline="New"))
    assert response.status_code == 302
    assert night_trams().headline == "New"


def test_publishing_what_the_page_says_already_leaves_no_revision(browser_of, night_trams):
    page = night_trams()
    browser_of("manager").post(EDIT, typed(page))
    assert night_trams().version == page.version
    assert page.revisions.count() == page.version


def test_line_ends_of_browsers_are_no_change(browser_of, night_trams):
    page = night_trams()
    biography = page.biography.replace("\n", "\r\n")
    browser_of("manager").post(EDIT, typed(page, biography=biography))
    assert night_trams().version == page.version


def test_who_saves_second_is_told_and_loses_nothing(browser_of, night_trams):
    seen_by_both = night_trams()
    browser_of("editor").post(EDIT, typed(seen_by_both, headline="First"))
    second = browser_of("manager")
    response = second.post(EDIT, typed(seen_by_both, headline="Second"))
    assert response.status_code == 422
    assert night_trams().headline == "First"
    content = response.content.decode()
    assert "Somebody else changed this page" in content
    assert 'value="Second"' in content
    assert f'name="based_on" value="{night_trams().version}"' in content
    second.post(EDIT, typed(night_trams(), headline="Second"))
    assert night_trams().headline == "Second"


@pytest.mark.parametrize(
    "changes",
    [
        {"headline": "x" * 121},
        {"biography": "x" * 5001},
        {"headline": "a\x00b"},
        {"motif": "../../base"},
        {"palette": ""},
        {"based_on": ""},
        {"based_on": "-1"},
        {"based_on": "9" * 40},
        {"based_on": "١"},
        {"biography": "x" * 1_000_000},
    ],
)
def test_bad_input_is_refused_with_words(browser_of, night_trams, changes):
    page = night_trams()
    response = browser_of("manager").post(EDIT, typed(page, **changes))
    assert response.status_code == 422
    assert "The page is not published yet" in response.content.decode()
    assert night_trams().content == page.content


def test_an_empty_form_is_refused_with_words(browser_of, night_trams):
    response = browser_of("manager").post(EDIT, {})
    assert response.status_code == 422
    assert "This field is required" in response.content.decode()


def test_the_history_shows_what_differs_without_colour_alone(browser_of, night_trams):
    browser_of("manager").post(EDIT, typed(night_trams(), headline="<New>", palette="rose"))
    content = browser_of("editor").get(HISTORY).content.decode()
    assert '<span class="sr-only">Added: </span>&lt;New&gt;</ins>' in content
    assert '<span class="sr-only">Removed: </span>Amber</del>' in content
    assert '<span class="sr-only">Added: </span>Rose</ins>' in content


@pytest.mark.parametrize("number", ["0", "-1", "999", "x", "\x00"])
def test_a_page_number_of_the_history_that_makes_no_sense_is_borne(browser_of, number):
    assert browser_of("manager").get(HISTORY, {"page": number}).status_code == 200


def test_one_click_takes_a_change_back_and_is_a_revision_itself(browser_of, night_trams):
    page = night_trams()
    browser_of("editor").post(EDIT, typed(page, headline="Defaced", biography="", motif="rain"))
    unwanted = page.revisions.first()
    response = browser_of("manager").post(UNDO.format(unwanted.number))
    assert response.headers["Location"] == HISTORY
    assert night_trams().content == page.content
    newest = page.revisions.first()
    assert newest.undoes == unwanted
    assert newest.author_name == "manager"
    assert newest.number == unwanted.number + 1


def test_undoing_twice_changes_nothing_the_second_time(browser_of, night_trams):
    browser = browser_of("manager")
    number = night_trams().version
    browser.post(UNDO.format(number))
    after_once = night_trams()
    browser.post(UNDO.format(number))
    assert night_trams().version == after_once.version


def test_looking_at_the_address_that_undoes_changes_nothing(browser_of, night_trams):
    page = night_trams()
    assert browser_of("manager").get(UNDO.format(page.version)).status_code == 200
    assert browser_of("manager").put(UNDO.format(page.version)).status_code == 405
    assert night_trams().version == page.version


@pytest.mark.parametrize("number", ["0", "99", "9" * 30])
def test_a_change_that_does_not_exist_cannot_be_undone(browser_of, number):
    assert browser_of("manager").post(UNDO.format(number)).status_code == 404


def test_a_change_of_another_artist_cannot_be_undone_here(browser_of, night_trams):
    page = night_trams()
    newest = page.revisions.first().number
    assert not Revision.objects.filter(page__artist__slug="small-weather", number=newest).exists()
    browser = browser_of("manager")
    assert browser.post(f"/artists/small-weather/history/{newest}/undo/").status_code == 404


def test_history_outlives_the_account_of_its_author(browser_of, night_trams):
    User.objects.get(username="editor").delete()
    assert "by editor" in browser_of("manager").get(HISTORY).content.decode()


def test_whoever_leaves_the_team_is_out_at_once(browser_of):
    browser = browser_of("editor")
    assert browser.get(EDIT).status_code == 200
    Membership.objects.filter(user__username="editor", artist__slug="night-trams").delete()
    assert browser.get(EDIT).status_code == 403


@pytest.mark.parametrize(
    "rows, broken",
    [
        (Membership, {"role": "owner"}),
        (ArtistPage, {"motif": "photo"}),
        (ArtistPage, {"palette": "neon"}),
        (Artist, {"name": ""}),
        (Revision, {"number": 0}),
    ],
)
def test_the_database_refuses_what_makes_no_sense(seeded, rows, broken):
    row = rows.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.objects.filter(pk=row.pk).update(**broken)


def test_nobody_is_twice_in_a_team(seeded):
    member = Membership.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=member.user, artist=member.artist, role="editor")
