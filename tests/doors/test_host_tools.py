"""What a host is given: test tools, `requires`, the banner, the context processor."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from hardening import testing
from hardening.core.values import ProofKind
from hardening.models import Factor, RolePolicy
from hardening.moments import moment
from hardening.templatetags import hardening as tags
from tests.doors.conftest import HTML, JSON, START, Parked, name_shown

pytestmark = pytest.mark.django_db


# --- hardening.testing -----------------------------------------------------------------------


@pytest.mark.parametrize("who", ["fan", "staff", "armed"])
def test_login_signs_anybody_in_completely(who, request, clock) -> None:
    user = request.getfixturevalue(who)
    client = Client(headers=HTML)
    testing.login(client, user)
    assert name_shown(client) == who
    assert client.get("/vault/").content == b"the vault"
    assert Factor.objects.owned(user.pk).confirmed().count() == 1
    if who != "fan":
        assert client.get("/admin/").status_code == 200


def test_login_again_and_as_somebody_else(fan, armed, clock) -> None:
    client = Client(headers=HTML)
    testing.login(client, armed)
    testing.login(client, armed)
    assert name_shown(client) == "armed"
    testing.login(client, fan)
    assert name_shown(client) == "fan"
    client.logout()
    assert name_shown(client) == "nobody"


def test_code_for_gives_codes_that_work_once(parked: Parked, clock) -> None:
    code = testing.code_for(parked.user)
    assert testing.code_for(parked.user, at=START + 30) != code
    assert parked.client.post("/security/verify/", {"code": code}).status_code == 302
    again = Client(headers=HTML)
    again.force_login(parked.user)
    assert again.post("/security/verify/", {"code": code}).status_code == 400
    clock.shift(30)
    later = testing.code_for(parked.user)
    assert again.post("/security/verify/", {"code": later}).status_code == 302


def test_recovery_codes_work_at_sign_in(parked: Parked) -> None:
    code = testing.recovery_codes(parked.user)[3]
    answer = parked.client.post("/security/recovery-code/", {"code": code})
    assert answer.url == "/security/enrol/"


def test_code_for_somebody_without_an_authenticator_says_so(fan) -> None:
    with pytest.raises(Factor.DoesNotExist):
        testing.code_for(fan)


def test_a_session_is_made_stale_and_fresh_again(armed, live) -> None:
    client = live(armed)
    testing.age_proofs(client, armed, seconds=301)
    assert client.get("/vault/").status_code == 302
    before = client.session.session_key
    testing.step_up(client, armed)
    assert client.get("/vault/").content == b"the vault"
    assert client.session.session_key != before


def test_what_no_one_has_proven_is_not_made_fresh(armed, fan, live) -> None:
    with pytest.raises(testing.NotSignedInError):
        testing.step_up(live(armed), fan)
    testing.enrol(fan)
    with pytest.raises(testing.NotSignedInError):
        testing.step_up(live(armed), fan)


# --- requires --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, age",
    [("/vault/", 300), ("/minute/", 60), ("/minute/class/", 60), ("/minute/async-class/", 60)],
)
def test_a_proof_is_fresh_up_to_its_age_and_not_a_second_longer(
    path, age, armed, live, clock
) -> None:
    client = live(armed)
    clock.shift(age - 1)
    assert client.get(path).status_code == 200
    clock.shift(2)
    assert client.get(path).url == f"/security/step-up/?next={path.replace('/', '%2F')}"
    answer = client.get(path, headers=JSON)
    assert answer.status_code == 403
    assert answer.json() == {
        "code": "step_up_required",
        "step": "/security/step-up/",
        "reason": "proof_too_old",
    }
    assert "no-store" in answer.headers["Cache-Control"]


def test_activity_does_not_refresh_and_a_code_does(armed, live, clock) -> None:
    client = live(armed)
    for _ in range(11):
        clock.shift(30)
        client.get("/members/")
    assert client.get("/vault/").status_code == 302
    key = client.session.session_key
    fields = {"code": testing.code_for(armed), "next": "/vault/?a=b"}
    assert client.post("/security/step-up/", fields).url == "/vault/?a=b"
    assert client.get("/vault/").status_code == 200
    assert client.session.session_key != key


def test_neither_a_clock_set_back_nor_a_recovery_code_is_fresh(armed, live, clock) -> None:
    client = live(armed)
    clock.shift(-2)
    assert client.get("/vault/").status_code == 302
    session = client.session
    proofs = session["_hardening"]["proofs"]
    session["_hardening"]["proofs"] = [*proofs, [ProofKind.RECOVERY_CODE.value, START - 2, 1, None]]
    session.save()
    assert client.get("/vault/").status_code == 302


def test_requires_leads_a_stranger_to_the_login_page(db) -> None:
    stranger = Client()
    assert stranger.get("/vault/", headers=HTML).url == "/security/login/?next=%2Fvault%2F"
    answer = stranger.get("/vault/", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (401, "login_required")


def test_requires_leads_whoever_has_no_factor_to_enrolment(fan, clock) -> None:
    client = Client(headers=HTML)
    client.force_login(fan)
    assert client.get("/vault/").url == "/security/enrol/?next=%2Fvault%2F"
    answer = client.get("/vault/", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "enrolment_required")


def test_an_interrupted_post_comes_back_to_its_page(armed, live, clock) -> None:
    client = live(armed)
    clock.shift(3600)
    answer = client.post("/vault/", headers={**HTML, "Referer": "http://testserver/members/?p=2"})
    assert answer.url == "/security/step-up/?next=%2Fmembers%2F%3Fp%3D2&interrupted=1"
    answer = client.post("/vault/", headers={**HTML, "Referer": "https://evil.example/"})
    assert answer.url == "/security/step-up/?next=%2Fvault%2F&interrupted=1"


def test_a_policy_may_ask_for_younger_proofs(armed, live, clock) -> None:
    RolePolicy.objects.create(
        role="staff", mode="enforce", starts_at=moment(START), step_up_seconds=30
    )
    client = live(armed)
    clock.shift(30)
    assert client.get("/vault/").status_code == 200
    clock.shift(1)
    assert client.get("/vault/").status_code == 302


# --- banner and context processor ------------------------------------------------------------


@pytest.fixture
def processed(settings) -> None:
    templates = [dict(engine) for engine in settings.TEMPLATES]
    options = dict(templates[0]["OPTIONS"])
    ours = "hardening.context_processors.hardening"
    options["context_processors"] = [*options["context_processors"], ours]
    templates[0]["OPTIONS"] = options
    settings.TEMPLATES = templates


def test_the_banner_names_a_deadline_ahead(fan, clock, processed) -> None:
    RolePolicy.objects.create(
        role="everyone", mode="enforce", grace_days=7, starts_at=moment(START)
    )
    client = Client(headers=HTML)
    client.force_login(fan)
    page = client.get("/banner/?user").content.decode()
    assert "hardening-banner" in page
    assert "2026-11-28T12:00:00" in page
    assert 'href="/security/"' in page
    assert "notes: 1" in page


def test_the_banner_says_that_recovery_codes_run_low(armed, live, processed) -> None:
    client = live(armed)
    assert "You have 0 recovery codes left." in client.get("/banner/?user").content.decode()
    testing.recovery_codes(armed)
    page = client.get("/banner/?user").content.decode()
    assert "hardening-banner" not in page
    assert "notes: 0" in page


@pytest.mark.parametrize("who", ["nobody", "parked", "fan", "silent"])
def test_the_banner_is_silent_where_there_is_nothing_to_say(
    who, armed, fan, clock, processed
) -> None:
    client = Client(headers=HTML)
    if who in ("parked", "silent"):
        client.force_login(armed)
    elif who == "fan":
        client.force_login(fan)
    page = client.get("/banner/" if who == "silent" else "/banner/?user")
    assert b"hardening-banner" not in page.content
    assert b"notes: 0" in page.content


def test_json_clients_go_the_whole_way_without_a_redirect(armed, clock) -> None:
    client = Client(headers=JSON)
    body = json.dumps({"username": "armed", "password": "wrong"})
    kind = "application/json"
    assert client.post("/security/login/", body, kind).json()["code"] == "invalid"
    body = json.dumps(
        {"username": "armed", "password": "correct horse battery staple", "next": "/members/"}
    )
    answer = client.post("/security/login/", body, kind)
    assert (answer.status_code, answer.json()["step"]) == (401, "/security/verify/")
    wrong = client.post("/security/verify/", json.dumps({"code": "000000"}), kind)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid")
    code = json.dumps({"code": testing.code_for(armed)})
    done = client.post("/security/verify/", code, kind)
    assert done.json() == {"code": "ok", "next": "/members/"}
    assert client.get("/members/").status_code == 200


@pytest.mark.parametrize("path", ["/banner/", "/banner/?user"])
def test_a_silent_banner_hands_nothing_of_one_visitor_to_the_next(path, db, processed) -> None:
    """Django writes the page's CSRF token into what an inclusion tag returns."""
    assert Client(headers=HTML).get(path).status_code == 200
    assert "csrf_token" not in tags.SILENT
