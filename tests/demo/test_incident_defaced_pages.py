"""2 December 2020: somebody signed in as managers of celebrities' pages and replaced them.

The defacement once more, step by step, on Backstage. Each step gives the thief more than the one
before: the password, then a stolen session, then a code that the manager was tricked into reading
out. What that could not stop is seen by the team and undone with one click, and the owner ends it
without signing in. The last test is about a manager who has no factor yet.
"""

from __future__ import annotations

import re
import time

import pytest
from django.core import mail
from django.test import Client

from hardening import testing
from hardening.flows import freezing
from hardening.models import Factor, SecurityEvent
from project.backstage import demo_data
from project.backstage.models import Revision, User
from tests.demo.test_team_pages import EDIT, HISTORY, UNDO, typed
from tests.visitor import NOW, STEP

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = next(each.password for each in demo_data.ACCOUNTS if each.username == "manager")
DEFACED = {"headline": "Vote for me", "biography": "I was here", "motif": "rain"}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SIGN_IN, VERIFY, STEP_UP = "/security/login/", "/security/verify/", "/security/step-up/"
A_DAY = 24 * 60 * 60
LINK = re.compile(r"http://testserver(/security/disown/\S+)")


@pytest.fixture
def owner(clock, seeded):
    """Return the manager, who has an authenticator."""
    manager = User.objects.get(username="manager")
    testing.enrol(manager)
    return manager


@pytest.fixture
def thief(owner):
    """Return a browser of a stranger's, far away."""
    headers = {"accept": "text/html", "user-agent": BROWSER}
    return Client(REMOTE_ADDR="198.51.100.7", headers=headers)


@pytest.fixture
def before(night_trams):
    """Return the page as it was before; `night_trams()` says how it is now."""
    return night_trams()


def give_password(browser):
    return browser.post(SIGN_IN, {"username": "manager", "password": PASSWORD})


def told(address, words):
    """Return the mails to an address whose subject holds words, the newest first."""
    return [
        sent
        for sent in reversed(mail.outbox)
        if sent.to == [f"{address}@backstage.example"] and words in sent.subject
    ]


def events():
    return set(SecurityEvent.objects.values_list("event", flat=True))


# --- step 1: the right password ----------------------------------------------------------------


def test_step_1_the_password_alone_publishes_nothing(thief, before, night_trams):
    assert give_password(thief).url == VERIFY
    for path in (EDIT, HISTORY, "/my/", "/my/artists/"):
        assert thief.get(path).status_code == 302
    assert thief.post(EDIT, typed(before, **DEFACED)).status_code == 302
    assert thief.post(UNDO.format(before.version)).status_code == 302
    assert night_trams().content == before.content


def test_step_1_guessing_the_code_is_told_to_the_owner_and_stops(thief, owner, before, night_trams):
    give_password(thief)
    right = {testing.code_for(owner, at=NOW + step * STEP) for step in (-1, 0, 1)}
    wrong = [code for code in ("000001", "000002", "000003", "000004") if code not in right]
    answers = [thief.post(VERIFY, {"code": code}).status_code for code in [*wrong, *wrong]]
    assert 302 not in answers[:3]
    assert set(answers[4:]) <= {302, 410, 429}
    assert told("manager", "wrong code")
    assert LINK.search(told("manager", "wrong code")[0].body)
    thief.post(EDIT, typed(before, **DEFACED))
    assert night_trams().content == before.content


# --- step 2: a stolen session ------------------------------------------------------------------


@pytest.fixture
def stolen(owner, thief, clock):
    """Return the thief's browser with the cookie of the owner's session, of this morning."""
    hers = Client(headers={"accept": "text/html"})
    testing.login(hers, owner)
    clock.shift(301)
    thief.cookies["backstage_session"] = hers.cookies["backstage_session"].value
    assert thief.get("/my/artists/").status_code == 200
    return thief


def test_step_2_a_stolen_session_publishes_nothing(stolen, before, night_trams):
    assert stolen.get(EDIT).url.startswith(STEP_UP)
    assert stolen.post(EDIT, typed(before, **DEFACED)).url.startswith(STEP_UP)
    assert stolen.post(UNDO.format(before.version)).url.startswith(STEP_UP)
    assert night_trams().content == before.content


def test_step_2_nor_does_it_together_with_the_password_and_a_recovery_code(
    stolen, owner, before, night_trams
):
    for code in (testing.recovery_codes(owner)[0], PASSWORD, "000000", ""):
        assert stolen.post(f"{STEP_UP}?next={EDIT}", {"code": code}).status_code in (400, 429)
    assert stolen.post(EDIT, typed(before, **DEFACED)).url.startswith(STEP_UP)
    assert night_trams().content == before.content


def test_step_2_it_takes_no_hold_of_the_account_either(stolen, owner):
    row = Factor.objects.get(user=owner)
    new = {"old_password": PASSWORD, "new_password1": "my own kite", "new_password2": "my own kite"}
    for path, fields in (
        ("/security/change-password/", new),
        ("/security/enrol/", {}),
        (f"/security/factor/{row.pk}/", {"action": "remove"}),
        ("/security/recovery-codes/", {"action": "make"}),
    ):
        assert stolen.post(path, fields).url.startswith(STEP_UP), path
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
    assert Factor.objects.filter(user=owner).count() == 1


# --- step 3: the page is defaced ---------------------------------------------------------------


@pytest.fixture
def defaced(thief, owner, before, clock):
    """Let the manager read a code out to a page that looks like ours; return the thief's browser.

    No code that is typed is safe from that.
    """
    clock.shift(A_DAY)
    give_password(thief)
    assert thief.post(VERIFY, {"code": testing.code_for(owner)}).status_code == 302
    mail.outbox.clear()
    assert thief.post(EDIT, typed(before, **DEFACED)).url == HISTORY
    return thief


def test_step_3_the_team_is_told_at_once_and_undoes_it_with_one_click(
    defaced, before, night_trams, browser_of
):
    assert night_trams().headline == "Vote for me"
    sent = told("editor", "was changed by manager")[0]
    assert "+ Vote for me" in sent.body
    assert f"- {before.headline}" in sent.body
    undo = UNDO.format(night_trams().version)
    assert f"http://testserver{undo}" in sent.body
    editor = browser_of("editor")
    assert "I was here</del>" in editor.get(undo).content.decode()
    assert editor.post(undo).url == HISTORY
    assert night_trams().content == before.content
    assert Revision.objects.first().undoes.author_name == "manager"
    assert "That took back change" in told("manager", "was changed by editor")[0].body


def test_step_3_the_thief_needs_another_code_for_another_try(defaced, night_trams, clock):
    now = night_trams()
    clock.shift(301)
    assert defaced.post(EDIT, typed(now, headline="Again")).url.startswith(STEP_UP)
    assert night_trams().content == now.content


# --- step 4: the owner ends it -----------------------------------------------------------------


@pytest.fixture
def link(thief, owner, before, clock):
    """Let a thief publish as above; return the path of the link in the mail to the owner.

    She had signed in before, in her own browser: an account's first sign-in is no news to her.
    """
    hers = Client(headers={"accept": "text/html"})
    give_password(hers)
    hers.post(VERIFY, {"code": testing.code_for(owner)})
    clock.shift(A_DAY)
    give_password(thief)
    thief.post(VERIFY, {"code": testing.code_for(owner)})
    thief.post(EDIT, typed(before, **DEFACED))
    (sent,) = told("manager", "browser")
    assert "Firefox on Linux" in sent.body
    assert "198.51.100.7" in sent.body
    return LINK.search(sent.body)[1]


def test_step_4_the_owner_disowns_it_signed_out_and_the_thief_is_out(
    link, thief, owner, night_trams, clock
):
    hers = Client(headers={"accept": "text/html"})
    shown = hers.get(link)
    assert "Firefox on Linux" in shown.content.decode()
    assert not freezing.is_frozen(owner)
    assert thief.get("/my/artists/").status_code == 200
    assert hers.post("/security/disown/", {"token": shown.context["token"]}).status_code == 200
    assert freezing.is_frozen(owner)
    defaced = night_trams().content
    assert thief.get("/my/artists/").url.startswith(SIGN_IN)
    assert thief.post(EDIT, typed(night_trams(), headline="Again")).url.startswith(SIGN_IN)
    clock.shift(STEP)
    assert give_password(thief).status_code == 400  # as for a wrong password
    assert thief.get("/my/artists/").url.startswith(SIGN_IN)
    assert night_trams().content == defaced
    assert hers.post("/security/disown/", {"token": shown.context["token"]}).status_code == 410


def test_step_4_the_others_go_on_and_an_operator_lets_the_owner_in_again(
    link, owner, before, night_trams, browser_of, clock
):
    hers = Client(headers={"accept": "text/html"})
    hers.post("/security/disown/", {"token": hers.get(link).context["token"]})
    editor = browser_of("editor")
    assert editor.post(UNDO.format(night_trams().version)).url == HISTORY
    assert night_trams().content == before.content
    operator = User.objects.get(username="admin")
    assert freezing.thaw(owner, actor=operator, reason="called back", now=int(time.time()))
    clock.shift(STEP)
    assert give_password(hers).url == VERIFY
    answer = hers.post(VERIFY, {"code": testing.code_for(owner)})
    assert answer.url == "/security/change-password/"  # the thief has the old one
    assert {"account:freeze:done", "account:thaw:done"} <= events()


# --- before there is a factor ------------------------------------------------------------------


def test_who_has_no_factor_yet_is_not_enrolled_by_the_thief(clock, seeded, night_trams):
    before = night_trams()
    thief = Client(REMOTE_ADDR="198.51.100.7", headers={"accept": "text/html"})
    assert give_password(thief).url == "/security/mailbox/"
    thief.post("/security/mailbox/", {"action": "send"})
    assert [sent.to for sent in mail.outbox if "code" in sent.subject] == [
        ["manager@backstage.example"]
    ]
    for path in ("/security/enrol/", "/security/enrol/authenticator/"):
        assert thief.post(path, {"code": "123456"}).status_code == 302
    assert thief.post(EDIT, typed(before, **DEFACED)).status_code == 302
    assert not Factor.objects.exists()
    assert night_trams().content == before.content
