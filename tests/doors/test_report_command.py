"""``hardening_report``: numbers of each policy, or the people of one, as table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command

from hardening import compliance
from hardening.core.cells import harmless
from hardening.core.grace import WaiverKind
from hardening.models import PolicySnapshot
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.doors.conftest import START
from tests.flows.crowds import TOTP, Someone, policy, settle
from tests.visitor import DAY, NOW

pytestmark = pytest.mark.django_db


def run(*arguments, name="hardening_report"):
    """Return what a command wrote."""
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def lines(shown):
    return [" ".join(line.split()) for line in shown.splitlines()]


@pytest.fixture
def row(clock):
    """Save a policy that reports, with a member of each status but one."""
    saved = policy(
        role="everyone", mode=Mode.REPORT, strength="phishing-resistant", starts_at=moment(START)
    )
    saved.save()
    exempt = [(WaiverKind.EXEMPTION, NOW + 2 * DAY, False)]
    settle([Someone(is_staff=True, factors=TOTP), Someone(granted=exempt)], saved)
    return saved


def test_the_table_has_a_line_for_each_policy(row):
    assert lines(run()) == [
        "policy role from mode strength due members compliant in_grace overdue exempt",
        "floor:staff staff settings enforce any at once 1 1 0 0 0",
        "floor:superuser superuser settings enforce any at once 0 0 0 0 0",
        f"row:{row.pk} everyone admin report phishing-resistant 2026-11-21T12:00:00Z 2 0 0 1 1",
    ]


def test_csv_and_json_hold_the_same(row):
    table = list(csv.DictReader(io.StringIO(run("--format", "csv"))))
    listed = json.loads(run("--format", "json"))
    assert [one["policy"] for one in listed] == ["floor:staff", "floor:superuser", f"row:{row.pk}"]
    assert [one["due"] for one in listed] == [None, None, "2026-11-21T12:00:00Z"]
    assert listed[2]["exempt"] == 1
    plain = [{k: "" if v is None else str(v) for k, v in one.items()} for one in listed]
    assert table == plain


def test_one_policy_is_named_by_its_number_or_its_key(row):
    for named in (str(row.pk), f"row:{row.pk}"):
        (only,) = json.loads(run("--format", "json", "--policy", named))
        assert only["role"] == "everyone"
    (only,) = json.loads(run("--format", "json", "--policy", "floor:staff"))
    assert only["members"] == 1


def test_the_people_of_a_policy_are_listed(row):
    arguments = ("--policy", str(row.pk), "--list")
    keys = [person["key"] for person in json.loads(run(*arguments, "--format", "json"))]
    assert lines(run(*arguments)) == [
        "key name status strength due",
        f"{keys[0]} person0 overdue any 2026-11-21T12:00:00Z",
        f"{keys[1]} person1 exempt none 2027-01-17T08:00:00Z",
    ]
    assert run(*arguments, "--format", "csv", "--status", "exempt") == (
        f"key,name,status,strength,due\n{keys[1]},person1,exempt,none,2027-01-17T08:00:00Z\n"
    )
    assert json.loads(run(*arguments, "--status", "in_grace", "--format", "json")) == []


def test_a_floor_that_was_always_due_has_no_date(row):
    (person,) = json.loads(run("--policy", "floor:staff", "--list", "--format", "json"))
    assert person["due"] is None
    assert "at once" in run("--policy", "floor:staff", "--list")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_list_is_written_as_it_is_read(row, form, monkeypatch):
    """Nothing holds more people than a few at a time, whatever the format."""
    settle([Someone()] * 8)
    monkeypatch.setattr(compliance, "CHUNK", 2)
    read, most = [0], [0]
    every = compliance.every

    def counted(*args, **kwargs):
        for person in every(*args, **kwargs):
            read[0] += 1
            yield person

    class Paper(io.StringIO):
        def write(self, text):
            held = read[0] - self.getvalue().count("person")
            most[0] = max(most[0], held)
            return super().write(text)

    monkeypatch.setattr(compliance, "every", counted)
    paper = Paper()
    call_command(
        "hardening_report", "--policy", str(row.pk), "--list", "--format", form, stdout=paper
    )
    assert read[0] == 10
    assert paper.getvalue().count("person") == 10
    assert most[0] <= 2


def test_a_name_is_no_formula(row):
    (user,) = settle([Someone()])
    user.username = "=cmd|' /C calc'!A0"
    user.save()
    table = run("--policy", str(row.pk), "--list", "--format", "csv")
    assert ",'=cmd|" in table


def test_a_name_drives_no_terminal_and_makes_no_line_of_its_own(row, person):
    person("\x1b[2J\nfan overdue", is_staff=True)
    shown = run("--list", "--policy", "floor:staff")
    assert "\x1b" not in shown
    assert not [line for line in lines(shown) if line.startswith("fan")]
    assert r"\x1b[2J\x0afan overdue" in shown


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "＝1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell):
    assert harmless(cell) == f"'{cell}"
    assert harmless(f"a{cell.lstrip()}") == f"a{cell.lstrip()}"


@pytest.mark.parametrize("named", ["404", "row:x", "floor:everyone", "staff", "²"])
def test_a_policy_that_is_none_is_an_error_that_names_those_there_are(row, named):
    with pytest.raises(CommandError, match="floor:staff") as caught:
        run("--policy", named)
    assert caught.value.returncode == 1


def test_a_policy_that_is_off_is_none(row):
    row.mode = Mode.OFF
    row.save()
    with pytest.raises(CommandError, match="acts or reports"):
        run("--policy", str(row.pk))


def test_where_there_is_no_policy_at_all_the_report_is_empty(db, settings):
    settings.HARDENING = {"POLICIES": []}
    assert json.loads(run("--format", "json")) == []
    assert len(lines(run())) == 1
    with pytest.raises(CommandError, match="there are: none"):
        run("--policy", "1")


@pytest.mark.parametrize(
    "arguments", [("--list",), ("--status", "overdue"), ("--policy", "1", "--status", "overdue")]
)
def test_what_makes_no_sense_together_is_refused(db, arguments):
    with pytest.raises(CommandError, match="needs"):
        run(*arguments)


def test_checking_fails_where_an_enforced_policy_is_not_met(row):
    run("--check")  # the policy that only reports has somebody overdue, which is no failure
    row.mode = Mode.ENFORCE
    row.save()
    for more in ((), ("--policy", str(row.pk), "--list")):
        with pytest.raises(CommandError, match="1 overdue") as caught:
            run("--check", *more)
        assert caught.value.returncode == 3
    run("--check", "--policy", "floor:staff")


def test_the_daily_job_takes_the_snapshot_once(row):
    assert "policies counted today: 3" in run(name="hardening_prune")
    assert "policies counted today: 0" in run(name="hardening_prune")
    assert PolicySnapshot.objects.count() == 3
