"""The demo's local mailbox page: what the file-based mail backend wrote, newest first."""

from __future__ import annotations

import os

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.filebased import EmailBackend

from project.backstage.mailbox import newest_mails

# The file is named after the second and the connection's place in memory: none may be used twice.
open_connections = []


@pytest.fixture
def folder(settings, tmp_path):
    settings.MAIL_DIR = tmp_path / "mail"
    return settings.MAIL_DIR


def send(folder, *mails):
    """Send `mails` over one connection: they end up in one file, later than all others."""
    earlier = set(folder.glob("*.log")) if folder.exists() else set()
    open_connections.append(EmailBackend(file_path=str(folder)))
    open_connections[-1].send_messages(mails)
    (written,) = set(folder.glob("*.log")) - earlier
    moment = 1_800_000_000 + len(earlier)
    os.utime(written, (moment, moment))


def mail(subject, body="text"):
    return EmailMessage(subject, body, "site@backstage.example", ["fan@backstage.example"])


def test_the_newest_mail_comes_first(folder):
    send(folder, mail("one"))
    send(folder, mail("two"), mail("three"))
    send(folder, mail("four"))
    subjects = [shown.subject for shown in newest_mails(folder, limit=9)]
    assert subjects == ["four", "three", "two", "one"]


def test_no_more_mails_are_shown_than_asked_for(folder):
    send(folder, mail("one"))
    send(folder, mail("two"), mail("three"))
    assert [shown.subject for shown in newest_mails(folder, limit=2)] == ["three", "two"]


def test_a_folder_that_does_not_exist_holds_no_mails(folder):
    assert newest_mails(folder, limit=9) == []


def test_a_mail_shows_its_text_part_with_all_its_letters(folder):
    both = EmailMultiAlternatives(
        "Ein Gruß – 你好", "Größe 12345678", "site@backstage.example", ["fan@backstage.example"]
    )
    both.attach_alternative("<p>HTML</p>", "text/html")
    send(folder, both)
    (shown,) = newest_mails(folder, limit=9)
    assert shown.subject == "Ein Gruß – 你好"
    assert shown.body == "Größe 12345678"
    assert shown.to == "fan@backstage.example"
    assert shown.sent is not None


def test_the_page_shows_mark_up_as_text(client, folder):
    send(folder, mail("<b>subject</b>", "<script>x</script> http://localhost:8000/a/"))
    content = client.get("/mailbox/").content.decode()
    assert "&lt;b&gt;subject&lt;/b&gt;" in content
    assert "&lt;script&gt;x&lt;/script&gt;" in content
    assert '<a href="http://localhost:8000/a/"' in content


def test_the_page_is_never_stored(client, folder):
    assert "no-store" in client.get("/mailbox/").headers["Cache-Control"]


def test_outside_the_demo_there_is_no_mailbox(client, folder, settings):
    settings.DEMO = False
    send(folder, mail("secret"))
    response = client.get("/mailbox/")
    assert response.status_code == 404
    assert b"secret" not in response.content
