"""What has to wait, in the admin: seen by whoever may look, lifted by whoever may, with proof."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.urls import reverse

from hardening import testing
from hardening.audit import Event
from hardening.flows import attack, attempts
from hardening.models import SecurityEvent, SiteState, ThrottleCell
from hardening.throttle.tally import Lately
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db(transaction=True)

LIST = reverse("admin:hardening_throttlecell_changelist")
END = reverse("admin:hardening_throttlecell_end_attack_mode")
START_US = 1_795_262_400_000_000  # the clock of this folder


@pytest.fixture
def operator(clock, person):
    visitor = person("operator", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def viewer(clock, person):
    """Return somebody of the staff who may look and no more."""
    visitor = person("viewer", is_staff=True)
    for name in ("view_throttlecell", "view_user", "change_user"):
        visitor.user.user_permissions.add(Permission.objects.get(codename=name))
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def victim(clock, person):
    """Return somebody whose name was tried too often."""
    fail("victim", 6, owner=(visitor := person("victim")))
    return visitor


def fail(name, times, *, owner=None, address=None):
    del owner  # made before the tries
    for _ in range(times):
        attempts.fail(attempts.start(name, address=address, cookie=None, now_us=START_US))


def waits(name):
    trial = attempts.start(name, address=None, cookie=None, now_us=START_US)
    attempts.abandon(trial)
    return trial.outcome.retry_after


def lift(*keys, **more):
    return {"action": "lift", "_selected_action": list(keys), **more}


def key_of(visitor):
    return ThrottleCell.objects.get(target_pk=visitor.user.pk).pk


def text(answer):
    return " ".join(answer.content.decode().split())


@pytest.fixture
def attacked(clock):
    now = START_US // 1_000_000
    attack.begin(Lately(200, 250, None), now=now)


# --- looking -----------------------------------------------------------------------------------


def test_the_list_names_who_must_wait_and_for_how_long(viewer, victim, person):
    fail("once", 2, owner=person("once"))
    answer = viewer.get(LIST)
    page = text(answer)
    assert [row.person for row in answer.context["cl"].result_list] == [victim.user]
    assert '<td class="field-failures">5</td>' in page
    assert "12:00:30" in page


def test_an_account_at_its_cap_does_not_get_out_by_waiting(viewer, victim):
    ThrottleCell.objects.filter(target_pk=victim.user.pk).update(total=100)
    assert "At the cap: not by waiting" in text(viewer.get(LIST))


def test_what_has_no_name_is_counted(viewer, victim):
    fail("nobody", 6)
    for number in range(12):
        fail(f"nobody-{number}", 1, address="203.0.113.9")
    page = text(viewer.get(LIST))
    assert "1 name that nobody has must wait" in page
    assert "1 network address must wait or is flagged" in page
    assert "203.0.113.9" not in page


def test_nothing_to_see_is_said(viewer):
    assert "No account has to wait right now." in text(viewer.get(LIST))


def test_names_are_searched(viewer, victim, person):
    fail("other", 6, owner=person("other"))
    assert len(viewer.get(LIST).context["cl"].result_list) == 2
    found = viewer.get(LIST, q="Vict").context["cl"].result_list
    assert [row.person for row in found] == [victim.user]
    assert "No account of this name" in text(viewer.get(LIST, q="x"))


def test_the_list_costs_no_query_for_each_row(
    viewer, victim, person, django_assert_max_num_queries
):
    for number in range(5):
        fail(f"p{number}", 6, owner=person(f"p{number}"))
    viewer.get(LIST)
    with django_assert_max_num_queries(16):
        viewer.get(LIST)


def test_whoever_may_not_look_does_not(clock, person):
    visitor = person("staff", is_staff=True)
    testing.login(visitor.client, visitor.user)
    assert visitor.get(LIST).status_code == 403


@pytest.mark.parametrize("what", ["add", "change", "delete"])
def test_no_counter_is_added_changed_or_deleted(operator, victim, what):
    arguments = [] if what == "add" else [key_of(victim)]
    url = reverse(f"admin:hardening_throttlecell_{what}", args=arguments)
    assert operator.get(url).status_code == 403
    assert "delete_selected" not in text(operator.get(LIST))


# --- lifting -----------------------------------------------------------------------------------


def test_lifting_asks_again_and_says_whom_it_concerns(operator, victim):
    answer = operator.client.post(LIST, lift(key_of(victim)))
    assert "victim" in text(answer)
    assert "told by mail" in text(answer)
    assert waits("victim") == 30


def test_lifting_ends_the_wait_tells_the_owner_and_is_recorded(operator, victim):
    sent = lift(key_of(victim), confirmed="yes")
    answer = operator.client.post(LIST, sent, follow=True)
    assert "1 person can try to sign in again at once." in text(answer)
    assert waits("victim") == 0
    event = SecurityEvent.objects.get(event=Event.THROTTLE_LIFTED)
    assert (event.target_name, event.actor_name) == ("victim", "operator")
    (message,) = [one for one in mail.outbox if "ended the wait" in one.subject]
    assert "Done by: operator" in message.body


def test_lifting_needs_a_fresh_proof(operator, victim, clock):
    clock.shift(301)
    assert leads_to(operator.client.post(LIST, lift("x", confirmed="yes")), "hardening:step_up")


def test_lifting_is_for_those_who_may(viewer, victim):
    assert 'value="lift"' not in text(viewer.get(LIST))
    viewer.client.post(LIST, lift(key_of(victim), confirmed="yes"))
    assert waits("victim") == 30
    viewer.user.user_permissions.add(Permission.objects.get(codename="lift_throttle"))
    viewer.client.post(LIST, lift(key_of(victim), confirmed="yes"))
    assert waits("victim") == 0


def test_all_pages_of_the_list_can_be_lifted_at_once(operator, victim, person):
    fail("other", 6, owner=person("other"))
    sent = lift(key_of(victim), confirmed="yes", select_across="1")
    operator.client.post(LIST, sent)
    assert waits("victim") == waits("other") == 0


# --- attack mode -------------------------------------------------------------------------------


def test_attack_mode_stands_on_top_and_is_ended_by_a_button(operator, attacked):
    page = text(operator.get(LIST))
    assert "Attack mode is on" in page
    assert "It began on 21 Nov 2026, noon and lasts until 21 Nov 2026, 12:30 p.m." in page
    answer = operator.client.post(END, follow=True)
    assert "Attack mode has ended." in text(answer)
    assert "Attack mode is on" not in text(answer)
    assert SiteState.objects.get().attack_until == 0
    event = SecurityEvent.objects.get(event=Event.ATTACK_ENDED)
    assert event.actor_name == "operator"


def test_attack_mode_is_ended_by_those_who_may_after_a_fresh_proof(
    viewer, operator, attacked, clock
):
    assert "End attack mode" not in text(viewer.get(LIST))
    assert viewer.client.post(END).status_code == 403
    assert operator.client.get(END).status_code == 405
    clock.shift(301)
    assert leads_to(operator.client.post(END), "hardening:step_up")
    assert SiteState.objects.get().attack_until


def test_attack_mode_that_is_off_is_not_mentioned(operator):
    assert "ttack mode" not in text(operator.get(LIST))
    assert operator.client.post(END).status_code == 302


# --- the list of users -------------------------------------------------------------------------


@pytest.fixture
def office(settings):
    settings.ROOT_URLCONF = "tests.host.office"
    return "/office/auth/user/"


def unlocking(visitor):
    return {"action": "unlock_sign_in", "_selected_action": [visitor.user.pk]}


def test_users_are_unlocked_from_their_list(operator, victim, office):
    answer = operator.client.post(office, unlocking(victim), follow=True)
    assert "1 person can try to sign in again at once." in text(answer)
    assert waits("victim") == 0
    again = operator.client.post(office, unlocking(victim), follow=True)
    assert "None of them had to wait." in text(again)


def test_that_action_needs_its_permission_and_a_fresh_proof(
    operator, viewer, victim, office, clock
):
    assert "unlock_sign_in" not in text(viewer.client.get(office))
    viewer.client.post(office, unlocking(victim))
    clock.shift(301)
    assert leads_to(operator.client.post(office, unlocking(victim)), "hardening:step_up")
    assert waits("victim") == 30
