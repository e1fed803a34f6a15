"""What the preview of a policy says: in its sentence, on its button, in its table, as a warning."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from hardening.admin.effects import effect
from hardening.flows import waivers
from hardening.models import RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW

pytestmark = pytest.mark.django_db(transaction=True)

OVER = "The deadline is over already."


@pytest.fixture
def duo(clock, person):
    """Return two members of a group, neither with a factor."""
    group = Group.objects.create(name="duo")
    members = [person(name).user for name in ("alto", "bass")]
    for one in members:
        one.groups.add(group)
    return members


def policy(**values):
    given = {"role": "group:duo", "mode": Mode.ENFORCE, "starts_at": moment(NOW - DAY)}
    return RolePolicy(**{**given, **values})


def seen(row):
    return effect(row, editor=None, now=NOW)


@pytest.mark.parametrize(
    "values, button",
    [
        ({"mode": Mode.OFF}, "Save it switched off"),
        ({"mode": Mode.REPORT}, "Save it as a report, stopping nobody"),
        ({}, "Save and stop 2 people"),
        ({"grace_days": 3}, "Save and give 2 people until 17 Jan 2027"),
        ({"role": "group:nobody"}, "Save, stopping nobody new"),
    ],
)
def test_the_button_says_what_it_does_to_how_many(duo, values, button):
    Group.objects.create(name="nobody")
    assert seen(policy(**values)).button == button


@pytest.mark.parametrize("grace_days, warned", [(0, True), (1, True), (2, False)])
def test_whoever_enforces_what_is_over_is_told_how_to_give_time_first(duo, grace_days, warned):
    warnings = seen(policy(grace_days=grace_days)).warnings
    assert any(one.startswith(OVER) for one in warnings) == warned


def test_a_deadline_that_has_passed_is_promised_to_nobody(duo):
    row = policy()
    row.save()
    waivers.extend(duo[0], row, until=NOW + 5 * DAY, reason="on tour", now=NOW)
    row.note, row.step_up_seconds = "again", 60
    said = seen(row)
    assert {one.status: one.then for one in said.rows}["in_grace"] == 1
    assert said.sentence == "Nobody is stopped who is not stopped already."
    assert said.button == "Save, stopping nobody new"


@pytest.mark.parametrize("mode, compared", [(Mode.ENFORCE, True), (Mode.REPORT, False)])
def test_numbers_of_today_stand_there_for_what_is_in_force_only(duo, mode, compared):
    row = policy(mode=mode)
    assert not seen(row).changes
    row.save()
    row.mode = Mode.ENFORCE
    assert seen(row).changes == compared
