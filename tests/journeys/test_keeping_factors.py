"""Renaming, removing, making new codes: each needs a fresh proof, whatever the method."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from hardening import testing
from hardening.models import Factor, RecoveryCode, SecurityEvent
from tests.visitor import STEP, address, leads_to, mails

pytestmark = pytest.mark.django_db(transaction=True)

FRESH = 300  # HARDENING["STEP_UP_SECONDS"]
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")


@pytest.fixture
def stale(careful_fan, clock):
    """Return somebody signed in with a factor a little too long ago for what matters."""
    careful_fan.sign_in_fully()
    clock.shift(FRESH + 1)
    return careful_fan


def row_of(visitor):
    return Factor.objects.confirmed().filter(user=visitor.user).latest("pk")


@pytest.mark.parametrize("action", ["remove", "rename"])
@pytest.mark.parametrize("method", METHODS)
def test_a_factor_is_touched_by_no_method_without_a_fresh_proof(stale, method, action):
    row = row_of(stale)
    fields = {"action": action, "name": "Taken over"}
    answer = getattr(stale.client, method)(address("hardening:factor", row.pk), fields)
    assert leads_to(answer, "hardening:step_up") or (
        answer.status_code in (200, 405) and answer.content == b""
    )
    assert Factor.objects.confirmed().get(pk=row.pk).name == "Test authenticator"


@pytest.mark.parametrize("method", METHODS)
def test_recovery_codes_are_made_by_no_method_without_a_fresh_proof(stale, method):
    before = set(RecoveryCode.objects.values_list("digest", flat=True))
    answer = getattr(stale.client, method)(address("hardening:recovery_codes"), {"action": "make"})
    if method == "post":
        assert leads_to(answer, "hardening:step_up")
    assert set(RecoveryCode.objects.values_list("digest", flat=True)) == before


def test_the_proof_is_fresh_to_the_second_and_not_one_longer(careful_fan, clock):
    careful_fan.sign_in_fully()
    row = row_of(careful_fan)
    clock.shift(FRESH)
    assert careful_fan.get("hardening:factor", row.pk).status_code == 200
    clock.shift(1)
    assert leads_to(careful_fan.get("hardening:factor", row.pk), "hardening:step_up")


def test_activity_does_not_keep_a_proof_fresh(careful_fan, clock):
    careful_fan.sign_in_fully()
    for _ in range(11):
        clock.shift(STEP)
        assert careful_fan.is_signed_in()
    assert leads_to(
        careful_fan.get("hardening:factor", row_of(careful_fan).pk), "hardening:step_up"
    )


def test_stepping_up_leads_back_and_changes_the_session_key(stale):
    row = row_of(stale)
    door = address("hardening:factor", row.pk)
    asked = stale.get("hardening:factor", row.pk)
    assert (
        asked.headers["Location"] == f"{address('hardening:step_up')}?{urlencode({'next': door})}"
    )
    before = stale.client.cookies["sessionid"].value
    answer = stale.step_up(next=door)
    assert leads_to(answer, "hardening:factor", row.pk)
    assert stale.client.cookies["sessionid"].value != before
    assert stale.get("hardening:factor", row.pk).status_code == 200


def test_a_recovery_code_is_no_step_up(stale):
    refused = stale.step_up(code=stale.codes[0])
    assert refused.status_code == 400
    assert RecoveryCode.objects.unused(stale.user.pk).count() == 10


def test_a_spent_code_is_no_step_up(careful_fan, clock):
    careful_fan.sign_in_fully()
    spent = careful_fan.code()
    assert careful_fan.step_up(code=spent).status_code == 400
    clock.shift(STEP)
    assert careful_fan.step_up(code=spent).status_code == 400
    assert careful_fan.step_up().status_code == 302


def test_renaming_changes_the_label_and_nothing_else(careful_fan):
    careful_fan.sign_in_fully()
    other = careful_fan.again()
    testing.login(other.client, other.user)
    row = row_of(careful_fan)
    answer = careful_fan.post("hardening:factor", {"action": "rename", "name": "Old phone"}, row.pk)
    assert leads_to(answer, "hardening:overview")
    row.refresh_from_db()
    assert row.name == "Old phone"
    assert other.is_signed_in()


def test_removing_the_only_factor_takes_the_codes_along_and_ends_other_sessions(careful_fan):
    careful_fan.sign_in_fully()
    other = careful_fan.again()
    testing.login(other.client, other.user)
    row = row_of(careful_fan)
    careful_fan.post("hardening:factor", {"action": "remove"}, row.pk)
    row.refresh_from_db()
    assert row.removed_at is not None
    assert row.secret == ""
    assert not RecoveryCode.objects.filter(user=careful_fan.user).exists()
    assert careful_fan.is_signed_in()
    assert not other.is_signed_in()
    assert mails("authenticator was removed") == [
        ("careful@example.com", "testserver: an authenticator was removed from your account")
    ]
    later = careful_fan.again()
    later.sign_in()
    assert later.is_signed_in()


def test_a_removed_factors_codes_open_nothing(careful_fan, clock):
    careful_fan.sign_in_fully()
    removed = careful_fan.secret
    first = row_of(careful_fan)
    careful_fan.start()
    careful_fan.confirm(name="Second phone")
    careful_fan.post("hardening:factor", {"action": "remove"}, first.pk)
    clock.shift(STEP)
    later = careful_fan.again()
    later.secret = removed
    later.sign_in()
    assert later.verify().status_code == 400
    assert later.verify(authenticator=first.pk).status_code == 400
    assert not later.is_signed_in()


def test_after_a_removal_the_old_proof_is_no_longer_fresh(careful_fan):
    careful_fan.sign_in_fully()
    first = row_of(careful_fan)
    careful_fan.start()
    careful_fan.confirm(name="Second phone")
    careful_fan.post("hardening:factor", {"action": "remove"}, first.pk)
    assert leads_to(
        careful_fan.get("hardening:factor", row_of(careful_fan).pk), "hardening:step_up"
    )


def test_the_last_factor_that_a_role_needs_cannot_be_removed(member):
    member.sign_in_fully()
    row = row_of(member)
    refused = member.post("hardening:factor", {"action": "remove"}, row.pk)
    assert refused.status_code == 409
    assert "Staff" in refused.content.decode()
    assert "Add another authenticator first" in refused.content.decode()
    assert Factor.objects.confirmed().filter(pk=row.pk).exists()
    assert member.get("admin:index").status_code == 200


def test_a_needed_factor_goes_once_there_is_another(member):
    member.sign_in_fully()
    first = row_of(member)
    member.start()
    member.confirm(name="Second phone")
    answer = member.post("hardening:factor", {"action": "remove"}, first.pk)
    assert leads_to(answer, "hardening:overview")
    assert Factor.objects.confirmed().get().name == "Second phone"
    assert member.get("admin:index").status_code == 200


def test_new_codes_kill_the_old_set(careful_fan, clock):
    careful_fan.sign_in_fully()
    old = list(careful_fan.codes)
    made = careful_fan.post("hardening:recovery_codes", {"action": "make"})
    fresh = made.context["codes"]
    assert made.headers["Cache-Control"].count("no-store") == 1
    assert len(fresh) == 10
    assert not set(fresh) & set(old)
    assert mails("new recovery codes were made")
    clock.shift(STEP)
    later = careful_fan.again()
    later.sign_in()
    assert later.use_recovery_code(old[0]).status_code == 400
    assert leads_to(later.use_recovery_code(fresh[0]), "hardening:overview")


def test_codes_are_never_shown_a_second_time(careful_fan):
    careful_fan.sign_in_fully()
    page = careful_fan.get("hardening:recovery_codes").content.decode()
    assert not any(code in page for code in careful_fan.codes)
    assert "10" in page


def test_somebody_elses_factor_does_not_exist_and_asking_is_an_event(careful_fan, person):
    foreign = testing.enrol(person("other").user)
    careful_fan.sign_in_fully()
    for method in ("get", "post"):
        fields = {"action": "remove", "name": "Mine"}
        answer = getattr(careful_fan.client, method)(
            address("hardening:factor", foreign.pk), fields
        )
        assert answer.status_code == 404
    foreign.refresh_from_db()
    assert foreign.removed_at is None
    assert foreign.name == "Test authenticator"
    events = SecurityEvent.objects.filter(event="factor:open:foreign")
    assert [event.data for event in events] == [{"factor": foreign.pk}] * 2
    assert {event.target_pk for event in events} == {str(careful_fan.user.pk)}
