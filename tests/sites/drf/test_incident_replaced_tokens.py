"""May 2014: the Android client was replaced, and its access tokens were re-issued.

Tokens that a session with a proven factor made die with a revocation, of one person or of
everybody; the client makes a new one by signing in again. Whom no policy covers has tokens that
stand for nothing but themselves: those a host deletes by its own means.

Not here yet: client families and builds; a revocation by issue time.
"""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.test import Client

from hardening import testing
from tests.sites.drf.people_table import STAFF
from tests.sites.drf.test_tokens import JSON, make_token, use

pytestmark = pytest.mark.django_db(transaction=True)

FINE = (200, None, None)


@pytest.fixture
def apps(clock, person):
    """Return the keys of two people's apps, by name."""
    keys = {}
    for name in ("robin", "wren"):
        visitor = person(name, **STAFF)
        visitor.client = Client(headers=JSON)
        testing.login(visitor.client, visitor.user)
        keys[name] = make_token(visitor.client)
    assert [use(key) for key in keys.values()] == [FINE, FINE]
    return keys


@pytest.mark.parametrize(
    "whom, left", [(["robin"], {"wren"}), (["--role=staff"], set()), (["--everybody"], set())]
)
def test_tokens_are_dead_with_their_next_request(whom, left, apps):
    call_command("hardening_revoke", *whom, "--yes", stdout=io.StringIO(), stderr=io.StringIO())
    assert {name for name, key in apps.items() if use(key)[0] == 200} == left


def test_whoever_signs_in_again_makes_a_new_one(apps, django_user_model):
    call_command("hardening_revoke", "--everybody", "--yes", stdout=io.StringIO())
    client = Client(headers=JSON)
    testing.login(client, django_user_model.objects.get(username="robin"))
    assert use(make_token(client)) == FINE
    assert use(apps["robin"]) != FINE
