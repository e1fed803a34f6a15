"""A password from a breach is no key to the API: a new one is asked for, by a code."""

from __future__ import annotations

import pytest

from hardening import testing
from hardening.models import Account, ParkedLogin
from tests.visitor import PASSWORD

pytestmark = pytest.mark.django_db


# A token was made when somebody vouched for its owner: a warning does not end it.
@pytest.mark.parametrize(
    "scheme, mode", [("basic", "warn"), ("basic", "enforce"), ("token", "enforce")]
)
def test_a_new_password_is_asked_for(scheme, mode, person, settings, asking):
    settings.HARDENING = {"BREACHED_PASSWORDS": mode}
    user = person("robin").user
    with testing.fake_breach(PASSWORD):
        asking(user, "basic").get("/api/basic/")  # whoever sends it first
        answer = asking(user, scheme).get(f"/api/{scheme}/")
    assert answer.status_code == 403
    assert answer.json()["code"] == "password_change_required"
    assert answer.json()["step"] == "/security/change-password/"
    assert not ParkedLogin.objects.exists()


def test_where_it_is_only_reported_the_request_passes(person, settings, asking):
    settings.HARDENING = {"BREACHED_PASSWORDS": "report"}
    user = person("robin").user
    with testing.fake_breach(PASSWORD):
        assert asking(user, "basic").get("/api/basic/").status_code == 200
    assert Account.objects.get(user_id=user.pk).password_verdict == "hit"


def test_a_clean_password_is_looked_up_once(person, settings, asking, monkeypatch):
    user = person("robin").user
    with testing.fake_breach():
        assert asking(user, "basic").get("/api/basic/").status_code == 200
    with testing.fake_breach(PASSWORD):
        assert asking(user, "basic").get("/api/basic/").status_code == 200
