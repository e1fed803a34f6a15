"""`ATOMIC_REQUESTS`: a rollback takes neither what waits, nor a count, nor a spent step along."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import connections
from django.test import Client
from django.urls import URLPattern, get_resolver

from hardening import testing, urls
from hardening.audit import Event
from hardening.models import Factor, ParkedLogin, SecurityEvent, ThrottleCell
from hardening.views.page import PageView
from tests.doors.conftest import HTML, PASSWORD, name_shown, sign_in
from tests.host.doors import LEAK
from tests.visitor import Visitor

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("atomic_requests", "clock"),
]


@pytest.fixture(autouse=True)
def _failing_views(settings) -> None:
    settings.ROOT_URLCONF = "tests.host.slow"


# --- the host's views fail ------------------------------------------------------------------------


def test_the_rollback_is_real(fan) -> None:
    client = Client(headers=HTML, raise_request_exception=False)
    sign_in(client, fan, "/failing-login/")
    assert not SecurityEvent.objects.exists()


@pytest.mark.parametrize(
    "door", ["/failing-login/", "/fail/rendering/RuntimeError/", "/form-login/", "/security/login/"]
)
@pytest.mark.parametrize("before", [{}, {"cart": "3 records"}], ids=["new", "known"])
def test_a_rollback_takes_neither_the_session_nor_the_record(engine, door, before, armed) -> None:
    client = Client(headers=HTML)
    if before:
        client.post("/remember/", before)
    response = sign_in(client, armed, door)
    assert (response.status_code, response.url) == (302, "/security/verify/")
    assert ParkedLogin.objects.filter(finished_at=None).count() == 1
    assert client.get("/security/verify/").status_code == 200
    assert client.get("/remember/").json() == before
    assert client.post("/security/verify/", {"code": testing.code_for(armed)}).status_code == 302
    assert name_shown(client) == "armed"
    assert before.items() <= client.get("/remember/").json().items()


def test_a_view_that_fails_for_want_of_a_user_parks_in_mid_life_all_the_same(engine, fan) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    client.post("/remember/", {"cart": "3 records"})
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert client.get("/fail/members/?page=2").url == "/security/mailbox/"
    assert client.get("/remember/").json() == {}
    assert name_shown(client) == "nobody"
    User.objects.filter(pk=fan.pk).update(is_staff=False)
    assert client.get("/security/mailbox/").url == "/fail/members/?page=2"
    assert client.get("/remember/").json()["cart"] == "3 records"


@pytest.mark.parametrize("door", ["/failing-login/", "/form-login/"])
def test_a_login_that_nobody_can_judge_leaves_the_session_as_it_was(
    engine, door, armed, monkeypatch, caplog
) -> None:
    def boom(*_args, **_kwargs):
        message = "no idea"
        raise RuntimeError(message)

    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    with monkeypatch.context() as broken:
        broken.setattr("hardening.flows.record.decide", boom)
        assert sign_in(client, armed, door).status_code == 503
    assert "could not be put back" not in caplog.text
    assert name_shown(client) == "nobody"
    assert client.get("/remember/").json() == {"cart": "3 records"}
    assert not ParkedLogin.objects.exists()


# --- our pages fail -------------------------------------------------------------------------------


@pytest.fixture
def broken_pages(settings) -> None:
    """No page of ours can be shown: the host's base template is not there."""
    settings.HARDENING = {"BASE_TEMPLATE": "nowhere.html"}


def waiting(armed: User) -> Client:
    client = Client(headers=HTML, raise_request_exception=False)
    assert sign_in(client, armed).url == "/security/verify/"
    return client


def test_a_counted_failure_survives_a_page_that_cannot_be_shown(armed, broken_pages) -> None:
    client = waiting(armed)
    for count in (1, 2):
        assert client.post("/security/verify/", {"code": "000000"}).status_code == 500
        assert ParkedLogin.objects.get().failures == count
    assert Factor.objects.get().failures_unknown == 2
    assert ThrottleCell.objects.exists()
    assert SecurityEvent.objects.filter(event=Event.PROOF_REFUSED.value).count() == 2


def test_a_spent_step_survives_a_receiver_that_raises(armed) -> None:
    def boom(**_kwargs):
        raise RuntimeError(LEAK)

    client = Client(headers=HTML, raise_request_exception=False)
    sign_in(client, armed, "/security/login/")
    code = testing.code_for(armed)
    user_logged_in.connect(boom, dispatch_uid="boom")
    try:
        assert client.post("/security/verify/", {"code": code}).status_code == 500
    finally:
        user_logged_in.disconnect(boom, dispatch_uid="boom")
    assert name_shown(client) == "nobody"  # Django saves no session with a 500
    assert sign_in(client, armed, "/security/login/").url == "/security/verify/"
    assert client.post("/security/verify/", {"code": code}).status_code == 400


def test_a_confirmed_factor_survives_a_page_that_cannot_be_shown(
    staff, settings, mailoutbox
) -> None:
    visitor = Visitor(staff, password=PASSWORD)
    visitor.client.raise_request_exception = False
    visitor.sign_in()
    visitor.prove_mailbox()
    visitor.start()
    settings.HARDENING = {"BASE_TEMPLATE": "nowhere.html"}
    assert visitor.confirm().status_code == 500
    settings.HARDENING = {}
    assert Factor.objects.confirmed().count() == 1
    assert visitor.get("hardening:recovery_codes").status_code == 200  # a new set can be made


# --- which views are outside of transactions ------------------------------------------------------


def test_exactly_our_pages_are_outside_of_the_hosts_transactions() -> None:
    ours = [entry.callback for entry in urls.urlpatterns]
    assert len(ours) >= 15
    for view in ours:
        assert view._non_atomic_requests == set(connections), view
        assert issubclass(view.view_class, PageView)
        assert view.login_required is False
    others = [
        entry
        for entry in get_resolver("tests.host.slow").url_patterns
        if isinstance(entry, URLPattern) and str(entry.pattern) != "steady-login/"
    ]
    assert len(others) > 20
    for entry in others:
        assert not hasattr(entry.callback, "_non_atomic_requests"), entry


def test_a_host_that_wants_its_own_login_view_outside_may_have_it(armed) -> None:
    client = Client(headers=HTML)
    assert sign_in(client, armed, "/steady-login/").url == "/security/verify/"
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert name_shown(client) == "armed"
