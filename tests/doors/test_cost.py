"""What the app costs: no query more than plain Django, and no `Vary` of its making."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from hardening import testing
from hardening.models import RolePolicy
from hardening.moments import moment
from tests.doors.conftest import HTML, START, name_shown, sign_in
from tests.plain_django import PLAIN_BACKEND, plain_django, statements

pytestmark = pytest.mark.django_db

PAGES = (
    "/public/",
    "/reads-user/",
    "/async-reads-user/",
    "/members/",
    "/banner/?user",
    "/remember/",
)
SILENT = ("/public/", "/banner/", "/favicon.ico")


def test_each_page_costs_exactly_what_it_costs_with_plain_django(fan, armed, clock) -> None:
    guarded = {}
    for user in (fan, armed):
        client = Client(headers=HTML)
        testing.login(client, user)
        guarded |= {(user.username, path): len(statements(client, path)) for path in PAGES}
    counted = {}
    with plain_django():
        for user in (fan, armed):
            client = Client(headers=HTML)
            client.force_login(user, PLAIN_BACKEND)
            counted |= {(user.username, path): len(statements(client, path)) for path in PAGES}
    assert guarded == counted
    assert guarded["armed", "/reads-user/"] == 2  # the session and the user


def test_policies_and_groups_cost_no_query_more(armed, clock) -> None:
    armed.groups.add(Group.objects.create(name="editors"))
    for role in ("group:editors", "perm:auth.change_user", "everyone", "no-such-role"):
        RolePolicy.objects.create(role=role, mode="enforce", starts_at=moment(START))
    client = Client(headers=HTML)
    testing.login(client, armed)
    assert len(statements(client, "/reads-user/")) == 2


def test_the_yardstick_is_plain_django(staff, clock) -> None:
    client = Client(headers=HTML)
    with plain_django():
        client.force_login(staff, PLAIN_BACKEND)
        assert name_shown(client) == "staff"
    guarded = Client(headers=HTML)  # a client keeps the middleware of its first request
    guarded.cookies = client.cookies
    assert guarded.get("/reads-user/").status_code == 302


@pytest.mark.parametrize("path", SILENT)
@pytest.mark.parametrize("who", ["nobody", "fan", "armed", "parked"])
def test_a_page_that_ignores_the_user_costs_nothing_and_stays_cacheable(
    who, path, fan, armed, clock
) -> None:
    client = Client(headers=HTML)
    if who == "fan":
        client.force_login(fan)
    elif who == "armed":
        testing.login(client, armed)
    elif who == "parked":
        sign_in(client, armed)
    assert statements(client, path) == []
    response = client.get(path)
    assert "Cookie" not in response.headers.get("Vary", "")
    assert "no-store" not in response.headers.get("Cache-Control", "")
    assert not response.cookies


@pytest.mark.parametrize("path", ["/reads-user/", "/async-reads-user/", "/members/", "/notes/"])
def test_an_anonymous_visitor_costs_nothing(path, db) -> None:
    assert statements(Client(headers=HTML), path) == []


def test_a_parked_session_costs_a_page_that_reads_the_user_one_query(parked) -> None:
    seen = statements(parked.client, "/reads-user/")
    assert len(seen) == 1
    assert "django_session" in seen[0]


def test_an_async_page_under_asgi_costs_what_plain_django_costs(armed, clock) -> None:
    client = Client()
    testing.login(client, armed)

    async def visit() -> None:
        browser = AsyncClient()
        browser.cookies = client.cookies
        assert (await browser.get("/async-reads-user/")).content == b"Here is armed"

    async_to_sync(visit)()
    with CaptureQueriesContext(connection) as caught:
        async_to_sync(visit)()
    assert len(caught) == 2
