"""The schema that drf-spectacular writes: our classes describe themselves, without a warning."""

from __future__ import annotations

import importlib.util
import runpy

import pytest
from django.urls import path
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator

from hardening.contrib import drf
from tests.sites.drf import views
from tests.sites.drf.urls import api

COOKIE, TOKEN, BASIC = {"cookieAuth": []}, {"tokenAuth": []}, {"basicAuth": []}


@pytest.fixture
def schema():
    """Return `schema(patterns)`: what is written about them, with no warning and no error."""

    def write(patterns):
        reset_generator_stats()
        found = SchemaGenerator(patterns=patterns).get_schema(public=True)
        assert not GENERATOR_STATS
        return found

    return write


def test_each_class_describes_itself(schema):
    found = schema(api)
    schemes = found["components"]["securitySchemes"]
    assert schemes["cookieAuth"] == {"type": "apiKey", "in": "cookie", "name": "sessionid"}
    assert schemes["basicAuth"] == {"type": "http", "scheme": "basic"}
    assert schemes["tokenAuth"]["in"] == "header"
    assert '"Token"' in schemes["tokenAuth"]["description"]
    asked = {name: methods["get"]["security"] for name, methods in found["paths"].items()}
    assert asked == {
        "/api/here/": [COOKIE, TOKEN, BASIC],
        "/api/session/": [COOKIE],
        "/api/basic/": [BASIC],
        "/api/token/": [TOKEN],
    }


@pytest.mark.parametrize(
    "made_of_ours, described", [(views.Exempt, COOKIE), (views.Expiring, TOKEN)]
)
def test_a_class_made_of_ours_is_described_like_it(made_of_ours, described, schema):
    found = schema([path("api/here/", views.here(made_of_ours))])
    assert found["paths"]["/api/here/"]["get"]["security"] == [described]


def test_without_drf_spectacular_nothing_of_it_is_wanted(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    names = runpy.run_path(drf.__file__)
    assert "TokenAuthentication" in names
    assert "drf_schema" not in names
