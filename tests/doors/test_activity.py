"""What happened to one's own account: in plain words, from where, and nobody else's."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from hardening import audit, testing
from hardening.audit import Event, Where
from hardening.models import SecurityEvent
from hardening.views import activity_page
from tests.doors.conftest import JSON, START
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db

PAGE = reverse("hardening:activity")
HERE = Where("192.0.2.7", device="Firefox on Linux")


@pytest.fixture
def fan(clock, person):
    visitor = person("fan")
    testing.login(visitor.client, visitor.user)
    SecurityEvent.objects.all().delete()
    return visitor


def lines(answer):
    found = re.findall(r"<li>\s*<span>(.*?)</span>(.*?)</li>", answer.content.decode(), re.DOTALL)
    return [(text, " ".join(re.sub("<.*?>", "", rest).split())) for text, rest in found]


def test_an_event_reads_as_words_with_when_where_and_which_browser(fan):
    audit.record(Event.LOGIN_COMPLETED, user=fan.user, now=START, where=HERE)
    for path in (PAGE, reverse("hardening:overview")):
        shown = [line for line in lines(fan.client.get(path)) if line[0] == "Signed in"]
        assert len(shown) == 1
        assert shown[0][1].endswith(" From 192.0.2.7, Firefox on Linux")


def test_nobody_reads_what_happened_to_somebody_else(fan, person):
    audit.record(Event.FACTOR_ADDED, user=person("other").user, actor=fan.user, now=START)
    assert "There is nothing older." in fan.client.get(PAGE).content.decode()


def test_events_of_the_site_are_left_out(fan):
    audit.record(Event.POLICY_REFUSED, user=fan.user, now=START)
    assert lines(fan.client.get(PAGE)) == []


def test_pages_follow_one_another_and_lead_back(fan, monkeypatch):
    monkeypatch.setattr(activity_page, "PER_PAGE", 2)
    for event in (Event.LOGIN_PARKED, Event.PROOF_ACCEPTED, Event.LOGIN_COMPLETED):
        audit.record(event, user=fan.user, now=START)
    first = fan.client.get(PAGE)
    assert [text for text, _ in lines(first)] == ["Signed in", "Proof accepted"]
    (older,) = re.findall(r'href="(\?before=\d+)"', first.content.decode())
    second = fan.client.get(PAGE + older)
    assert [text for text, _ in lines(second)] == ["Password accepted, more was asked"]
    assert "before=" not in second.content.decode()
    assert "Back to the newest" in second.content.decode()
    said = fan.client.get(PAGE, headers=JSON).json()
    assert [one["event"] for one in said["events"]] == [
        "login:complete:done",
        "proof:judge:accepted",
    ]
    assert older == f"?before={said['older']}"


@pytest.mark.parametrize("before", ["", "x", "-1", "²", "9" * 30])
def test_what_is_no_key_is_the_newest_page(fan, before):
    audit.record(Event.LOGIN_COMPLETED, user=fan.user, now=START)
    assert len(lines(fan.client.get(PAGE, {"before": before}))) == 1


def test_who_is_not_signed_in_is_led_to_the_login_page(client):
    assert leads_to(client.get(PAGE), "hardening:login")
