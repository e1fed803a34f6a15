"""Nothing about a policy is saved unseen: the preview, its seal, the way back, deleting."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import signing
from django.urls import reverse

from hardening import testing
from hardening.admin.preview import BACK, CONFIRM, CONFIRM_SECONDS
from hardening.audit import Event
from hardening.models import PolicyWaiver, RolePolicy, SecurityEvent
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.doors.conftest import START
from tests.previews import FORM, save, seal_on
from tests.visitor import DAY, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

LIST = reverse("admin:hardening_rolepolicy_changelist")
ADD = reverse("admin:hardening_rolepolicy_add")


@pytest.fixture
def editor(clock, person):
    """Return a superuser with an authenticator, signed in with a fresh proof."""
    visitor = person("editor", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def choir(clock, person):
    """Return three members of a group: one with a factor, one without, one without a mailbox."""
    group = Group.objects.create(name="choir")
    members = [person("alto"), person("bass"), person("cello", email="")]
    for one in members:
        one.user.groups.add(group)
    testing.enrol(members[0].user)
    return members


@pytest.fixture
def row(choir):
    return RolePolicy.objects.create(
        role="group:choir", mode=Mode.ENFORCE, strength="any", starts_at=moment(START - DAY)
    )


def fields(**more):
    note = "asked for by the board"
    return {**FORM, "role": "group:choir", "grace_days": "0", "note": note, "_save": "Save", **more}


def change(row):
    return reverse("admin:hardening_rolepolicy_change", args=[row.pk])


def text(answer):
    return " ".join(answer.content.decode().split())


# --- what is shown --------------------------------------------------------------------------------


def test_saving_shows_what_will_happen_and_saves_nothing(editor, choir):
    answer = editor.client.post(ADD, fields())
    assert answer.status_code == 200
    assert not RolePolicy.objects.exists()
    assert not SecurityEvent.objects.filter(event=Event.POLICY_CHANGED).exists()
    assert "2 people are stopped with their next request" in text(answer)
    assert "the role has 3 members" in text(answer)
    then = {row.status: row.then for row in answer.context["effect"].rows}
    assert then == {"compliant": 1, "in_grace": 0, "overdue": 2, "exempt": 0}
    assert {row.now for row in answer.context["effect"].rows} == {None}


def test_each_person_who_would_be_stopped_is_listed_with_what_she_meets(editor, choir):
    met = {
        one.name: one.meets for one in editor.client.post(ADD, fields()).context["effect"].stopped
    }
    assert set(met) == {"bass", "cello"}
    assert "Proves the mailbox" in met["bass"]
    assert "enrolment ticket" in met["cello"]


def test_whoever_cannot_go_on_alone_is_warned_of(editor, choir):
    warnings = editor.client.post(ADD, fields()).context["effect"].warnings
    assert any("1 person of the list cannot go on without an operator" in one for one in warnings)
    assert any("acts at once" in one for one in warnings)


def test_grace_is_told_with_its_date(editor, choir):
    answer = editor.client.post(ADD, fields(grace_days="60"))
    assert "Nobody is stopped yet. 2 people have time until" in text(answer)
    assert not answer.context["effect"].stopped


def test_a_policy_that_reports_is_told_as_what_it_would_do(editor, choir):
    answer = editor.client.post(ADD, fields(mode="report"))
    assert "Nobody is stopped. If it was enforced, 2 of 3 members would be." in text(answer)


def test_switching_off_is_told(editor, row):
    assert "switched off" in text(editor.client.post(change(row), fields(mode="off")))


def test_a_role_without_members_is_told(editor):
    Group.objects.create(name="empty")
    assert "Nobody is in this role" in text(editor.client.post(ADD, fields(role="group:empty")))


def test_the_numbers_now_stand_beside_those_then(editor, row, person):
    Group.objects.create(name="duo")
    answer = editor.client.post(change(row), fields(role="group:duo"))
    assert {r.status: (r.now, r.then) for r in answer.context["effect"].rows} == {
        "compliant": (1, 0),
        "in_grace": (0, 0),
        "overdue": (2, 0),
        "exempt": (0, 0),
    }
    assert "It covers fewer people than before." in answer.context["effect"].warnings


def test_the_kill_switch_is_told(editor, choir, settings):
    settings.HARDENING = {"ENFORCE": False}
    warnings = editor.client.post(ADD, fields()).context["effect"].warnings
    assert any("kill switch" in one for one in warnings)


def test_what_is_shown_is_what_comes_true(editor, choir):
    stopped = {one.name for one in editor.client.post(ADD, fields()).context["effect"].stopped}
    save(editor.client, ADD, fields())
    for one in choir:
        one.sign_in()
        if one.user.username in stopped:
            assert not one.is_signed_in()
            assert leads_to(one.get("members"), "hardening:mailbox") or leads_to(
                one.get("members"), "hardening:ticket"
            )
    assert stopped == {"bass", "cello"}


def test_a_change_of_the_note_alone_does_nothing_to_anybody_and_is_saved_at_once(editor, row):
    given = fields(starts_at_0="2026-11-20", starts_at_1="12:00:00", note="another")
    assert editor.client.post(change(row), given).status_code == 302
    assert RolePolicy.objects.get().note == "another"


@pytest.mark.parametrize("more", [[], ["view_compliance"]])
def test_names_are_for_whoever_may_know_who_has_no_factor(clock, person, choir, row, more):
    """A list of them is a target list; numbers are none."""
    clerk = person("clerk", is_staff=True)
    may = Permission.objects.filter(codename__in=["change_rolepolicy", *more])
    clerk.user.user_permissions.set(may)
    testing.login(clerk.client, clerk.user)
    RolePolicy.objects.update(mode=Mode.OFF)
    page = text(clerk.client.post(change(row), fields()))
    assert "2 people are stopped" in page
    assert ("bass@example.com" in page) is bool(more)
    assert ("bass" in page) is bool(more)


# --- confirming -----------------------------------------------------------------------------------


def test_confirming_saves_exactly_what_was_shown(editor, choir):
    shown = editor.client.post(ADD, fields(note="as shown"))
    typed = dict(shown.context["typed"])
    assert typed == fields(note="as shown")
    answer = editor.client.post(ADD, {**typed, CONFIRM: seal_on(shown)})
    assert answer.status_code == 302
    assert RolePolicy.objects.get().note == "as shown"


@pytest.mark.parametrize(
    "more", [{"mode": "report"}, {"note": "changed"}, {"role": "staff"}, {"grace_days": "1"}]
)
def test_what_differs_from_what_was_shown_is_shown_again(editor, choir, more):
    seal = seal_on(editor.client.post(ADD, fields()))
    again = editor.client.post(ADD, {**fields(**more), CONFIRM: seal})
    assert "Please look again" in text(again)
    assert not RolePolicy.objects.exists()
    assert editor.client.post(ADD, {**fields(**more), CONFIRM: seal_on(again)}).status_code == 302


def test_a_seal_for_one_policy_saves_no_other(editor, row):
    seal = seal_on(editor.client.post(change(row), fields(mode="off")))
    answer = editor.client.post(ADD, {**fields(mode="off", strength="any"), CONFIRM: seal})
    assert answer.status_code == 200
    assert RolePolicy.objects.count() == 1


def test_what_somebody_else_changed_meanwhile_is_looked_at_again(editor, row):
    seal = seal_on(editor.client.post(change(row), fields(mode="off")))
    RolePolicy.objects.filter(pk=row.pk).update(grace_days=90)
    assert "Please look again" in text(
        editor.client.post(change(row), {**fields(mode="off"), CONFIRM: seal})
    )
    assert RolePolicy.objects.get().mode == Mode.ENFORCE


def test_a_seal_is_for_its_editor_alone(editor, choir, person):
    seal = seal_on(editor.client.post(ADD, fields()))
    other = person("other", is_staff=True, is_superuser=True)
    testing.login(other.client, other.user)
    assert other.client.post(ADD, {**fields(), CONFIRM: seal}).status_code == 200
    assert not RolePolicy.objects.exists()


def test_a_seal_lasts_a_quarter_of_an_hour(editor, choir, clock, settings):
    settings.HARDENING = {"STEP_UP_SECONDS": 3600}
    seal = seal_on(editor.client.post(ADD, fields()))
    clock.shift(CONFIRM_SECONDS + 1)
    assert editor.client.post(ADD, {**fields(), CONFIRM: seal}).status_code == 200
    assert not RolePolicy.objects.exists()


@pytest.mark.parametrize("seal", ["", "yes", signing.TimestampSigner(salt="other").sign("x")])
def test_a_forged_seal_saves_nothing(editor, choir, seal):
    assert editor.client.post(ADD, {**fields(), CONFIRM: seal}).status_code == 200
    assert not RolePolicy.objects.exists()


def test_confirming_takes_a_fresh_proof_too(editor, choir, clock):
    seal = seal_on(editor.client.post(ADD, fields()))
    clock.shift(301)
    assert leads_to(editor.client.post(ADD, {**fields(), CONFIRM: seal}), "hardening:step_up")
    assert not RolePolicy.objects.exists()


def test_the_button_that_was_pressed_is_kept(editor, choir):
    given = fields()
    del given["_save"]
    answer = save(editor.client, ADD, {**given, "_addanother": "Save and add another"})
    assert answer.headers["Location"] == ADD


# --- back -----------------------------------------------------------------------------------------


def typed_on(answer):
    form = answer.context["adminform"].form
    assert not form.errors
    return {name: form[name].value() for name in form.fields}


@pytest.mark.parametrize("place", ["add", "change"])
def test_going_back_loses_nothing_that_was_typed(editor, row, place):
    path = ADD if place == "add" else change(row)
    given = fields(role="staff", grace_days="17", idle_seconds="1800", note="half a thought")
    answer = editor.client.post(path, {**given, BACK: "yes"})
    assert answer.status_code == 200
    typed = typed_on(answer)
    for name in ("role", "mode", "grace_days", "idle_seconds", "note"):
        assert typed[name] == given[name]
    assert typed["starts_at"] == [given["starts_at_0"], given["starts_at_1"]]
    assert RolePolicy.objects.get().role == "group:choir"


def test_going_back_wins_over_confirming(editor, choir):
    seal = seal_on(editor.client.post(ADD, fields()))
    answer = editor.client.post(ADD, {**fields(), CONFIRM: seal, BACK: "yes"})
    assert "adminform" in answer.context
    assert not RolePolicy.objects.exists()


# --- deleting -------------------------------------------------------------------------------------


def delete(row):
    return reverse("admin:hardening_rolepolicy_delete", args=[row.pk])


def test_deleting_says_what_it_does_to_how_many_people(editor, row):
    page = text(editor.client.get(delete(row)))
    assert "no longer asks 3 people for a second factor" in page
    assert "2 of them do not meet it today" in page


def test_deleting_several_says_it_of_each(editor, row):
    silent = RolePolicy.objects.create(
        role="everyone", mode=Mode.REPORT, strength="any", starts_at=moment(START)
    )
    bulk = {"action": "delete_selected", "_selected_action": [row.pk, silent.pk]}
    page = text(editor.client.post(LIST, bulk))
    assert "no longer asks 3 people" in page
    assert "Everyone: this policy stops nobody" in page
    assert RolePolicy.objects.count() == 2


def test_a_policy_goes_with_what_was_granted_from_it(editor, row, choir):
    PolicyWaiver.objects.create(
        user=choir[1].user,
        policy=row,
        kind="g",
        until=START + DAY,
        reason="on tour",
        granted_at=START,
        approved_by="editor",
    )
    assert editor.client.post(delete(row), {"post": "yes"}).status_code == 302
    assert not RolePolicy.objects.exists()
