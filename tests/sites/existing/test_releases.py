"""The how-to's releases, one after the other, on a site with people signed in."""

from __future__ import annotations

import json

from tests import howto
from tests.sites.browser import PASSWORD
from tests.sites.existing.conftest import ONE, PAGE, PASSED, TWO

OWN = "What your site has of its own"


def run(release, heading):
    """Run the commands that stand under a heading, as they stand there; return what they said."""
    said = {}
    for call in howto.commands(PAGE, heading):
        done = release.try_to(*call)
        assert done.returncode == 0, done.stderr
        said[" ".join(call)] = done.stdout + done.stderr
    return said


def policies(release):
    return {
        row["role"]: row
        for row in json.loads(release.manage("hardening_status", "--format", "json"))["policies"]
    }


def test_release_1_stops_nobody_and_says_whom_release_2_will_ask(release, before, fan, staff):
    one = release(1, data=before)
    said = run(one, ONE)
    assert "hardening.W003" in said["check"]
    assert "(2 silenced)" in said["check"]
    assert "hardening.E004 (silenced)" in said["hardening_status"]
    assert policies(one)["staff"]["without_factor"] == 1
    assert policies(one)["superuser"]["members"] == 0
    keys = fan.session_key, staff.session_key
    with one.serve() as server:
        assert fan.greeted(server) == "Hello fan"
        assert staff.get(server, "/desk/").text == "The desk of staff, verified: False"
        assert staff.get(server, "/orders/").json() == {"orders": 3}
        assert (fan.basket(server), staff.basket(server)) == ("a record", "a record")
    assert (fan.session_key, staff.session_key) == keys


def test_an_authenticator_set_up_under_release_1_counts_under_release_2(release, staff):
    one = release(1)
    with one.serve() as server:
        staff.post(server, "/security/enrol/")
        staff.post(server, "/security/confirm-password/", password=PASSWORD)
        staff.prove_mailbox(server, one.newest_mail)
        staff.enrol(server)
        assert staff.get(server, "/desk/").status_code == 200
    two = release(2, due=PASSED)
    assert policies(two)["staff"]["without_factor"] == 0
    with two.serve() as server:
        assert staff.get(server, "/desk/").status_code == 200


def test_release_2_is_wired_and_stops_nobody_before_the_date(release, fan, staff):
    two = release(2)
    said = run(two, TWO)
    assert "hardening.E" not in said["check --deploy"]
    assert "hardening.W003" not in said["check --deploy"]
    assert policies(two)["staff"]["due"] == "2027-01-31"
    with two.serve() as server:
        assert fan.greeted(server) == "Hello fan"
        assert staff.get(server, "/desk/").status_code == 200


def test_after_the_date_a_live_session_is_asked_and_comes_back_to_its_page(release, fan, staff):
    two = release(2, due=PASSED)
    key = fan.session_key
    with two.serve() as server:
        poll = staff.get(server, "/orders/", Accept="application/json")
        assert (poll.status_code, poll.json()["step"]) == (401, "/security/mailbox/")
        asked = staff.get(server, "/desk/?day=monday")
        assert asked.headers["Location"] == "/security/mailbox/"
        assert staff.greeted(server) == "Hello stranger"
        assert staff.basket(server) == "nothing"
        staff.prove_mailbox(server, two.newest_mail)
        assert staff.enrol(server).headers["Location"] == "/desk/?day=monday"
        assert staff.get(server, "/desk/").text == "The desk of staff, verified: False"
        assert staff.basket(server) == "a record"
        assert fan.greeted(server) == "Hello fan"
        assert fan.basket(server) == "a record"
    assert fan.session_key == key


def test_the_sites_own_login_page_leads_to_the_step_and_keeps_what_it_wrote(release, staff):
    two = release(2, due=PASSED)
    with two.serve() as server:
        staff.get(server, "/sign-out/")
        answer = staff.sign_in(server, "/sign-in/?next=/desk/", remember="on")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/security/mailbox/")
        assert answer.text == ""
        assert staff.get(server, "/desk/").headers["Location"] == "/security/mailbox/"
        staff.prove_mailbox(server, two.newest_mail)
        done = staff.enrol(server)
        assert done.headers["Location"] == "/desk/"
        assert "Max-Age=3600" in done.headers["Set-Cookie"]
        assert staff.get(server, "/desk/").status_code == 200


def test_the_admins_own_login_template_stays_and_so_does_next(release, staff):
    two = release(2, due=PASSED)
    with two.serve() as server:
        staff.get(server, "/sign-out/")
        page = staff.get(server, "/admin/login/?next=/admin/auth/")
        assert "The back room of the shop" in page.text
        answer = staff.sign_in(server, "/admin/login/?next=/admin/auth/")
        assert answer.headers["Location"] == "/security/mailbox/"
        staff.prove_mailbox(server, two.newest_mail)
        assert staff.enrol(server).headers["Location"] == "/admin/auth/"


def test_the_sites_own_logout_ends_a_waiting_sign_in(release, staff):
    two = release(2, due=PASSED)
    with two.serve() as server:
        assert staff.get(server, "/desk/").headers["Location"] == "/security/mailbox/"
        staff.get(server, "/sign-out/")
        assert staff.get(server, "/security/mailbox/").status_code == 410
        assert staff.get(server, "/desk/").headers["Location"] == "/sign-in/?next=/desk/"


def test_a_backend_of_the_sites_own_is_guarded_too(release, staff):
    two = release(2, due=PASSED)
    with two.serve() as server:
        staff.get(server, "/sign-out/")
        answer = staff.sign_in(server, username="staff@example.com")
        assert answer.headers["Location"] == "/security/mailbox/"
        fan = type(staff)("fan")
        assert fan.sign_in(server, username="fan@example.com").headers["Location"] == "/"
        assert fan.greeted(server) == "Hello fan"


def test_a_backend_that_inherits_from_ours_stands_in_for_it(release, staff):
    own = 'AUTHENTICATION_BACKENDS = ["own_backend.EmailBackend"]'
    two = release(2, own, due=PASSED)
    source = howto.block(PAGE, OWN)
    (two.code / "own_backend.py").write_text(source, encoding="utf-8")
    assert "no issues" in two.manage("check")
    with two.serve() as server:
        staff.get(server, "/sign-out/")
        answer = staff.sign_in(server, username="staff@example.com")
        assert answer.headers["Location"] == "/security/mailbox/"


def test_a_lockout_backend_stays_first_and_never_hears_of_wrong_codes(release, staff):
    first = 'AUTHENTICATION_BACKENDS.insert(0, "shop.backends.LockoutBackend")'
    silenced = 'SILENCED_SYSTEM_CHECKS = ["hardening.E004"]'
    two = release(2, first, silenced, due=PASSED)
    assert "(1 silenced)" in two.manage("check")
    two.manage("hardening_status")
    with two.serve() as server:
        staff.get(server, "/desk/")
        staff.prove_mailbox(server, two.newest_mail)
        staff.enrol(server)
        staff.get(server, "/sign-out/")
        for _ in range(5):
            assert staff.sign_in(server).headers["Location"] == "/security/verify/"
            staff.post(server, "/security/verify/", code="000000")
        for _ in range(5):
            assert staff.sign_in(server, password="wrong").status_code == 200
        assert staff.sign_in(server).status_code == 200
        assert "Please enter a correct" in staff.sign_in(server).text
