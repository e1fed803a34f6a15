"""Before `migrate`, the kill switch, and the way back to plain Django."""

from __future__ import annotations

from tests import howto
from tests.sites.existing.conftest import PAGE, PASSED

KILL_SWITCH = 'HARDENING["ENFORCE"] = False'
DELETE = """
from django.contrib.auth import get_user_model
print(get_user_model().objects.filter(username="fan").delete())
"""


def test_code_before_its_tables_goes_on_shouts_and_guards_from_migrate_on(
    release, before, fan, staff
):
    two = release(2, due=PASSED, data=before)
    with two.serve() as server:
        assert fan.greeted(server) == "Hello fan"
        assert staff.get(server, "/desk/").status_code == 200
        assert "hardening guards nothing: its tables are missing" in two.log
        assert staff.get(server, "/security/").status_code == 503
        two.manage("migrate", "--verbosity", "0")
        assert fan.greeted(server) == "Hello fan"
        assert staff.get(server, "/desk/").headers["Location"] == "/security/mailbox/"


def test_the_kill_switch_lets_everybody_in_and_signs_nobody_out(release, fan, staff):
    with release(2, due=PASSED).serve() as server:
        assert fan.greeted(server) == "Hello fan"
        assert staff.get(server, "/desk/").headers["Location"] == "/security/mailbox/"
    with release(2, KILL_SWITCH, due=PASSED).serve() as server:
        assert fan.greeted(server) == "Hello fan"
        assert staff.sign_in(server).headers["Location"] == "/"
        assert staff.get(server, "/desk/").status_code == 200


def test_from_release_1_back_to_plain_django_everybody_stays(release, fan, staff):
    with release(1).serve() as server:
        for name, browser in (("fan", fan), ("staff", staff)):
            assert browser.greeted(server) == f"Hello {name}"
        staff.get(server, "/sign-out/")
        staff.sign_in(server)
    with release(0).serve() as server:
        assert fan.greeted(server) == "Hello fan"
        assert staff.get(server, "/desk/").text == "The desk of staff, verified: False"


def test_from_release_2_back_by_release_1_whoever_wrote_signs_in_once_more(release, fan, staff):
    with release(2).serve() as server:
        assert staff.greeted(server) == "Hello staff"
        fan.put_into_basket(server, "a postcard")
    with release(1).serve() as server:
        assert fan.greeted(server) == "Hello fan"
        assert staff.greeted(server) == "Hello staff"
    with release(0).serve() as server:
        assert staff.greeted(server) == "Hello staff"
        assert fan.greeted(server) == "Hello stranger"
        assert fan.basket(server) == "a record, a postcard"
        fan.sign_in(server)
        assert fan.greeted(server) == "Hello fan"


def test_tables_left_behind_keep_accounts_from_being_deleted_until_they_are_dropped(release, fan):
    one, plain = release(1), release(0)
    with one.serve() as server:
        fan.get(server, "/sign-out/")
        fan.sign_in(server)
    refused = plain.try_to("shell", "--verbosity", "0", "-c", DELETE)
    assert "IntegrityError" in refused.stderr
    (call,) = howto.commands(PAGE, "The way back")
    one.manage(*call, "--verbosity", "0")
    assert "auth.User" in plain.manage("shell", "--verbosity", "0", "-c", DELETE)


def test_a_server_that_loses_its_tables_answers_503_to_whoever_is_signed_in(release, fan):
    one = release(1)
    with one.serve() as server:
        assert fan.greeted(server) == "Hello fan"
        one.manage(*howto.commands(PAGE, "The way back")[0], "--verbosity", "0")
        assert fan.get(server, "/").status_code == 503
        assert type(fan)("somebody").greeted(server) == "Hello stranger"
