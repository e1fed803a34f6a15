"""Role policies in the admin: fresh proof, no sawing off, events, and effect at once."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from hardening import testing
from hardening.admin.preview import BACK
from hardening.audit import Event
from hardening.models import RolePolicy, SecurityEvent
from hardening.models.policy import Mode
from hardening.moments import moment
from hardening.signals import policy_changed
from tests.previews import FORM, save
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db(transaction=True)

START = 1_793_520_000  # 2026-11-01 08:00:00 UTC, as `fields` has it
LIST = reverse("admin:hardening_rolepolicy_changelist")
ADD = reverse("admin:hardening_rolepolicy_add")


@pytest.fixture
def editor(clock, person):
    """Return a superuser with an authenticator, signed in with a fresh proof."""
    visitor = person("editor", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def stale(editor, clock):
    """Return the same when the proof is no longer fresh."""
    clock.shift(301)
    return editor


@pytest.fixture
def row(clock):
    return RolePolicy.objects.create(
        role="everyone", mode=Mode.REPORT, strength="any", starts_at=moment(START)
    )


def fields(**more):
    return {**FORM, "role": "staff", "grace_days": "7", **more}


def change(row):
    return reverse("admin:hardening_rolepolicy_change", args=[row.pk])


def delete(row):
    return reverse("admin:hardening_rolepolicy_delete", args=[row.pk])


def bulk(row):
    return {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}


def errors(answer):
    return answer.context["adminform"].form.errors.get_json_data()


# --- a fresh proof -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("door", ["add", "change", "delete"])
def test_editing_asks_for_a_fresh_proof_first(stale, row, door, method):
    path = {"add": ADD, "change": change(row), "delete": delete(row)}[door]
    answer = getattr(stale.client, method)(path, fields(role="everyone", mode="off", post="yes"))
    assert leads_to(answer, "hardening:step_up")
    assert RolePolicy.objects.get().mode == Mode.REPORT


def test_bulk_actions_ask_for_a_fresh_proof_too(stale, row):
    assert leads_to(stale.client.post(LIST, bulk(row)), "hardening:step_up")
    assert RolePolicy.objects.filter(pk=row.pk).exists()


def test_looking_at_the_list_is_free(stale, row):
    page = stale.client.get(LIST)
    assert page.status_code == 200
    assert "Everyone" in page.content.decode()


def test_after_the_proof_the_form_opens(stale, row):
    stale.secret = testing.secret_of(testing.Factor.objects.get())
    answer = stale.step_up(next=change(row))
    assert answer.headers["Location"] == change(row)
    assert stale.client.get(change(row)).status_code == 200


def test_a_superuser_who_came_with_a_recovery_code_edits_no_policy(clock, person, row):
    visitor = person("recovered", is_staff=True, is_superuser=True)
    testing.enrol(visitor.user)
    visitor.codes = list(testing.recovery_codes(visitor.user))
    visitor.sign_in()
    visitor.use_recovery_code()
    assert leads_to(visitor.client.get(change(row)), "hardening:enrol")


# --- what is saved ------------------------------------------------------------------------------


def test_a_policy_is_saved_and_acts_on_the_next_request(editor, person):
    fan = person("fan")
    fan.sign_in()
    assert fan.is_signed_in()
    answer = save(editor.client, ADD, fields(role="everyone", grace_days="0"))
    assert answer.status_code == 302
    assert not fan.is_signed_in()
    assert leads_to(fan.get("members"), "hardening:mailbox")


def test_taking_a_policy_back_acts_on_the_next_request(editor, person, row):
    fan = person("fan")
    fan.sign_in()
    save(editor.client, change(row), fields(role="everyone", grace_days="0"))
    assert not fan.is_signed_in()
    editor.client.post(delete(row), {"post": "yes"})
    fan.get("hardening:mailbox")
    assert fan.is_signed_in()


def test_adding_is_recorded_with_what_is_new(editor):
    save(editor.client, ADD, fields(role="superuser", note="after the theft"))
    event = SecurityEvent.objects.get(event=Event.POLICY_CHANGED)
    assert event.actor_name == "editor"
    assert event.data["role"] == "superuser"
    assert event.data["before"] == {}
    assert event.data["after"]["mode"] == "enforce"
    assert event.data["after"]["grace_days"] == "7"


def test_changing_is_recorded_with_before_and_after_of_what_changed_only(editor, row):
    save(editor.client, change(row), fields(role="everyone", grace_days="0"))
    event = SecurityEvent.objects.get(event=Event.POLICY_CHANGED)
    assert event.data["policy"] == row.pk
    assert event.data["before"] == {"mode": "report"}
    assert event.data["after"] == {"mode": "enforce"}


def test_what_is_done_about_breached_passwords_is_in_the_history(editor, row):
    more = {"mode": "report", "breached_passwords": "warn", "recheck_days": "3", "grace_days": "0"}
    save(editor.client, change(row), fields(role="everyone", **more))
    event = SecurityEvent.objects.get(event=Event.POLICY_CHANGED)
    assert event.data["before"] == {"breached_passwords": "enforce", "recheck_days": "None"}
    assert event.data["after"] == {"breached_passwords": "warn", "recheck_days": "3"}


def test_deleting_is_recorded_with_what_was(editor, row):
    editor.client.post(delete(row), {"post": "yes"})
    event = SecurityEvent.objects.get(event=Event.POLICY_CHANGED)
    assert event.data["policy"] == row.pk
    assert event.data["before"]["mode"] == "report"
    assert event.data["after"] == {}


def test_deleting_several_is_recorded_for_each(editor, row):
    other = RolePolicy.objects.create(role="staff", mode=Mode.OFF, starts_at=moment(START))
    both = {**bulk(row), "_selected_action": [row.pk, other.pk]}
    editor.client.post(LIST, both)
    assert not RolePolicy.objects.exists()
    told = {e.data["policy"] for e in SecurityEvent.objects.filter(event=Event.POLICY_CHANGED)}
    assert told == {row.pk, other.pk}


def test_hosts_are_told_by_signal(editor, row):
    heard = []

    def hear(policy, actor, **_):
        heard.append((policy.role, actor.get_username()))

    policy_changed.connect(hear)
    try:
        save(editor.client, change(row), fields(role="everyone"))
    finally:
        policy_changed.disconnect(hear)
    assert heard == [("everyone", "editor")]


# --- what is refused ----------------------------------------------------------------------------


def test_nobody_without_a_factor_edits_a_policy_even_where_none_is_asked_for(
    clock, person, settings
):
    settings.HARDENING = {"POLICIES": []}
    bare = person("bare", is_staff=True, is_superuser=True)
    bare.sign_in()
    assert bare.get("admin:index").status_code == 200
    assert leads_to(bare.client.post(ADD, fields()), "hardening:enrol")
    assert not RolePolicy.objects.exists()


def test_a_policy_that_covers_its_editor_asks_that_he_complies(editor, stronger_kind):
    answer = save(editor.client, ADD, fields(strength="phishing-resistant"))
    assert answer.status_code == 200
    assert [e["code"] for e in errors(answer)["__all__"]] == ["locks_editor_out"]
    assert not RolePolicy.objects.exists()


def test_what_does_not_cover_the_editor_may_ask_for_more_than_he_has(editor, stronger_kind):
    Group.objects.create(name="choir")
    answer = save(editor.client, ADD, fields(role="group:choir", strength="phishing-resistant"))
    assert answer.status_code == 302
    assert RolePolicy.objects.get().strength == "phishing-resistant"


def test_a_try_to_saw_off_ones_branch_is_recorded(editor, stronger_kind):
    save(editor.client, ADD, fields(strength="phishing-resistant"))
    event = SecurityEvent.objects.get(event=Event.POLICY_REFUSED)
    assert event.actor_name == "editor"
    assert event.data == {
        "role": "staff",
        "strength": "phishing-resistant",
        "why": "locks_editor_out",
    }


def test_report_only_may_cover_an_editor_who_does_not_comply(editor, stronger_kind):
    save(editor.client, ADD, fields(strength="phishing-resistant", mode="report"))
    assert RolePolicy.objects.get().mode == Mode.REPORT


def test_an_unknown_role_is_refused_since_it_would_cover_everybody(editor):
    answer = save(editor.client, ADD, fields(role="stafff"))
    assert [e["code"] for e in errors(answer)["role"]] == ["unknown_role"]
    assert not RolePolicy.objects.exists()


@pytest.mark.parametrize("role", ["group:editors", "perm:auth.change_user", "everyone", "staff"])
def test_roles_of_every_make_are_taken(editor, role):
    Group.objects.create(name="editors")
    assert save(editor.client, ADD, fields(role=role)).status_code == 302
    assert RolePolicy.objects.get().role == role


@pytest.mark.parametrize("strength", ["phishing-resistant", "device-bound"])
def test_a_strength_that_no_factor_reaches_is_refused(editor, strength):
    answer = save(editor.client, ADD, fields(strength=strength, mode="report"))
    assert [e["code"] for e in errors(answer)["strength"]] == ["unreachable"]
    assert not RolePolicy.objects.exists()


def test_a_policy_with_such_a_strength_can_still_be_switched_off(editor, row):
    Group.objects.create(name="editors")
    asks = {"role": "group:editors", "strength": "phishing-resistant"}
    RolePolicy.objects.update(**asks, mode=Mode.ENFORCE)
    save(editor.client, change(row), fields(**asks, mode="off"))
    assert RolePolicy.objects.get().mode == Mode.OFF


@pytest.mark.parametrize("days", ["366", "-1", "many"])
def test_grace_is_from_nought_to_a_year(editor, days):
    answer = save(editor.client, ADD, fields(grace_days=days))
    assert "grace_days" in errors(answer)
    assert not RolePolicy.objects.exists()


LIMITS = [
    ("new_account_days", ["366", "-1", "many", ""]),
    ("idle_seconds", ["59", "299", "31536001", "-1", "many"]),
    ("absolute_seconds", ["59", "899", "31536001", "-1", "many"]),
    ("parallel_sessions", ["0", "101", "-1", "many"]),
    ("remembered_days", ["91", "-1", "many", ""]),
    # In less than a minute nobody can prove a factor, fill in a form, and undo this.
    ("step_up_seconds", ["0", "-1", "1", "59", "many"]),
]


@pytest.mark.parametrize(
    "name,value", [(name, value) for name, values in LIMITS for value in values]
)
def test_each_number_has_its_bounds(editor, name, value):
    answer = save(editor.client, ADD, fields(**{name: value}))
    assert name in errors(answer)
    assert not RolePolicy.objects.exists()


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2127-01-01", "9999-12-31"])
def test_a_start_that_no_page_could_show_is_refused(editor, day):
    answer = save(editor.client, ADD, fields(starts_at_0=day, mode="off"))
    assert [e["code"] for e in errors(answer)["starts_at"]] == ["out_of_range"]
    assert not RolePolicy.objects.exists()


@pytest.mark.parametrize("day", ["2000-01-01", "2036-01-01"])
def test_whatever_start_is_saved_every_page_still_opens(editor, day):
    given = fields(starts_at_0=day, mode="report", grace_days="365")
    assert save(editor.client, ADD, given).status_code == 302
    for page in (LIST, reverse("admin:hardening_rolepolicy_compliance")):
        assert editor.client.get(page).status_code == 200


def test_every_field_of_a_policy_is_saved_and_in_the_history(editor):
    given = {
        "new_account_days": "3",
        "idle_seconds": "1800",
        "absolute_seconds": "43200",
        "parallel_sessions": "2",
        "remembered_days": "7",
        "note": "after the theft",
    }
    assert save(editor.client, ADD, fields(role="superuser", **given)).status_code == 302
    row = RolePolicy.objects.get()
    assert {name: str(getattr(row, name)) for name in given} == given
    event = SecurityEvent.objects.get(event=Event.POLICY_CHANGED)
    assert {name: event.data["after"][name] for name in given} == given


def test_an_idle_limit_beyond_the_end_of_the_session_is_refused(editor):
    answer = save(editor.client, ADD, fields(idle_seconds="3600", absolute_seconds="1800"))
    assert [e["code"] for e in errors(answer)["idle_seconds"]] == ["never_acts"]


@pytest.mark.parametrize("page", [ADD, "change"])
def test_every_field_stands_on_the_form_with_help(editor, row, page):
    form = editor.client.get(change(row) if page == "change" else ADD).context["adminform"]
    shown = {name for line in form for field in line for name in field.fields}
    names = {f.name for f in RolePolicy._meta.get_fields() if f.concrete and not f.primary_key}
    assert shown == names
    explained = {name for name in names if str(form.form.fields[name].help_text)}
    assert explained >= names - {"strength"}


@pytest.mark.parametrize("days", ["0", "366", "-1", "many"])
def test_a_password_is_looked_up_again_within_a_year(editor, days):
    answer = save(editor.client, ADD, fields(recheck_days=days))
    assert "recheck_days" in errors(answer)
    assert not RolePolicy.objects.exists()


def test_what_is_done_about_breached_passwords_is_one_of_four(editor):
    answer = save(editor.client, ADD, fields(breached_passwords="delete"))
    assert [e["code"] for e in errors(answer)["breached_passwords"]] == ["invalid_choice"]
    assert not RolePolicy.objects.exists()


def test_one_policy_per_role_and_strength(editor, row):
    answer = save(editor.client, ADD, fields(role="everyone"))
    assert answer.status_code == 200
    assert RolePolicy.objects.count() == 1


def test_the_form_suggests_the_roles_there_are(editor):
    Group.objects.create(name="choir")
    page = editor.client.get(ADD).content.decode()
    assert 'value="group:choir"' in page
    assert 'value="superuser"' in page


def test_an_address_that_is_no_number_breaks_no_page(editor):
    history = reverse("admin:hardening_rolepolicy_history", args=["9" * 5000])
    assert editor.client.get(history).status_code == 302


def test_whoever_may_only_change_policies_adds_and_deletes_none(clock, person, row):
    visitor = person("clerk", is_staff=True)
    visitor.user.user_permissions.add(Permission.objects.get(codename="change_rolepolicy"))
    testing.login(visitor.client, visitor.user)
    for path in (ADD, delete(row)):
        assert visitor.client.post(path, fields(post="yes")).status_code == 403
    assert visitor.client.post(change(row), fields(_saveasnew="1")).status_code == 403
    visitor.client.post(LIST, bulk(row))
    assert RolePolicy.objects.count() == 1


def test_whoever_may_only_look_at_policies_is_shown_no_preview(clock, person, row):
    visitor = person("clerk", is_staff=True)
    visitor.user.user_permissions.add(Permission.objects.get(codename="view_rolepolicy"))
    testing.login(visitor.client, visitor.user)
    assert visitor.client.get(change(row)).status_code == 200
    assert visitor.client.post(change(row), fields()).status_code == 403
    shown = visitor.client.post(change(row), fields(**{BACK: "yes", "note": "planted"}))
    assert b"planted" not in shown.content
    assert RolePolicy.objects.get().mode == Mode.REPORT


def test_an_operator_without_the_permission_edits_nothing(clock, person, row):
    visitor = person("clerk", is_staff=True)
    testing.login(visitor.client, visitor.user)
    assert visitor.client.get(LIST).status_code == 403
    assert visitor.client.post(change(row), fields(mode="off")).status_code == 403
    assert RolePolicy.objects.get().mode == Mode.REPORT
