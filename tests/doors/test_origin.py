"""Where a request came from: what the settings trust, and what events then say."""

from __future__ import annotations

import logging

import pytest
from django.test import RequestFactory
from django.urls import reverse

from hardening import origin
from hardening.audit import NOWHERE, Where
from hardening.models import SecurityEvent

CLIENT = "203.0.113.9"
FORGED = "198.51.100.66"
PROXY = "10.0.0.1"


def request(near=PROXY, forwarded=None):
    """Return a request as the server hands it on; `near` of `None`: it says nothing at all."""
    made = RequestFactory().get("/", REMOTE_ADDR=near)
    if near is None:
        del made.META["REMOTE_ADDR"]
    if forwarded is not None:
        made.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return made


@pytest.mark.parametrize(
    "trusted, near, forwarded, expected",
    [
        ({}, CLIENT, None, CLIENT),
        ({}, CLIENT, FORGED, CLIENT),
        ({}, PROXY, CLIENT, PROXY),
        ({}, "", None, None),
        ({}, None, None, None),
        ({"TRUSTED_PROXIES": [PROXY]}, PROXY, f"{FORGED}, {CLIENT}", CLIENT),
        ({"TRUSTED_PROXIES": [PROXY]}, CLIENT, FORGED, CLIENT),
        ({"TRUSTED_PROXIES": ["::ffff:10.0.0.0/104"]}, "::ffff:10.0.0.1", CLIENT, CLIENT),
        ({"TRUSTED_PROXY_COUNT": 1}, "192.0.2.1", f"{FORGED}, {CLIENT}", CLIENT),
        ({"TRUSTED_PROXY_COUNT": 1}, None, f"{FORGED}, {CLIENT}", CLIENT),
        ({"TRUSTED_PROXYS": [PROXY]}, PROXY, CLIENT, PROXY),  # a typing error trusts nobody
    ],
)
def test_the_settings_say_whose_word_counts(settings, trusted, near, forwarded, expected):
    settings.HARDENING = trusted
    assert origin.address(request(near, forwarded)) == expected


def test_who_did_not_ask_over_a_network_is_nowhere():
    assert origin.address(None) is None
    assert origin.where(None) == NOWHERE


def test_a_request_without_a_session_has_a_place_all_the_same():
    found = origin.where(request(CLIENT))
    assert found == Where(address=CLIENT, request_id=found.request_id)


def test_a_request_bears_one_name_and_no_two_bear_the_same():
    one, other = request(CLIENT), request(CLIENT)
    assert origin.request_id(one) == origin.request_id(one) != origin.request_id(other)


def test_a_wrapped_request_bears_the_name_of_the_one_within():
    inner = request(CLIENT)
    outer = type("Wrapped", (), {"_request": inner, "META": inner.META})()
    assert origin.request_id(outer) == origin.request_id(inner)


@pytest.mark.parametrize(
    "trusted, given, is_taken",
    [
        ({}, "abc-123", False),
        ({"TRUSTED_PROXIES": [PROXY]}, "abc-123", True),
        ({"TRUSTED_PROXY_COUNT": 1}, "abc-123", True),
        ({"TRUSTED_PROXY_COUNT": 1}, "two words", False),
        ({"TRUSTED_PROXY_COUNT": 1}, "line\nbreak", False),
        ({"TRUSTED_PROXY_COUNT": 1}, "x" * 65, False),
        ({"TRUSTED_PROXY_COUNT": 1}, "", False),
    ],
)
def test_a_name_from_outside_counts_only_behind_a_trusted_proxy(settings, trusted, given, is_taken):
    settings.HARDENING = trusted
    made = request(PROXY)
    made.META["HTTP_X_REQUEST_ID"] = given
    assert (origin.request_id(made) == given) is is_taken


def test_the_browser_is_named_in_words():
    made = request(CLIENT)
    made.META["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Firefox/133.0"
    assert origin.where(made).device == "Firefox on Linux"


def test_what_is_no_address_is_not_recorded_as_one():
    assert origin.where(request("/run/site.sock")).address == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "trusted, expected", [({}, PROXY), ({"TRUSTED_PROXIES": ["10.0.0.0/8"]}, CLIENT)]
)
def test_events_name_the_client_where_its_proxy_is_trusted(settings, person, trusted, expected):
    settings.HARDENING = trusted
    staff = person("staff", is_staff=True)
    staff.client.defaults |= {
        "REMOTE_ADDR": PROXY,
        "HTTP_X_FORWARDED_FOR": f"{FORGED}, {CLIENT}",
    }
    staff.sign_in()
    staff.get("hardening:mailbox")
    staff.post(reverse("hardening:cancel"))
    assert {event.address for event in SecurityEvent.objects.all()} == {expected}


# --- a proxy that nobody named -------------------------------------------------------------------


def remarks(caplog):
    return [record for record in caplog.records if "X-Forwarded-For" in record.getMessage()]


@pytest.mark.parametrize("near", [PROXY, "127.0.0.1", "::1", "fd00::1", "100.64.0.1", "", None])
def test_a_proxy_that_nobody_named_is_remarked_on_once(settings, caplog, near):
    settings.HARDENING = {}
    for _ in range(3):
        origin.address(request(near, f"{FORGED}, {CLIENT}"))
    (said,) = remarks(caplog)
    assert (said.name, said.levelno) == ("hardening", logging.WARNING)
    assert CLIENT not in caplog.text
    assert FORGED not in caplog.text


@pytest.mark.parametrize(
    "trusted, near, forwarded",
    [
        ({}, PROXY, None),
        ({}, "1.1.1.1", FORGED),  # any client may send the header
        ({"TRUSTED_PROXIES": ["192.0.2.0/24"]}, PROXY, FORGED),
        ({"TRUSTED_PROXY_COUNT": 1}, PROXY, FORGED),
    ],
)
def test_nothing_is_remarked_where_nothing_is_wrong(settings, caplog, trusted, near, forwarded):
    settings.HARDENING = trusted
    origin.address(request(near, forwarded))
    assert remarks(caplog) == []
