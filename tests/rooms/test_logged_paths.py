"""What Django logs about a request that fails: its path, without the token of a link in it."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.test import Client, RequestFactory

from hardening import logged_paths
from hardening.audit import NOWHERE
from hardening.flows import links
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

UNLOCK = "a" * 43


@pytest.fixture
def user(clock):
    return get_user_model().objects.create_user("owner", "owner@example.com", "x")


def disown(user):
    return f"/security/disown/?token={links.make(user, 'new_browser', NOW, NOWHERE)}"


def reset(user):
    return f"/security/reset/MQ/{default_token_generator.make_token(user)}/"


def unlock(_user):
    return f"/security/unlock/{UNLOCK}/"


def mistyped(user):
    return disown(user).replace("?token=", "/")


@pytest.mark.parametrize("link", [disown, reset, unlock, mistyped])
@pytest.mark.parametrize("checked", [False, True])
def test_no_line_about_a_link_holds_its_token(link, checked, user, caplog):
    path = link(user)
    caplog.set_level(logging.DEBUG)
    client = Client(enforce_csrf_checks=checked)
    for headers in ({"accept": "text/html"}, {"accept": "application/json"}):
        client.post(path, headers=headers)
        client.delete(path, headers=headers)
        client.get(path, headers=headers)
    token = path.strip("/").rpartition("/")[2].removeprefix("?token=")
    assert caplog.records
    assert token not in caplog.text
    assert token not in str([record.args for record in caplog.records])
    assert ("…" in caplog.text) == (link is not disown)  # whose token is no part of the path


def test_what_is_no_token_stays(caplog):
    Client().get("/security/nowhere/set-password/")
    assert "/security/nowhere/set-password/" in caplog.text


@pytest.mark.parametrize("args", [(1, None), ({"a": "b"},), ()])
def test_arguments_of_any_make_pass(args):
    record = logging.LogRecord("django.request", logging.INFO, "", 1, "x", args, None)
    before = record.args
    assert logged_paths.LinkTokenFilter().filter(record)
    assert record.args == before


def test_the_filter_is_there_once():
    logged_paths.connect()
    logged_paths.connect()
    for name in logged_paths.LOGGERS:
        kinds = [type(each) for each in logging.getLogger(name).filters]
        assert kinds.count(logged_paths.LinkTokenFilter) == 1


def test_a_path_that_no_url_was_found_for_is_said_as_it_is():
    assert logged_paths.path(RequestFactory().get("/a/b/")) == "/a/b/"
