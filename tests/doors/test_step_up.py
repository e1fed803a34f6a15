"""Step-up at every kind of door: what is fresh, what is not, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.test import AsyncClient, Client
from django.urls import reverse

from hardening import sessions, testing
from hardening.core.values import Proof, ProofKind
from hardening.factors import registry
from hardening.models import Factor
from tests.doors.conftest import HTML, JSON, START, key
from tests.host import stepping
from tests.host.stepping import AGE, SHOWN

pytestmark = pytest.mark.django_db

LIST = "/station/auth/group/"
PAGES = (
    "/fresh/function/",
    "/fresh/coroutine/",
    "/fresh/mixed/",
    "/fresh/async-mixed/",
    "/fresh/decorated/",
    "/fresh/async-decorated/",
    "/fresh/methods/",
    f"{LIST}own/",
    "/station/plan/",
)


@pytest.fixture(autouse=True)
def _stepping(settings, _more_doors):
    settings.ROOT_URLCONF = "tests.host.stepping"
    stepping.done.clear()


@pytest.fixture
def at_desk(armed, live):
    """Return a browser that has proven a factor at `START`."""
    return live(armed)


@pytest.fixture
def group(db):
    return Group.objects.create(name="choir")


def quoted(path):
    return path.replace("/", "%2F")


# --- how long ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("age, passes", [(AGE - 1, True), (AGE, True), (AGE + 1, False)])
def test_every_kind_of_door_opens_up_to_its_age_and_not_a_second_longer(
    path, age, passes, at_desk, clock
):
    clock.shift(age)
    html, json = at_desk.get(path), at_desk.get(path, headers=JSON)
    if passes:
        assert (html.content, json.content) == (SHOWN, SHOWN)
        return
    assert stepping.done == []
    assert html.url == f"/security/step-up/?next={quoted(path)}"
    assert json.status_code == 403
    assert json.json()["code"] == "step_up_required"
    assert json.json()["step"] == "/security/step-up/"
    assert "no-store" in html.headers["Cache-Control"]
    assert "no-store" in json.headers["Cache-Control"]


@pytest.mark.parametrize("path", PAGES[:7])
@pytest.mark.parametrize("passes", [True, False])
def test_they_do_so_under_asgi_too(path, passes, at_desk, clock):
    clock.shift(AGE if passes else AGE + 1)
    client = AsyncClient()
    client.cookies = at_desk.cookies
    answer = async_to_sync(client.get)(path, headers=HTML)
    assert answer.content == (SHOWN if passes else b"")
    assert answer.headers.get("Location", "") == (
        "" if passes else f"/security/step-up/?next={quoted(path)}"
    )


@pytest.mark.parametrize("action", ["by_method", "by_function"])
@pytest.mark.parametrize("age, runs", [(AGE - 1, True), (AGE, True), (AGE + 1, False)])
def test_an_admin_action_runs_up_to_its_age_and_not_a_second_longer(
    action, age, runs, at_desk, group, clock
):
    clock.shift(age)
    at_desk.post(LIST, {"action": action, "_selected_action": [group.pk]})
    assert len(stepping.done) == runs


# --- what does not count -----------------------------------------------------------------------


def shift_and_browse(at_desk, user, clock):
    """Be active all the while."""
    for _ in range(4):
        clock.shift(AGE // 3)
        assert at_desk.get("/members/").status_code == 200


def remember(at_desk, user, clock):
    """Come from a browser that is trusted instead of a second factor."""
    clock.shift(AGE + 1)
    change_stamp(at_desk, user, remembered=True)


def use_a_recovery_code(at_desk, user, clock):
    """Have given a recovery code a moment ago."""
    clock.shift(AGE + 1)
    epoch = sessions.read(at_desk.session, user.pk).account_epoch
    proof = Proof(ProofKind.RECOVERY_CODE, START + AGE + 1, epoch)
    change_stamp(at_desk, user, proofs=(proof,))


def give_the_password(at_desk, user, clock):
    """Have given the password a moment ago, and proven the mailbox."""
    clock.shift(AGE + 1)
    stamp = sessions.read(at_desk.session, user.pk)
    kinds = (ProofKind.PASSWORD, ProofKind.MAILBOX, ProofKind.TICKET)
    for kind in kinds:
        stamp = stamp.with_proof(Proof(kind, START + AGE + 1, stamp.account_epoch))
    change_stamp(at_desk, user, proofs=stamp.proofs)


def come_from_the_future(at_desk, user, clock):
    """Bear a stamp that a clock set wrongly has made."""
    clock.shift(-1)


def use_another_persons_proof(at_desk, user, clock):
    """Bear a fresh proof of a factor that is not this account's."""
    clock.shift(AGE + 1)
    epoch = sessions.read(at_desk.session, user.pk).account_epoch
    proof = Proof(ProofKind.FACTOR, START + AGE + 1, epoch, factor_id=987)
    change_stamp(at_desk, user, proofs=(proof,))


def change_stamp(at_desk, user, **fields):
    session = at_desk.session
    stamp = sessions.read(session, user.pk)
    old = stamp.proofs
    proofs = (*old, *fields.pop("proofs", ()))
    sessions.write(session, replace(stamp, proofs=proofs, **fields))
    session.save()


@pytest.mark.parametrize(
    "happens",
    [
        shift_and_browse,
        remember,
        use_a_recovery_code,
        give_the_password,
        come_from_the_future,
        use_another_persons_proof,
    ],
    ids=lambda happens: happens.__name__,
)
def test_nothing_but_a_proof_of_ones_own_factor_is_fresh(happens, at_desk, armed, clock):
    happens(at_desk, armed, clock)
    assert at_desk.get(PAGES[0]).url.startswith("/security/step-up/")
    assert at_desk.get("/members/").status_code == 200


def test_a_proof_dies_when_a_factor_is_removed(at_desk, armed, clock):
    testing.enrol(armed, name="Tablet")
    testing.login(at_desk, armed)
    assert at_desk.get(PAGES[0]).content == SHOWN
    row = Factor.objects.get(name="Test authenticator")
    at_desk.post(reverse("hardening:factor", args=[row.pk]), {"action": "remove"})
    assert Factor.objects.confirmed().count() == 1
    assert at_desk.get("/members/").status_code == 200
    assert at_desk.get(PAGES[0]).url.startswith("/security/step-up/")


# --- a code ------------------------------------------------------------------------------------


def test_a_code_opens_the_door_under_new_keys(armed, live, clock):
    at_desk = Client(headers=HTML, enforce_csrf_checks=True)
    testing.login(at_desk, armed)
    clock.shift(AGE + 1)
    step = at_desk.get(PAGES[0]).url
    token = at_desk.get(step).context["csrf_token"]
    before, secret = key(at_desk), at_desk.cookies["csrftoken"].value
    fields = {"code": testing.code_for(armed), "csrfmiddlewaretoken": str(token)}
    assert at_desk.post(step, fields).url == PAGES[0]
    assert key(at_desk) != before
    assert at_desk.cookies["csrftoken"].value != secret
    assert at_desk.get(PAGES[0]).content == SHOWN
    late = Client(headers=HTML)
    late.cookies["sessionid"] = before
    assert late.get(PAGES[0]).url.startswith("/security/login/")


def test_the_page_reached_by_another_tab_before_the_step_loses_no_token(at_desk, armed, clock):
    clock.shift(AGE + 1)
    at_desk.post("/security/step-up/", {"code": testing.code_for(armed)})
    assert at_desk.get("/members/").status_code == 200


# --- strengths ---------------------------------------------------------------------------------


def give_key(user):
    """Give a user a factor of the kind that resists phishing."""
    row = testing.enrol(user, name="Key")
    Factor.objects.filter(pk=row.pk).update(kind="key")
    registry.rewrite(user.pk)
    return row


@pytest.mark.parametrize("age, leads_to", [(0, "/security/enrol/"), (901, "/security/step-up/")])
def test_a_strength_that_nobody_reaches_leads_to_enrolment(
    age, leads_to, at_desk, stronger_kind, clock
):
    """With a weaker factor that is proven lately; else that one is proven first."""
    clock.shift(age)
    assert at_desk.get("/fresh/strong/").url == f"{leads_to}?next=%2Ffresh%2Fstrong%2F"
    code = {"/security/enrol/": "enrolment_required", "/security/step-up/": "step_up_required"}
    answer = at_desk.get("/fresh/strong/", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, code[leads_to])


@pytest.mark.parametrize(
    "proven, opens", [("Test authenticator", (SHOWN, b"")), ("Key", (SHOWN, SHOWN))]
)
def test_a_door_that_asks_for_more_is_opened_by_the_stronger_factor_alone(
    proven, opens, armed, live, stronger_kind, clock
):
    give_key(armed)
    at_desk = live(armed)
    session = at_desk.session
    stamp = sessions.read(session, armed.pk)
    factor = Factor.objects.get(name=proven)
    proof = Proof(ProofKind.FACTOR, START, stamp.account_epoch, factor_id=factor.pk)
    sessions.write(session, replace(stamp, proofs=(proof,)))
    session.save()
    assert (at_desk.get(PAGES[0]).content, at_desk.get("/fresh/strong/").content) == opens


# --- who has none ------------------------------------------------------------------------------


def test_whoever_has_no_factor_is_led_to_set_one_up(fan, clock):
    at_desk = Client(headers=HTML)
    at_desk.force_login(fan)
    assert at_desk.get(PAGES[0]).url == f"/security/enrol/?next={quoted(PAGES[0])}"
    answer = at_desk.get(PAGES[0], headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "enrolment_required")


def test_a_page_for_everybody_asks_those_who_can_prove_something(fan, at_desk, clock):
    plain = Client(headers=HTML)
    plain.force_login(fan)
    assert plain.get("/fresh/unless-none/").content == SHOWN
    clock.shift(AGE + 1)
    assert at_desk.get("/fresh/unless-none/").url.startswith("/security/step-up/")
    assert Client(headers=HTML).get("/fresh/unless-none/").url.startswith("/security/login/")


def test_a_class_may_ask_even_while_the_kill_switch_is_on(at_desk, clock, settings):
    settings.HARDENING = {**settings.HARDENING, "ENFORCE": False}
    clock.shift(AGE + 1)
    assert at_desk.get("/fresh/mixed/").content == SHOWN
    assert at_desk.get("/fresh/insisting/").url.startswith("/security/step-up/")


# --- what was interrupted ----------------------------------------------------------------------


AGAIN = "Nothing was done yet"


@pytest.mark.parametrize(
    "referer, back",
    [
        (f"http://testserver{LIST}?q=cho", f"{LIST}?q=cho"),
        ("", LIST),
        ("https://evil.example/", LIST),
        (f"http://testserver.evil.example{LIST}", LIST),
        ("http://testserver//evil.example/", LIST),
    ],
)
def test_an_interrupted_action_leads_back_to_its_list_which_says_that_nothing_was_done(
    referer, back, at_desk, armed, group, clock
):
    clock.shift(AGE + 1)
    chosen = {"action": "by_method", "_selected_action": [group.pk]}
    answer = at_desk.post(LIST, chosen, headers={**HTML, "Referer": referer})
    assert stepping.done == []
    step = answer.url
    assert AGAIN in at_desk.get(step).content.decode()
    answer = at_desk.post(step, {"code": testing.code_for(armed)})
    assert answer.url == back
    shown = at_desk.get(answer.url)
    assert shown.status_code == 200
    assert AGAIN in shown.content.decode()
    assert stepping.done == []
    at_desk.post(LIST, chosen)
    assert stepping.done == ["action method"]


@pytest.mark.parametrize(
    "path, back", [(f"{LIST}own/", LIST), ("/station/plan/", "/station/plan/")]
)
def test_an_interrupted_admin_view_leads_to_a_page_that_can_be_read(path, back, at_desk, clock):
    clock.shift(AGE + 1)
    url = at_desk.post(path).url
    assert url == f"/security/step-up/?next={quoted(back)}&interrupted=1"
    assert stepping.done == []


def test_after_a_page_that_was_only_read_nobody_is_told_to_ask_again(at_desk, armed, clock):
    clock.shift(AGE + 1)
    step = at_desk.get(LIST + "own/").url
    assert AGAIN not in at_desk.get(step).content.decode()
    at_desk.post(step, {"code": testing.code_for(armed)})
    assert AGAIN not in at_desk.get(LIST).content.decode()


@pytest.mark.parametrize("path", PAGES[:6])
def test_no_interrupted_post_is_stored(path, at_desk, armed, clock):
    clock.shift(AGE + 1)
    step = at_desk.post(path, {"text": "what was typed"}).url
    assert at_desk.post(step, {"code": testing.code_for(armed)}).status_code == 302
    assert stepping.done == []
    assert "what was typed" not in str(dict(at_desk.session.items()))


@pytest.mark.parametrize("path", PAGES)
def test_nothing_in_the_address_of_the_step_leads_off_the_site(path, at_desk, armed, clock):
    clock.shift(AGE + 1)
    step = at_desk.get(f"{path}?next=https://evil.example/&a=//evil.example").url
    answer = at_desk.post(step, {"code": testing.code_for(armed)})
    assert answer.url.startswith(f"{path}?")


@pytest.mark.parametrize("form", ["add/", "{}/change/", "{}/delete/", "{}/password/"])
def test_an_admin_with_the_mixin_guards_each_form(form, at_desk, armed, clock):
    address = f"/station/auth/user/{form.format(armed.pk)}"
    assert at_desk.get(address).status_code == 200
    clock.shift(301)
    for answer in (at_desk.get(address), at_desk.post(address)):
        assert answer.url.startswith("/security/step-up/")
    assert at_desk.get("/station/auth/user/").status_code == 200
