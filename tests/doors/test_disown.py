"""The page of the link "this wasn't me", and doors of a frozen account: nobody learns anything."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client

from hardening import facts, testing
from hardening.audit import Event, Where
from hardening.flows import freezing, links, outbox
from hardening.models import Account, OutgoingNotice, SecurityEvent
from tests.doors.conftest import START
from tests.mailers import send_by
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/security/disown/"
HERE = Where(address="192.0.2.7", device="Firefox on Linux", site="http://testserver")
LINK = re.compile(r"^http://testserver(/security/disown/\?token=\S+)$", re.MULTILINE)


def text(answer):
    return " ".join(answer.content.decode().split())


def token_for(visitor, notice="password_changed"):
    return links.make(visitor.user, notice, START, HERE)


def frozen(visitor):
    return facts.fresh(visitor.user).who().frozen


def freeze(visitor):
    assert freezing.freeze(visitor.user, reason="why", now=1) is freezing.Came.FROZEN


def test_the_page_says_what_happened_and_changes_nothing(owner):
    link = f"{PAGE}?token={token_for(owner)}"
    scanner = Client(headers={"accept": "text/html"})
    for ask in (scanner.get, scanner.head, scanner.get):
        answer = ask(link)
        assert answer.status_code == 200
    said = text(answer)
    assert "The password was changed." in said
    assert "Firefox on Linux" in said
    assert "192.0.2.7" in said
    assert "o•••@example.com" in said
    assert "owner" not in said
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer.headers["Cache-Control"]
    assert not frozen(owner)


def test_the_button_freezes_without_anybody_signed_in(owner):
    owner.sign_in()
    nobody = Client(headers={"accept": "text/html"}, enforce_csrf_checks=True)
    shown = nobody.get(f"{PAGE}?token={token_for(owner)}").content.decode()
    fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', shown))
    assert "sessionid" not in nobody.cookies
    done = nobody.post(PAGE, fields)
    assert done.status_code == 200
    assert "The account is frozen" in text(done)
    assert frozen(owner)
    assert not owner.is_signed_in()
    again = nobody.post(PAGE, fields)
    assert again.status_code == 410


def test_a_stale_form_freezes_nothing_and_leads_back_to_its_page(owner):
    strict = Client(headers={"accept": "text/html"}, enforce_csrf_checks=True)
    token = token_for(owner)
    answer = strict.post(f"{PAGE}?token={token}", {"token": token})
    assert answer.status_code == 302
    assert "Freeze this account" in text(strict.get(answer.headers["Location"]))
    assert not frozen(owner)


@pytest.mark.parametrize("same", [True, False])
def test_it_works_in_a_browser_where_somebody_is_signed_in(owner, person, same):
    other = owner if same else person("other")
    other.sign_in()
    answer = other.client.post(PAGE, {"token": token_for(owner)})
    assert "The account is frozen" in text(answer)
    assert frozen(owner)
    assert other.is_signed_in() is not same


@pytest.mark.parametrize("case", ["used", "garbage", "old", "gone"])
def test_every_link_that_does_not_work_is_answered_alike(owner, clock, case):
    token = token_for(owner)
    if case == "used":
        owner.client.post(PAGE, {"token": token})
    elif case == "garbage":
        token = "x.y"
    elif case == "old":
        clock.shift(links.LINK_SECONDS)
    else:
        owner.user.delete()
    for answer in (
        owner.client.get(f"{PAGE}?token={token}"),
        owner.client.post(PAGE, {"token": token}),
    ):
        assert answer.status_code == 410
        assert "It was used already, or its time is over." in text(answer)
        assert "o•••" not in text(answer)
        assert 'href="/security/login/' in text(answer)


def test_programs_get_the_same_in_json(owner):
    program = Visitor(owner.user, json_client=True)
    token = token_for(owner)
    shown = program.client.get(f"{PAGE}?token={token}").json()
    assert (shown["code"], shown["notice"]) == ("ok", "password_changed")
    done = program.post("hardening:disown", {"token": token})
    assert done.json() == {"code": "ok", "frozen": True}
    gone = program.post("hardening:disown", {"token": token})
    assert (gone.status_code, gone.json()["code"]) == (410, "invalid")


def test_posts_are_throttled_before_a_link_is_looked_at(owner, settings):
    settings.RATELIMIT_ENABLE = True
    for _ in range(20):
        owner.client.post(PAGE, {"token": "x.y"})
    assert owner.client.post(PAGE, {"token": token_for(owner)}).status_code == 429
    assert not frozen(owner)


def test_no_token_is_written_into_a_log_whatever_fails(owner, caplog, settings, monkeypatch):
    settings.RATELIMIT_ENABLE = True
    token = token_for(owner)
    link = f"{PAGE}?token={token}"
    strict = Client(headers={"accept": "text/html"}, enforce_csrf_checks=True)
    assert strict.post(link, {"token": token}).status_code == 302
    assert owner.client.put(link).status_code == 405
    with monkeypatch.context() as patch:
        patch.setattr(facts, "load_user", fault)
        assert owner.client.get(link).status_code == 503
    for _ in range(21):
        owner.client.post(link, {"token": token})
    assert owner.client.get(link).status_code == 410
    for line in (
        "token that does not fit",
        "Service Unavailable",
        "Too Many Requests",
        "Gone",
        "Not Allowed",
    ):
        assert line in caplog.text
    assert token not in caplog.text


def fault(*_args):
    raise facts.FactsError


def test_a_notice_caused_by_a_request_bears_a_link_that_freezes(owner):
    owner.sign_in()
    answer = owner.post(
        "hardening:change_password",
        {
            "old_password": owner.password,
            "new_password1": "seven quiet harbours at dawn",
            "new_password2": "seven quiet harbours at dawn",
        },
    )
    assert answer.status_code in (200, 302)
    links_sent = [LINK.search(message.body) for message in mail.outbox]
    link = next(found[1] for found in links_sent if found)
    assert owner.client.get(link).status_code == 200
    owner.client.post(PAGE, {"token": link.partition("=")[2]})
    assert frozen(owner)


def test_a_host_nobody_vouches_for_is_in_no_link(owner, settings):
    settings.ALLOWED_HOSTS = ["*"]
    owner.client.post(
        "/security/login/", {"username": "owner", "password": owner.password}, HTTP_HOST="evil.test"
    )
    other = Visitor(owner.user)
    other.client.post(
        "/security/login/", {"username": "owner", "password": owner.password}, HTTP_HOST="evil.test"
    )
    assert [message.subject for message in mail.outbox] == [
        "this site: a sign-in with a new browser"
    ]
    assert "evil.test" not in mail.outbox[0].body + mail.outbox[0].alternatives[0][0]


# --- a frozen account -----------------------------------------------------------------------------


@pytest.mark.parametrize("json_client", [False, True])
def test_a_frozen_account_answers_like_a_wrong_password(owner, json_client):
    visitor = Visitor(owner.user, json_client=json_client)
    wrong = visitor.sign_in(password="wrong")
    freeze(owner)
    right = visitor.sign_in()
    assert right.status_code == wrong.status_code
    strip = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')
    assert strip.sub(b"", right.content) == strip.sub(b"", wrong.content)
    assert not visitor.is_signed_in()


def test_its_owner_hears_of_a_right_password_and_not_of_a_wrong_one(owner):
    freeze(owner)
    mail.outbox.clear()
    owner.sign_in(password="wrong")
    assert mail.outbox == []
    owner.sign_in()
    (message,) = mail.outbox
    assert "with the right password" in message.subject


def test_an_account_that_is_closed_is_answered_and_told_the_same(owner):
    type(owner.user).objects.update(is_active=False)
    owner.sign_in()
    assert not owner.is_signed_in()
    assert len(mail.outbox) == 1


def test_another_login_view_lets_nobody_frozen_in_and_tells_the_owner(owner):
    freeze(owner)
    mail.outbox.clear()
    owner.client.force_login(owner.user)
    assert not owner.is_signed_in()


def test_an_open_session_is_out_at_the_next_request(owner):
    owner.sign_in()
    assert owner.is_signed_in()
    freeze(owner)
    assert not owner.is_signed_in()
    owner.get("hardening:overview")
    ended = SecurityEvent.objects.filter(event=Event.SESSION_ENDED.value)
    assert ended.exists()


# --- a new browser --------------------------------------------------------------------------------


def subjects():
    return [message.subject.partition(": ")[2] for message in mail.outbox]


def test_a_second_browser_is_told_and_the_first_is_not(owner):
    owner.sign_in()
    assert mail.outbox == []
    other = owner.again()
    other.sign_in()
    assert subjects() == ["a sign-in with a new browser"]
    other.get("hardening:cancel")
    other.client.cookies.pop("sessionid")
    other.sign_in()
    owner.sign_in()
    assert len(mail.outbox) == 1  # both are known by now
    completed = SecurityEvent.objects.filter(event=Event.LOGIN_COMPLETED.value).order_by("pk")
    assert ["new_browser" in one.data for one in completed] == [True, True, False, False]


def test_it_is_told_at_completion_only(clock, person):
    staff = person("staff", is_staff=True)
    secret = testing.secret_of(testing.enrol(staff.user))
    staff.secret = secret
    staff.sign_in_fully()
    clock.shift(60)
    other = staff.again()
    other.sign_in()
    assert "a sign-in with a new browser" not in subjects()
    other.verify()
    assert other.is_signed_in()
    assert subjects().count("a sign-in with a new browser") == 1


def test_a_sign_in_that_proves_nothing_to_us_is_not_told(owner):
    for _ in range(2):
        Client().force_login(owner.user)
    assert mail.outbox == []


def test_notices_that_wait_are_tried_again_behind_an_answer(owner, settings, monkeypatch):
    send_by(settings, "tests.host.broken_mail.Backend")
    freezing.freeze(owner.user, reason="why", now=START - 120)
    assert OutgoingNotice.objects.count() == 1
    send_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    monkeypatch.setattr(outbox, "is_time", lambda *, now: True)
    owner.get("hardening:login")
    assert mail.outbox == []  # nobody signs in there
    owner.sign_in(password="wrong")
    assert subjects() == ["your account was frozen"]
    assert not OutgoingNotice.objects.exists()


# --- in the admin ---------------------------------------------------------------------------------


@pytest.fixture
def office(settings, clock, person):
    """Return an operator who may freeze, at the office's admin."""
    settings.ROOT_URLCONF = "tests.host.office"
    operator = person("operator", is_staff=True, email="operator@example.com")
    codes = ("view_user", "change_user", "freeze_account")
    operator.user.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    testing.login(operator.client, operator.user)
    return operator


LIST = "/office/auth/user/"


def act(operator, action, *people, **more):
    chosen = [visitor.user.pk for visitor in people]
    data = {"action": action, "_selected_action": chosen, **more}
    return operator.client.post(LIST, data, follow=True)


def test_operators_freeze_and_thaw_from_the_list_and_say_why(office, person):
    fan = person("fan")
    asked = act(office, "freeze_accounts", fan)
    assert "Freeze?" in text(asked)
    assert not frozen(fan)
    assert "This field is required." in text(act(office, "freeze_accounts", fan, confirmed="yes"))
    done = act(office, "freeze_accounts", fan, confirmed="yes", reason="odd sales")
    assert "1 account: done." in text(done)
    assert frozen(fan)
    event = SecurityEvent.objects.get(event=Event.ACCOUNT_FROZEN.value)
    assert (event.actor_name, event.data) == ("operator", {"why": "odd sales"})
    assert "1 account: done." in text(
        act(office, "thaw_accounts", fan, confirmed="yes", reason="it is her")
    )
    assert not frozen(fan)


def test_the_list_shows_and_filters_who_is_frozen(office, person):
    one, _two = person("first-fan"), person("second-fan")
    freeze(one)
    assert "field-frozen" in text(office.client.get(LIST))
    only = text(office.client.get(LIST, {"frozen": "yes"}))
    assert ("first-fan" in only, "second-fan" in only) == (True, False)
    rest = text(office.client.get(LIST, {"frozen": "no"}))
    assert ("first-fan" in rest, "second-fan" in rest) == (False, True)


def test_one_persons_page_leads_to_both(office, person):
    fan = person("fan")
    page = f"{LIST}{fan.user.pk}/"
    assert f'href="{page}freeze/"' in text(office.client.get(f"{page}change/"))
    assert "Freeze?" in text(office.client.get(f"{page}freeze/"))
    office.client.post(f"{page}freeze/", {"reason": "odd sales"})
    assert frozen(fan)
    assert f'href="{page}thaw/"' in text(office.client.get(f"{page}change/"))
    office.client.post(f"{page}thaw/", {"reason": "it is her"})
    assert not frozen(fan)
    assert office.client.get(f"{LIST}999999/freeze/").status_code == 404


def test_freezing_asks_for_a_fresh_proof(office, person, clock):
    fan = person("fan")
    clock.shift(301)
    for path in (LIST, f"{LIST}{fan.user.pk}/freeze/"):
        data = {"action": "freeze_accounts", "_selected_action": [fan.user.pk]}
        answer = office.client.post(path, {**data, "confirmed": "yes", "reason": "why"})
        assert answer.headers["Location"].startswith("/security/step-up/")
    assert not frozen(fan)


def test_who_may_not_freeze_sees_nothing_of_it(office, person):
    fan = person("fan")
    freeze(fan)
    freezing_right = Permission.objects.get(codename="freeze_account")
    office.user.user_permissions.remove(freezing_right)
    shown = text(office.client.get(LIST))
    assert "field-frozen" not in shown
    assert "thaw_accounts" not in shown
    act(office, "thaw_accounts", fan, confirmed="yes", reason="why")
    assert frozen(fan)
    assert office.client.get(f"{LIST}{fan.user.pk}/thaw/").status_code == 403


def test_the_last_superuser_is_said_not_to_be_frozen(office, person):
    boss = person("boss", is_superuser=True, is_staff=True)
    said = text(act(office, "freeze_accounts", boss, confirmed="yes", reason="why"))
    assert "the last superuser was not frozen" in said
    assert not frozen(boss)


def test_so_many_are_frozen_at_once_and_no_more(office, person, monkeypatch):
    monkeypatch.setattr("hardening.admin.freezing.MAX_AT_ONCE", 1)
    people = [person("one"), person("two")]
    assert "At most 1 at once." in text(
        act(office, "freeze_accounts", *people, confirmed="yes", reason="why")
    )
    assert not Account.objects.filter(frozen=True).exists()
