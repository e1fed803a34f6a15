"""Old and new code behind one address: a person's requests meet both while a deployment rolls."""

from __future__ import annotations

import pytest

from tests.sites.existing.conftest import DUE, PASSED


def whoever_comes(name, browser, servers):
    """Walk back and forth between the servers; assert that the person stays herself."""
    for server in (*servers, *reversed(servers), *servers):
        assert browser.greeted(server) == f"Hello {name}"
        browser.put_into_basket(server, "a postcard")


@pytest.mark.parametrize(
    "older, newer, due", [(0, 1, DUE), (1, 2, DUE), (1, 2, PASSED)], ids=["0-1", "1-2", "1-2-due"]
)
def test_nobody_who_owes_nothing_is_ever_a_stranger(older, newer, due, release, fan):
    key = fan.session_key
    with release(older).serve() as old, release(newer, due=due).serve() as new:
        whoever_comes("fan", fan, (old, new))
        assert fan.session_key == key
        for server in (old, new):
            fan.get(server, "/sign-out/")
            assert fan.sign_in(server).headers["Location"] == "/"
            whoever_comes("fan", fan, (old, new))


def test_staff_move_between_plain_django_and_release_1_without_noticing(release, staff):
    with release(0).serve() as old, release(1).serve() as new:
        for server in (old, new, old):
            staff.get(server, "/sign-out/")
            assert staff.sign_in(server).headers["Location"] == "/"
            whoever_comes("staff", staff, (old, new))
            assert staff.get(old, "/desk/").status_code == 200
            assert staff.get(new, "/desk/").status_code == 200


def test_staff_are_stopped_by_release_2_and_let_through_by_release_1(release, staff):
    two = release(2, due=PASSED)
    with release(1).serve() as old, two.serve() as new:
        assert staff.get(old, "/desk/").status_code == 200
        assert staff.get(new, "/desk/").headers["Location"] == "/security/mailbox/"
        assert staff.get(old, "/desk/").status_code == 302
        staff.prove_mailbox(new, two.newest_mail)
        assert staff.enrol(new).headers["Location"] == "/desk/"
        assert staff.get(old, "/desk/").status_code == 200
        assert staff.get(new, "/desk/").status_code == 200


def test_in_one_step_whoever_wrote_on_a_new_server_is_a_stranger_to_the_old_ones(release, fan):
    key = fan.session_key
    with release(0).serve() as old, release(2).serve() as new:
        for server in (old, new, old):
            assert fan.greeted(server) == "Hello fan"
        fan.put_into_basket(new, "a postcard")
        assert fan.greeted(old) == "Hello stranger"
        assert fan.greeted(new) == "Hello fan"
        assert fan.basket(old) == "a record, a postcard"
    assert fan.session_key == key
