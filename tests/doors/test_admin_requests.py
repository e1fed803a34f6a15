"""Operators' requests and waivers in the admin: who sees and does what, by which routes not."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from hardening import policies, testing
from hardening.audit import Event
from hardening.core.values import Verdict
from hardening.factors import ticket
from hardening.flows import live, requests, waivers
from hardening.models import (
    Account,
    EnrolmentTicket,
    Factor,
    OperatorRequest,
    PolicyWaiver,
    RolePolicy,
    SecurityEvent,
)
from hardening.models.policy import Mode
from hardening.models.request import OPEN_SECONDS, Deed, State
from hardening.moments import moment
from tests.actors import reread, signed_in
from tests.host.office import office
from tests.visitor import DAY, NOW, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

LIST = reverse("admin:hardening_operatorrequest_changelist")
ADD = reverse("admin:hardening_operatorrequest_add")
WAIVERS = reverse("admin:hardening_policywaiver_changelist")
ADD_WAIVER = reverse("admin:hardening_policywaiver_add")


@pytest.fixture(autouse=True)
def _site(settings):
    """Stand on a site with a second admin, which has these pages too."""
    settings.ROOT_URLCONF = "tests.host.office"
    policies.forget()
    yield
    policies.forget()


@pytest.fixture
def clock():
    """Hold the clock at `NOW`, as the other tests of these flows do."""
    with time_machine.travel(NOW, tick=False) as frozen:
        yield frozen


@pytest.fixture
def operator(clock, person):
    """Return `operator(name, *permissions)`: of the staff, signed in with a fresh proof."""

    def make(name, *permissions, **fields):
        visitor = person(name, is_staff=True, **fields)
        for codename in permissions:
            visitor.user.user_permissions.add(Permission.objects.get(codename=codename))
        visitor.user = reread(visitor.user)
        testing.login(visitor.client, visitor.user)
        return visitor

    return make


@pytest.fixture
def asker(operator):
    return operator("asker", "add_operatorrequest", "view_user", "change_user")


@pytest.fixture
def approver(operator):
    return operator("approver", "approve_request")


@pytest.fixture
def chief(operator):
    """Return a superuser, who has every permission."""
    return operator("chief", is_superuser=True)


@pytest.fixture
def victim(clock, person):
    """Return somebody with an authenticator, who has lost her phone."""
    visitor = person("victim")
    testing.enrol(visitor.user)
    return visitor


@pytest.fixture
def policy(clock):
    return RolePolicy.objects.create(
        role="everyone", mode=Mode.ENFORCE, starts_at=moment(NOW - DAY)
    )


def fields(who, **more):
    given = {"deed": "recovery", "target": who.user.pk, "policy": "", "last_day": ""}
    return {**given, "reason": "phone lost", "evidence": "called back", **more}


def asked_of(visitor, who, deed=Deed.RECOVERY, **more):
    return requests.ask(
        deed, who.user, requester=visitor.user, reason="phone lost", now=NOW, **more
    )


def page(asked, name="change", site="admin", model="operatorrequest"):
    return reverse(f"{site}:hardening_{model}_{name}", args=[asked.pk])


def text(answer):
    return " ".join(answer.content.decode().split())


def errors(answer):
    return [e["code"] for e in answer.context["adminform"].form.errors.get_json_data()["__all__"]]


def state(asked):
    return OperatorRequest.objects.get(pk=asked.pk).state


def has_factor(visitor):
    return Factor.objects.owned(visitor.user.pk).confirmed().exists()


def in_days(days):
    return (moment(NOW) + timedelta(days=days)).date().isoformat()


# --- asking -----------------------------------------------------------------------------------


def test_asking_by_the_form_makes_a_request_and_changes_nothing(asker, victim):
    answer = asker.client.post(ADD, fields(victim))
    assert answer.status_code == 302
    asked = OperatorRequest.objects.get()
    assert (asked.target, asked.requester_name) == (victim.user, "asker")
    assert (asked.deed, asked.reason, asked.evidence) == ("recovery", "phone lost", "called back")
    assert has_factor(victim)
    event = SecurityEvent.objects.get(event=Event.REQUEST_OPENED)
    assert event.address == "127.0.0.1"


def test_an_exemption_lasts_to_the_end_of_the_day_that_was_chosen(asker, victim, policy):
    more = {"deed": "exemption", "policy": policy.pk, "last_day": "2027-01-20"}
    asker.client.post(ADD, fields(victim, **more))
    asked = OperatorRequest.objects.get()
    assert asked.policy == policy
    assert moment(asked.until).isoformat() == "2027-01-21T00:00:00+00:00"


def test_the_form_says_what_speaks_against_it(asker, victim, policy):
    exemption = {"deed": "exemption", "policy": policy.pk}
    assert errors(asker.client.post(ADD, fields(asker))) == ["about_oneself"]
    assert errors(asker.client.post(ADD, fields(victim, **exemption))) == ["incomplete"]
    much = fields(victim, **exemption, last_day=in_days(91))
    assert errors(asker.client.post(ADD, much)) == ["too_long"]
    asker.client.post(ADD, fields(victim))
    assert errors(asker.client.post(ADD, fields(victim))) == ["already_open"]
    missing = asker.client.post(ADD, fields(victim, reason=""))
    assert "reason" in missing.context["adminform"].form.errors


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-30", "0001-01-01"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_no_day_breaks_a_form(asker, operator, victim, policy, settings, day, zone):
    settings.TIME_ZONE = zone
    exemption = fields(victim, deed="exemption", policy=policy.pk, last_day=day)
    assert errors(asker.client.post(ADD, exemption)) in (["too_long"], ["incomplete"])
    granter = operator("granter", "add_policywaiver")
    more = {"user": victim.user.pk, "policy": policy.pk, "last_day": day, "reason": "on tour"}
    assert errors(granter.client.post(ADD_WAIVER, more)) in (["too_long"], ["not_later"])


def test_whoever_sends_the_form_twice_at_once_reads_that_it_is_asked_for(
    asker, victim, monkeypatch
):
    asked_of(asker, victim)
    monkeypatch.setattr(requests, "objection_to_asking", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(requests, "ask", _refused_late)
    answer = asker.client.post(ADD, fields(victim), follow=True)
    assert answer.status_code == 200
    assert "asked for already" in text(answer)


def _refused_late(*_args, **_kwargs):
    raise requests.RequestError(requests.Objection.ALREADY_OPEN)


def test_the_form_is_filled_in_from_the_list_of_users(asker, victim):
    users = reverse("office:auth_user_changelist")
    chosen = {"action": "ask_another_operator", "_selected_action": [victim.user.pk]}
    answer = asker.client.post(users, chosen)
    form = reverse("office:hardening_operatorrequest_add")
    assert answer.headers["Location"] == f"{form}?target={victim.user.pk}"
    form = asker.get(answer.headers["Location"]).context["adminform"].form
    assert form.get_initial_for_field(form.fields["target"], "target") == str(victim.user.pk)


def test_the_action_wants_one_person(asker, victim, person):
    both = [victim.user.pk, person("other").user.pk]
    users = reverse("office:auth_user_changelist")
    chosen = {"action": "ask_another_operator", "_selected_action": both}
    assert "Choose one person." in text(asker.client.post(users, chosen, follow=True))


def test_the_actions_are_offered_to_whoever_may(operator):
    looker = operator("looker", "view_user")
    shown = text(looker.get(reverse("office:auth_user_changelist")))
    assert "ask_another_operator" not in shown
    assert "give_more_time" not in shown


def test_asking_takes_the_permission_and_a_fresh_proof(approver, asker, victim, clock):
    assert approver.client.post(ADD, fields(victim)).status_code == 403
    clock.shift(301)
    assert leads_to(asker.get(ADD), "hardening:step_up")
    assert leads_to(asker.client.post(ADD, fields(victim)), "hardening:step_up")
    assert not OperatorRequest.objects.exists()


# --- approving --------------------------------------------------------------------------------


def test_the_page_says_what_will_happen_to_whom_before_the_button(asker, approver, victim):
    asked = asked_of(asker, victim, evidence="called back")
    shown = text(approver.get(page(asked, "approve")))
    assert "These stop working for victim: authenticators: Test authenticator" in shown
    assert "All sessions end." in shown
    assert "phone lost" in shown
    assert "called back" in shown
    assert "second pair of eyes" in shown
    assert has_factor(victim)


def test_approving_does_it(asker, approver, victim):
    asked = asked_of(asker, victim)
    answer = approver.client.post(page(asked, "approve"), follow=True)
    assert "Approved and done: Reset of a lost factor, for victim." in text(answer)
    assert not has_factor(victim)
    assert state(asked) == State.APPROVED
    event = SecurityEvent.objects.get(event=Event.REQUEST_APPROVED)
    assert (event.actor_name, event.target_name) == ("approver", "victim")


def test_a_ticket_is_shown_once_to_whoever_approves(asker, approver, person):
    newcomer = person("newcomer", is_staff=True)
    asked = asked_of(asker, newcomer, Deed.TICKET)
    assert "shown a ticket, once" in text(approver.get(page(asked, "approve")))
    answer = approver.client.post(page(asked, "approve"))
    shown = answer.context["ticket"]
    assert shown in text(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    for visitor in (approver, asker):
        for address in (page(asked), LIST):
            assert shown not in text(visitor.get(address))
    again = approver.client.post(page(asked, "approve"), follow=True)
    assert "answered meanwhile" in text(again)
    assert EnrolmentTicket.objects.count() == 1
    assert ticket.spend(newcomer.user.pk, shown, now=NOW)


def test_an_exemption_is_approved_with_its_end_before_the_eyes(asker, approver, person, policy):
    fan = person("fan")
    asked = asked_of(asker, fan, Deed.EXEMPTION, policy=policy, until=NOW + 7 * DAY)
    shown = text(approver.get(page(asked, "approve")))
    assert "Until 22 Jan 2027" in shown or "Until Jan. 22, 2027" in shown
    approver.client.post(page(asked, "approve"))
    assert PolicyWaiver.objects.get().user == fan.user
    assert live.judge(signed_in(fan.user), reread(fan.user), now=NOW).verdict is Verdict.ALLOW


@pytest.mark.parametrize("site", ["admin", "office"])
@pytest.mark.parametrize("deed", [Deed.RECOVERY, Deed.TICKET])
def test_nobody_approves_his_own_request_by_its_page_on_any_admin_site(
    operator, approver, victim, site, deed
):
    both = operator("both", "add_operatorrequest", "approve_request")
    asked = asked_of(both, victim, deed)
    shown = text(both.get(page(asked, "approve", site)))
    assert "You asked for this yourself" in shown
    assert 'value="Approve"' not in shown
    forged = both.client.post(page(asked, "approve", site), {"alone": "1"}, follow=True)
    assert "You asked for this yourself" in text(forged)
    assert state(asked) == State.OPEN
    assert has_factor(victim)
    assert not EnrolmentTicket.objects.exists()
    event = SecurityEvent.objects.get(event=Event.REQUEST_NOT_APPROVED)
    assert (event.actor_name, event.reason) == ("both", "own_request")


def test_not_even_a_superuser_approves_his_own(chief, operator, victim):
    operator("other", "approve_request")
    asked = asked_of(chief, victim)
    chief.client.post(page(asked, "approve"))
    assert state(asked) == State.OPEN


def test_nobody_approves_what_is_about_himself(asker, approver):
    asked = asked_of(asker, approver)
    assert "about yourself" in text(approver.get(page(asked, "approve")))
    approver.client.post(page(asked, "approve"))
    assert state(asked) == State.OPEN
    assert has_factor(approver)


def test_the_list_has_no_action_and_a_forged_one_does_nothing(operator, approver, victim):
    both = operator("both", "add_operatorrequest", "approve_request")
    asked = asked_of(both, victim)
    assert "_selected_action" not in text(both.get(LIST))
    for action in ("approve", "delete_selected", "refuse"):
        both.client.post(LIST, {"action": action, "_selected_action": [asked.pk], "post": "yes"})
    assert state(asked) == State.OPEN


@pytest.mark.parametrize("door", ["change", "delete"])
def test_djangos_forms_go_round_nothing(chief, victim, operator, door):
    operator("other", "approve_request")
    asked = asked_of(chief, victim)
    forged = {**fields(victim), "state": "approved", "requester_pk": "0", "post": "yes"}
    assert chief.client.post(page(asked, door), forged).status_code == 403
    assert state(asked) == State.OPEN


def test_a_form_cannot_say_who_asks_or_what_state_it_is_in(asker, approver, victim):
    forged = {"requester_pk": str(approver.user.pk), "requester_name": "chief", "state": "approved"}
    asker.client.post(ADD, fields(victim, **forged))
    asked = OperatorRequest.objects.get()
    assert (asked.requester_name, asked.state) == ("asker", State.OPEN)


def test_answers_take_their_permission(asker, victim, operator, chief):
    asked = asked_of(chief, victim)
    looker = operator("looker", "view_operatorrequest")
    for visitor in (asker, looker):
        for name in ("approve", "refuse", "withdraw"):
            assert visitor.get(page(asked, name)).status_code == 403
            assert visitor.client.post(page(asked, name)).status_code == 403
    assert state(asked) == State.OPEN


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["approve", "refuse", "withdraw"])
def test_answers_need_a_fresh_proof(asker, approver, victim, clock, method, name):
    asked = asked_of(asker, victim)
    clock.shift(301)
    visitor = asker if name == "withdraw" else approver
    answer = getattr(visitor.client, method)(page(asked, name))
    assert leads_to(answer, "hardening:step_up")
    assert state(asked) == State.OPEN


def test_the_only_operator_reads_that_he_is_alone(operator, victim):
    both = operator("both", "add_operatorrequest", "approve_request")
    asked = asked_of(both, victim)
    shown = text(both.get(page(asked, "approve")))
    assert "Nobody else may approve it, so you may" in shown
    both.client.post(page(asked, "approve"))
    assert state(asked) == State.APPROVED
    assert SecurityEvent.objects.get(event=Event.REQUEST_APPROVED).data["alone"] is True


def test_a_request_that_is_over_is_not_approved_and_says_so(asker, approver, victim, clock):
    asked = asked_of(asker, victim)
    clock.shift(OPEN_SECONDS)
    testing.login(approver.client, approver.user)
    shown = text(approver.get(page(asked, "approve")))
    assert "has expired" in shown
    assert 'value="Approve"' not in shown
    approver.client.post(page(asked, "approve"))
    assert has_factor(victim)
    assert "Approve…" not in text(approver.get(page(asked)))
    assert "Expired" in text(approver.get(LIST))


def test_a_request_that_is_not_there_is_404(chief):
    missing = reverse("admin:hardening_operatorrequest_approve", args=[7])
    assert chief.get(missing).status_code == 404


def test_who_may_not_answer_learns_not_even_which_requests_there_are(operator, asker, victim):
    asked = asked_of(asker, victim)
    clerk = operator("clerk")
    for name in ("approve", "refuse", "withdraw"):
        missing = reverse(f"admin:hardening_operatorrequest_{name}", args=[asked.pk + 1])
        assert clerk.get(missing).status_code == clerk.get(page(asked, name)).status_code


def test_the_kill_switch_approves_nothing_without_a_fresh_proof(
    asker, approver, victim, clock, settings
):
    asked = asked_of(asker, victim)
    settings.HARDENING = {"ENFORCE": False}
    clock.shift(301)
    assert leads_to(approver.client.post(page(asked, "approve")), "hardening:step_up")
    assert state(asked) == State.OPEN
    assert has_factor(victim)


# --- refusing and withdrawing -----------------------------------------------------------------


def test_refusing_keeps_the_answer_and_changes_nothing(asker, approver, victim):
    asked = asked_of(asker, victim)
    assert "Nothing is changed." in text(approver.get(page(asked, "refuse")))
    sent = {"note": " could not reach her "}
    answer = approver.client.post(page(asked, "refuse"), sent, follow=True)
    assert "Refused: Reset of a lost factor, for victim." in text(answer)
    assert state(asked) == State.REFUSED
    event = SecurityEvent.objects.get(event=Event.REQUEST_TURNED_DOWN)
    assert event.data["why"] == "could not reach her"
    assert has_factor(victim)


def test_an_answer_that_no_database_stores_does_not_cost_its_event(asker, approver, victim):
    asked = asked_of(asker, victim)
    approver.client.post(page(asked, "refuse"), {"note": "no\0pe " + "x" * 5000})
    assert state(asked) == State.REFUSED
    why = SecurityEvent.objects.get(event=Event.REQUEST_TURNED_DOWN).data["why"]
    assert why.startswith("nope")
    assert len(why) <= 1000


def test_withdrawing_is_for_whoever_asked(asker, approver, victim):
    asked = asked_of(asker, victim)
    assert approver.client.post(page(asked, "withdraw")).status_code == 403
    assert "Withdraw…" in text(asker.get(page(asked)))
    answer = asker.client.post(page(asked, "withdraw"), follow=True)
    assert "Withdrawn: Reset of a lost factor, for victim." in text(answer)
    assert state(asked) == State.WITHDRAWN
    assert "answered meanwhile" in text(asker.get(page(asked, "withdraw")))


# --- looking ----------------------------------------------------------------------------------


def test_the_page_of_a_request_shows_all_of_it_and_the_ways_on(asker, approver, victim):
    asked = asked_of(asker, victim, evidence="called back")
    shown = text(approver.get(page(asked)))
    for words in ("phone lost", "called back", "asker", "victim", "Approve…", "Refuse…"):
        assert words in shown
    assert "Withdraw…" not in shown
    assert "Approve…" not in text(asker.get(page(asked)))


def test_the_empty_list_says_that_there_is_nothing_to_do(approver):
    assert "No request waits for an answer." in text(approver.get(LIST))


@pytest.mark.parametrize(
    "chosen, count", [("open", 1), ("withdrawn", 1), ("expired", 1), ("approved", 0), (None, 3)]
)
def test_the_list_is_filtered_by_what_became_of_it(asker, victim, clock, person, chosen, count):
    asked_of(asker, victim)
    clock.shift(OPEN_SECONDS)
    later = {"requester": asker.user, "reason": "phone lost", "now": NOW + OPEN_SECONDS}
    requests.ask(Deed.RECOVERY, victim.user, **later)
    gone = requests.ask(Deed.TICKET, victim.user, **later)
    requests.withdraw(gone.pk, actor=asker.user, now=NOW + OPEN_SECONDS)
    testing.login(asker.client, asker.user)
    query = {} if chosen is None else {"state_now": chosen}
    assert asker.get(LIST, **query).context["cl"].result_count == count


def test_names_are_searched(asker, victim):
    asked_of(asker, victim)
    for word, count in [("victim", 1), ("asker", 1), ("nobody", 0)]:
        assert asker.get(LIST, q=word).context["cl"].result_count == count


def test_whoever_has_none_of_the_permissions_sees_nothing(operator, asker, victim):
    asked = asked_of(asker, victim)
    clerk = operator("clerk")
    assert clerk.get(LIST).status_code == 403
    assert clerk.get(page(asked)).status_code == 403
    assert clerk.get(WAIVERS).status_code == 403


# --- waivers ----------------------------------------------------------------------------------


@pytest.fixture
def granter(operator):
    return operator("granter", "add_policywaiver", "change_policywaiver", "view_user")


def more_time(who, policy, **more):
    given = {"user": who.user.pk, "policy": policy.pk, "last_day": in_days(7), "reason": "on tour"}
    return {**given, **more}


def test_more_time_by_the_form_acts_on_the_next_request(granter, person, policy):
    fan = person("fan")
    assert live.judge(signed_in(fan.user), reread(fan.user), now=NOW).verdict is Verdict.MAILBOX
    assert granter.client.post(ADD_WAIVER, more_time(fan, policy)).status_code == 302
    assert live.judge(signed_in(fan.user), reread(fan.user), now=NOW).verdict is Verdict.ALLOW
    row = PolicyWaiver.objects.get()
    assert (row.approved_by, row.reason) == ("granter", "on tour")
    event = SecurityEvent.objects.get(event=Event.WAIVER_EXTENDED)
    assert (event.target_name, event.actor_name) == ("fan", "granter")


def test_the_form_for_more_time_says_what_speaks_against_it(granter, person, policy):
    fan = person("fan")
    sent = granter.client.post
    assert errors(sent(ADD_WAIVER, more_time(granter, policy))) == ["oneself"]
    assert errors(sent(ADD_WAIVER, more_time(fan, policy, last_day=in_days(31)))) == ["too_long"]
    assert errors(sent(ADD_WAIVER, more_time(fan, policy, last_day=in_days(-3)))) == ["not_later"]
    empty = sent(ADD_WAIVER, more_time(fan, policy, last_day=""))
    assert "last_day" in empty.context["adminform"].form.errors
    assert not PolicyWaiver.objects.exists()


def test_a_form_for_more_time_makes_no_exemption(granter, person, policy):
    fan = person("fan")
    forged = {"kind": "x", "until": NOW + 1000 * DAY, "approved_by": "chief"}
    granter.client.post(ADD_WAIVER, more_time(fan, policy, **forged))
    row = PolicyWaiver.objects.get()
    assert (row.kind, row.approved_by) == ("g", "granter")
    assert row.until <= NOW + 8 * DAY


def test_one_is_ended_by_its_page_after_saying_what_happens(granter, person, policy):
    fan = person("fan")
    row = waivers.extend(fan.user, policy, until=NOW + DAY, reason="on tour", now=NOW)
    assert "End…" in text(granter.get(page(row, model="policywaiver")))
    end = page(row, "end", model="policywaiver")
    assert "deadline holds again for fan" in text(granter.get(end))
    assert Account.objects.get(user=fan.user).waivers
    assert "It has ended." in text(granter.client.post(end, follow=True))
    assert Account.objects.get(user=fan.user).waivers == ""
    assert "It was over already." in text(granter.get(end))
    assert "It was over already." in text(granter.client.post(end, follow=True))
    assert "End…" not in text(granter.get(page(row, model="policywaiver")))


def test_ending_takes_the_permission_and_a_fresh_proof(granter, operator, person, policy, clock):
    fan = person("fan")
    row = waivers.extend(fan.user, policy, until=NOW + DAY, reason="on tour", now=NOW)
    end = page(row, "end", model="policywaiver")
    looker = operator("looker", "view_policywaiver")
    assert looker.client.post(end).status_code == 403
    assert "End…" not in text(looker.get(page(row, model="policywaiver")))
    missing = reverse("admin:hardening_policywaiver_end", args=[row.pk + 1])
    assert granter.client.post(missing).status_code == 404
    clock.shift(301)
    assert leads_to(granter.client.post(end), "hardening:step_up")
    assert PolicyWaiver.objects.get().ended_at is None


def test_the_list_of_waivers_says_who_why_and_until_when(granter, person, policy, clock):
    assert "Nobody is spared a policy right now." in text(granter.get(WAIVERS))
    fan, other = person("fan"), person("other")
    waivers.extend(fan.user, policy, until=NOW + DAY, reason="on tour", now=NOW)
    over = waivers.extend(other.user, policy, until=NOW + 60, reason="one evening", now=NOW)
    early = waivers.extend(other.user, policy, until=NOW + DAY, reason="by mistake", now=NOW)
    waivers.end(early.pk, now=NOW)
    clock.shift(61)
    shown = text(granter.get(WAIVERS))
    for words in ("fan", "on tour", "Standing", "Over", "Ended early"):
        assert words in shown
    counts = {
        name: granter.get(WAIVERS, state_now=name).context["cl"].result_count
        for name in ("standing", "over", "ended")
    }
    assert counts == {"standing": 1, "over": 1, "ended": 1}
    assert over.pk


@pytest.mark.parametrize("door", ["change", "delete"])
def test_no_waiver_is_changed_or_deleted(chief, person, policy, door):
    fan = person("fan")
    row = waivers.extend(fan.user, policy, until=NOW + DAY, reason="on tour", now=NOW)
    forged = {**more_time(fan, policy), "until": NOW + 1000 * DAY, "post": "yes"}
    answer = chief.client.post(page(row, door, model="policywaiver"), forged)
    assert answer.status_code == 403
    assert PolicyWaiver.objects.get().until == NOW + DAY


@pytest.mark.parametrize("route", ["her page", "the list"])
def test_whoever_was_granted_something_can_be_deleted_and_it_goes_with_her(
    chief, operator, person, policy, route
):
    fan = person("fan")
    waivers.extend(fan.user, policy, until=NOW + DAY, reason="on tour", now=NOW)
    asked_of(chief, fan)
    clerk = operator("clerk", "delete_user", "view_user")
    paths = {
        "her page": (reverse("admin:auth_user_delete", args=[fan.user.pk]), {"post": "yes"}),
        "the list": (
            reverse("admin:auth_user_changelist"),
            {"action": "delete_selected", "_selected_action": [fan.user.pk], "post": "yes"},
        ),
    }
    path, sent = paths[route]
    clerk.client.post(path, sent)
    assert PolicyWaiver.objects.exists()  # it takes the permission to delete those, too
    assert chief.client.post(path, sent).status_code == 302
    assert not PolicyWaiver.objects.exists()
    assert not OperatorRequest.objects.exists()


def test_more_time_is_asked_for_from_the_list_of_users(granter, person):
    fan = person("fan")
    users = reverse("office:auth_user_changelist")
    chosen = {"action": "give_more_time", "_selected_action": [fan.user.pk]}
    answer = granter.client.post(users, chosen)
    assert answer.headers["Location"] == f"{ADD_WAIVER}?user={fan.user.pk}"


def test_our_pages_stand_on_every_admin_site_that_registers_them():
    for site in (admin.site, office):
        assert site.is_registered(OperatorRequest)
