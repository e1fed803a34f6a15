"""Whose clock a date is told by."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.utils import timezone

from hardening import zones

PATH = "tests.rooms.test_zones.told"


def told(user):
    if user.zone == "fault":
        raise LookupError
    return user.zone


@pytest.fixture(autouse=True)
def _nothing_logged(monkeypatch):
    monkeypatch.setattr(zones, "_logged", set())


@pytest.fixture
def asked(settings):
    settings.HARDENING = {"TIME_ZONE_OF": PATH}
    return lambda zone: zones.zone_of(SimpleNamespace(zone=zone))


def test_a_site_that_says_nothing_tells_its_own_time(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    assert str(zones.zone_of(object())) == "Europe/Berlin"
    assert zones.chosen(object()) is None


def test_a_person_is_told_her_own(asked):
    assert str(asked("Asia/Tokyo")) == "Asia/Tokyo"


@pytest.mark.parametrize("zone", [None, ""])
def test_whoever_has_chosen_none_is_told_the_sites_and_nothing_is_logged(asked, caplog, zone):
    assert asked(zone) == timezone.get_default_timezone()
    assert caplog.records == []


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "Europe", "a\0b", "x" * 5000, 7])
def test_a_name_that_nobody_knows_falls_back_and_is_logged_once(asked, caplog, zone):
    for _ in range(3):
        assert asked(zone) == timezone.get_default_timezone()
    (record,) = caplog.records
    assert len(record.getMessage()) < 250


def test_a_callable_that_fails_falls_back_and_is_logged_once(asked, caplog):
    for _ in range(3):
        assert asked("fault") == timezone.get_default_timezone()
    (record,) = caplog.records
    assert "failed (LookupError)" in record.getMessage()


def test_the_log_is_not_filled_by_names_that_people_make_up(asked, caplog):
    for number in range(zones.MOST_LOGGED + 20):
        asked(f"Nowhere/{number}")
    assert len(caplog.records) == zones.MOST_LOGGED
