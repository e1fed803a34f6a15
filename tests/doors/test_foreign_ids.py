"""Ids and handles that are somebody else's, impossible or invented: 404 or nobody, and an event."""

from __future__ import annotations

import pytest
from django.test import Client

from hardening import testing
from hardening.models import Account, Factor, SecurityEvent
from tests.doors.conftest import JSON, PASSWORD, name_shown
from tests.doors.test_bad_input import URLS, assert_clear

pytestmark = pytest.mark.django_db

# --- foreign and impossible ids --------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("action", ["rename", "remove"])
def test_somebody_elses_authenticator_is_404_and_an_event(armed, fan, live, method, action) -> None:
    client = live(armed)
    theirs = testing.enrol(fan, name="of a fan")
    url = f"/security/factor/{theirs.pk}/"
    answer = getattr(client, method)(url, {"action": action, "name": "stolen"})
    missing = getattr(client, method)("/security/factor/987654/", {"action": action, "name": "x"})
    assert answer.status_code == missing.status_code == 404
    assert b"of a fan" not in answer.content
    event = SecurityEvent.objects.get(event="factor:open:foreign")
    assert (event.target_pk, event.data) == (str(armed.pk), {"factor": theirs.pk})
    theirs.refresh_from_db()
    assert (theirs.name, theirs.removed_at) == ("of a fan", None)


@pytest.mark.parametrize(
    "pk", ["0", "00", "-1", "9" * 18, "9" * 19, "9" * 40, "9" * 5000, "1e3", "١"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_impossible_ids_are_404(armed, live, pk, method) -> None:
    assert getattr(live(armed), method)(f"/security/factor/{pk}/").status_code == 404


@pytest.mark.parametrize("given", ["other", "987654", "-1", "9" * 40, "", "x", "\x00"])
def test_a_foreign_authenticator_at_sign_in_and_step_up_proves_nothing(
    parked, fan, given, live
) -> None:
    testing.enrol(parked.user, name="second")  # now there is a choice
    theirs = testing.enrol(fan)
    chosen = str(theirs.pk) if given == "other" else given
    answer = parked.client.post(
        "/security/verify/", {"code": testing.code_for(fan), "authenticator": chosen}
    )
    assert answer.status_code in (400, 410)
    assert name_shown(parked.client) == "nobody"
    client = live(parked.user)
    testing.no_throttle()
    answer = client.post(
        "/security/step-up/", {"code": testing.code_for(fan), "authenticator": chosen}
    )
    assert answer.status_code == 400


# --- handles ---------------------------------------------------------------------------------


@pytest.mark.parametrize("handle", ["", "x", "0" * 32, 7, None, ["a"], {"a": 1}, True])
def test_a_handle_that_names_nothing_is_no_sign_in(parked, handle) -> None:
    session = parked.client.session
    session["_hardening_parked"] = handle
    session.save()
    for url in URLS:
        assert_clear(parked.client.get(url), url)
    assert parked.client.get("/security/verify/").status_code == 410
    assert parked.client.get("/members/").url == "/security/login/?next=/members/"


def test_a_handle_is_good_for_its_own_purpose_only(parked, live, fan) -> None:
    client = live(fan)
    client.post("/security/enrol/")
    session = client.session
    session["_hardening_parked"] = parked.client.session["_hardening_parked"]
    session["_hardening_enrol"] = parked.client.session["_hardening_parked"]
    session.save()
    client.post("/security/enrol/authenticator/", {"code": "123456", "name": "planted"})
    assert Factor.objects.filter(user=parked.user).count() == 1


def test_a_wrong_and_a_frozen_account_get_the_same_answer(armed, fan, clock) -> None:
    Account.objects.of(fan.pk)
    Account.objects.filter(user_id=fan.pk).update(frozen=True)
    answers = []
    for name, password in (("fan", PASSWORD), ("fan", "wrong"), ("nobody", PASSWORD)):
        answer = Client().post(
            "/security/login/", {"username": name, "password": password}, headers=JSON
        )
        answers.append((answer.status_code, answer.json()))
    assert answers[0] == answers[1] == answers[2]
