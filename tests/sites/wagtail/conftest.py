"""Editors, visitors and pages of the Wagtail site."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from wagtail.models import Page

from tests.sites.wagtail.cms.models import PlainPage

HTML = {"Accept": "text/html"}
XHR = {"X-Requested-With": "XMLHttpRequest", "Accept": "*/*"}


@pytest.fixture(autouse=True)
def _frozen(clock):
    """Hold the clock for every sign-in."""


@pytest.fixture
def editors(db):
    """Return the group that Wagtail makes: it may enter the admin, and is not staff."""
    return Group.objects.get(name="Editors")


@pytest.fixture
def editor(person, editors):
    """An editor without a second factor, at a browser."""
    made = person("editor")
    made.user.groups.add(editors)
    return made


@pytest.fixture
def armed(editor):
    """The editor once she is signed in completely, with an authenticator."""
    editor.sign_in("/admin/login/")
    editor.prove_mailbox()
    editor.enrol()
    assert editor.client.get(reverse("wagtailadmin_home")).status_code == 200
    return editor


@pytest.fixture
def waiting(editor):
    """The editor after the password, and nothing more."""
    editor.sign_in("/admin/login/")
    return editor


@pytest.fixture
def stranger():
    """A browser that knows nobody."""
    return Client(headers=HTML)


@pytest.fixture
def tram(db):
    """A public page with the userbar."""
    root = Page.objects.get(depth=2)
    return root.add_child(instance=PlainPage(title="Night tram", slug="night-tram"))
