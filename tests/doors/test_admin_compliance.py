"""Whether policies hold: the page, the list, the file, and who may see them."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardening import testing
from hardening.admin import charts
from hardening.compliance import Counts
from hardening.core.cells import STARTS_A_FORMULA, harmless
from hardening.models import Account, PolicySnapshot, PolicyWaiver, RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.doors.conftest import START
from tests.visitor import DAY, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = reverse("admin:hardening_rolepolicy_compliance")
EXPORT = reverse("admin:hardening_rolepolicy_compliance_export")
LIST = reverse("admin:hardening_rolepolicy_changelist")
CHANGES = reverse("admin:hardening_rolepolicy_changes")
INDEX = reverse("admin:index")


@pytest.fixture(autouse=True)
def _no_floor(settings):
    """Count the policies of the test alone."""
    settings.HARDENING = {"POLICIES": []}


def clerk_with(person, *codenames):
    """Return somebody of the staff with these permissions and no others."""
    visitor = person("clerk", is_staff=True)
    visitor.user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def auditor(clock, person):
    """Return an operator who may see compliance and nothing else."""
    return clerk_with(person, "view_compliance")


@pytest.fixture
def choir(clock, person):
    """Return four members of a group, one of each status under `row`."""
    group = Group.objects.create(name="choir")
    names = ("compliant", "in_grace", "overdue", "exempt")
    people = {name: person(f"{name}-1", email=f"{name}@example.org").user for name in names}
    for user in people.values():
        user.groups.add(group)
    testing.enrol(people["compliant"])
    return people


@pytest.fixture
def row(choir):
    row = RolePolicy.objects.create(
        role="group:choir", mode=Mode.ENFORCE, strength="any", starts_at=moment(START - DAY)
    )
    for name, kind in (("in_grace", "g"), ("exempt", "x")):
        grant(choir[name], row, kind)
    return row


def grant(user, row, kind):
    PolicyWaiver.objects.create(
        user=user,
        policy=row,
        kind=kind,
        until=START + 7 * DAY,
        reason="on tour",
        granted_at=START,
        approved_by="somebody",
    )
    account = Account.objects.of(user.pk)
    Account.objects.filter(pk=account.pk).update(waivers=f"{row.pk}:{kind}:{START + 7 * DAY}")


def names(answer):
    return [each["person"].name for each in answer.context["people"]]


def text(answer):
    return " ".join(answer.content.decode().split())


# --- the page -------------------------------------------------------------------------------------


def test_a_bar_says_how_many_there_are_of_each_status(auditor, row):
    (shown,) = auditor.client.get(PAGE).context["listed"]
    assert {part.status: part.count for part in shown.bar} == {
        "compliant": 1,
        "in_grace": 1,
        "overdue": 1,
        "exempt": 1,
    }
    assert shown.words == "Compliant: 1, In grace: 1, Overdue: 1, Exempt: 1"


def test_the_sentence_on_top_names_the_largest_gap(auditor, row):
    page = text(auditor.client.get(PAGE))
    assert "1 person of 4 under “Group choir” is stopped at the next sign-in" in page


def test_each_chart_has_a_title_a_description_and_its_numbers(auditor, row):
    page = auditor.client.get(PAGE).content.decode()
    assert '<title id="hardening-policy-1-title">' in page
    assert "Compliant: 1, In grace: 1, Overdue: 1, Exempt: 1</desc>" in page
    assert page.count('role="img"') == 1
    assert "style=" not in page.partition('id="content"')[2]


def test_strengths_are_counted(auditor, row):
    (shown,) = auditor.client.get(PAGE).context["listed"]
    assert shown.strengths == [("No second factor", 3), ("A second factor", 1)]


def test_policies_of_the_settings_have_a_bar_too(auditor, settings):
    settings.HARDENING = {"POLICIES": [{"role": "staff"}]}
    (shown,) = auditor.client.get(PAGE).context["listed"]
    assert shown.label == "Staff (settings)"
    assert shown.counts.compliant == 1


def test_the_trend_is_drawn_from_the_snapshots(auditor, row):
    today = moment(START).date()
    for ago, compliant in ((200, 0), (89, 1), (0, 4)):
        PolicySnapshot.objects.create(
            day=today - timedelta(days=ago),
            policy=f"row:{row.pk}",
            role=row.role,
            members=4,
            compliant=compliant,
            in_grace=0,
            overdue=4 - compliant,
            exempt=0,
        )
    answer = auditor.client.get(PAGE)
    (shown,) = answer.context["listed"]
    assert shown.trend.path == "0,90 600,0"
    assert "From 25 % to 100 % compliant within 89 days." in text(answer)
    assert answer.content.decode().count("<polyline") == 1


@pytest.mark.parametrize("what", ["policies", "members", "snapshots"])
def test_empty_states_are_told(auditor, clock, what, choir):
    if what == "members":
        Group.objects.create(name="empty")
        RolePolicy.objects.create(
            role="group:empty", mode=Mode.ENFORCE, strength="any", starts_at=moment(START)
        )
    elif what == "snapshots":
        RolePolicy.objects.create(
            role="group:choir", mode=Mode.REPORT, strength="any", starts_at=moment(START)
        )
    said = {
        "policies": "There is no policy, so nobody is asked for a second factor.",
        "members": "Nobody is in this role.",
        "snapshots": "No trend yet",
    }
    assert said[what] in text(auditor.client.get(PAGE))


@pytest.mark.parametrize(
    "mode,starts,said",
    [
        (Mode.REPORT, -DAY, "Every policy only reports, so nobody is stopped."),
        (Mode.ENFORCE, DAY, "Nobody is overdue. 3 people under “Group choir” still have time."),
    ],
)
def test_the_sentence_fits_what_is_in_force(auditor, choir, mode, starts, said):
    RolePolicy.objects.create(
        role="group:choir", mode=mode, strength="any", starts_at=moment(START + starts)
    )
    assert said in text(auditor.client.get(PAGE))


def test_where_everybody_complies_the_page_says_so(auditor, choir):
    for user in choir.values():
        if user != choir["compliant"]:
            testing.enrol(user)
    RolePolicy.objects.create(
        role="group:choir", mode=Mode.ENFORCE, strength="any", starts_at=moment(START - DAY)
    )
    assert "Everybody whom a policy in force covers meets it" in text(auditor.client.get(PAGE))


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["compliant", "in_grace", "overdue", "exempt"])
def test_the_list_keeps_those_of_one_status(auditor, row, status):
    assert names(auditor.client.get(PAGE, {"status": status})) == [f"{status}-1"]


@pytest.mark.parametrize("words", ["overdue-", "overdue@example.org", "OVERDUE"])
def test_the_list_is_searched_by_name_and_by_address(auditor, row, words):
    assert names(auditor.client.get(PAGE, {"q": words})) == ["overdue-1"]


def test_whoever_is_spared_is_listed_with_the_reason_and_the_end(auditor, row):
    answer = auditor.client.get(PAGE, {"status": "exempt"})
    (each,) = answer.context["people"]
    assert each["person"].reason == "on tour"
    assert each["person"].until == moment(START + 7 * DAY)


def test_a_policy_is_chosen(auditor, row):
    other = RolePolicy.objects.create(
        role="staff", mode=Mode.ENFORCE, strength="any", starts_at=moment(START)
    )
    assert names(auditor.client.get(PAGE, {"policy": f"row:{other.pk}"})) == ["clerk"]


@pytest.mark.parametrize(
    "query",
    [{"policy": "row:77"}, {"status": "happy"}, {"page": "many"}, {"q": "x" * 999}],
    ids=str,
)
def test_an_address_that_makes_no_sense_is_read_as_none(auditor, row, query):
    assert len(names(auditor.client.get(PAGE, query))) == 4


def test_pages_keep_the_filters(auditor, row, monkeypatch, person):
    monkeypatch.setattr("hardening.admin.compliance.PER_PAGE", 2)
    answer = auditor.client.get(PAGE, {"q": "example.org", "page": "2"})
    assert len(names(answer)) == 2
    assert answer.context["found"] == 4
    assert f"?policy=row%3A{row.pk}&amp;q=example.org&amp;page=1" in answer.content.decode()


def test_a_person_is_linked_for_whoever_may_see_her(auditor, row, choir):
    assert {each["url"] for each in auditor.client.get(PAGE).context["people"]} == {""}
    viewing = Permission.objects.get(codename="view_user")
    auditor.user.user_permissions.add(viewing)
    urls = {each["url"] for each in auditor.client.get(PAGE).context["people"]}
    assert reverse("admin:auth_user_change", args=[choir["overdue"].pk]) in urls


def test_the_page_asks_as_much_for_many_people_as_for_few(auditor, row, person):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert auditor.client.get(PAGE).status_code == 200
        return len(asked)

    queries()
    few = queries()
    group = Group.objects.get()
    for number in range(30):
        person(f"singer-{number}").user.groups.add(group)
    assert queries() == few


# --- the file -------------------------------------------------------------------------------------


def lines(answer):
    body = b"".join(answer.streaming_content).decode()
    return list(csv.reader(StringIO(body)))


def test_the_file_holds_the_list_as_it_is_filtered(auditor, row):
    answer = auditor.client.get(EXPORT, {"status": "overdue"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="compliance-2026-11-21.csv"' in answer.headers["Content-Disposition"]
    head, only = lines(answer)
    assert head == ["Policy", "User", "E-mail address", "Status", "Date"]
    assert only[:4] == ["Group choir", "overdue-1", "overdue@example.org", "Overdue"]
    assert len(lines(auditor.client.get(EXPORT))) == 5
    assert len(lines(auditor.client.get(EXPORT, {"q": "in_grace"}))) == 2


def test_without_a_policy_the_file_has_its_head_only(auditor):
    assert len(lines(auditor.client.get(EXPORT))) == 1


def test_no_cell_begins_as_a_formula_does(auditor, row, person):
    person("@cmd", email="=1+1@example.com").user.groups.add(Group.objects.get())
    cells = [cell for line in lines(auditor.client.get(EXPORT)) for cell in line]
    assert "'@cmd" in cells
    assert "'=1+1@example.com" in cells
    assert not [cell for cell in cells if cell.startswith(STARTS_A_FORMULA)]


@pytest.mark.parametrize("between", [";", "\t", "\n", "; ", "|"])
@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_nor_does_what_another_separator_would_make_a_cell(between, start):
    """A spreadsheet of another language splits lines elsewhere, quotes or none."""
    written = harmless(f"a{between}{start}cmd")
    pieces = re.split(r"[;|\t\n]", written)
    assert not [piece for piece in pieces if piece.strip().startswith(STARTS_A_FORMULA)]


def test_blanks_before_it_do_not_hide_a_formula():
    assert harmless("  =1+1") == "'  =1+1"


@pytest.mark.parametrize("cell", ["", "fan", "a-b", "fan@example.org", "2027-01-01T00:00:00Z"])
def test_what_is_harmless_stays_as_it_is(cell):
    assert harmless(cell) == cell


# --- who may --------------------------------------------------------------------------------------


def test_whoever_may_only_see_compliance_sees_and_exports(auditor, row):
    for page in (PAGE, EXPORT):
        assert auditor.client.get(page).status_code == 200
    assert reverse("admin:hardening_rolepolicy_changelist") in text(auditor.client.get(INDEX))
    assert leads_to(auditor.client.get(LIST), "admin:hardening_rolepolicy_compliance")


def test_and_changes_nothing_and_opens_nothing_else(auditor, row):
    pages = [
        reverse("admin:hardening_rolepolicy_add"),
        reverse("admin:hardening_rolepolicy_change", args=[row.pk]),
        reverse("admin:hardening_rolepolicy_delete", args=[row.pk]),
        reverse("admin:hardening_rolepolicy_history", args=[row.pk]),
        CHANGES,
        reverse("admin:auth_user_changelist"),
    ]
    for page in pages:
        assert auditor.client.get(page).status_code == 403, page
        if page != CHANGES:
            assert auditor.client.post(page, {"post": "yes", "mode": "off"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    auditor.client.post(LIST, bulk)
    assert RolePolicy.objects.get().mode == Mode.ENFORCE


@pytest.mark.parametrize("page", [PAGE, EXPORT])
def test_the_page_only_reads(auditor, row, page):
    assert auditor.client.post(page).status_code == 405


@pytest.mark.parametrize("page", [PAGE, EXPORT])
@pytest.mark.parametrize("codename", ["view_rolepolicy", "change_rolepolicy", "view_user"])
def test_no_other_permission_opens_it(clock, person, row, codename, page):
    assert clerk_with(person, codename).client.get(page).status_code == 403


@pytest.mark.parametrize("page", [PAGE, EXPORT, CHANGES])
def test_who_is_not_of_the_staff_is_sent_to_the_login_page(clock, person, row, page):
    fan = person("fan")
    fan.user.user_permissions.set(Permission.objects.filter(codename="view_compliance"))
    fan.sign_in()
    assert fan.client.get(page).status_code == 302


def test_the_button_stands_on_the_list_for_whoever_may(clock, person, row):
    viewer = clerk_with(person, "view_rolepolicy")
    assert PAGE not in text(viewer.client.get(LIST))
    viewer.user.user_permissions.add(Permission.objects.get(codename="view_compliance"))
    assert PAGE in text(viewer.client.get(LIST))
    assert CHANGES in text(viewer.client.get(LIST))


# --- charts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts",
    [Counts(1, 0, 0, 999_999), Counts(0, 0, 0, 1), Counts(5, 5, 5, 5), Counts(999_997, 1, 1, 1)],
)
def test_a_bar_is_full_and_shows_everybody(counts):
    parts = charts.bar(counts)
    assert sum(int(part.width) for part in parts) == charts.WIDTH
    start = 0
    for part in parts:
        assert int(part.start) == start
        start += int(part.width)
        assert (int(part.width) >= charts.LEAST) == bool(part.count)


def test_a_bar_of_nobody_is_empty():
    assert {part.width for part in charts.bar(Counts())} == {"0"}


@pytest.mark.parametrize(
    "number,total,percent", [(0, 9, 0), (9, 9, 100), (1, 999, 1), (998, 999, 99), (0, 0, 0)]
)
def test_only_nobody_is_nought_and_only_everybody_is_a_hundred_per_cent(number, total, percent):
    assert charts.share(number, total) == percent


def test_a_line_without_days_is_none_and_one_day_is_a_dot():
    assert charts.trend([], days=90) is None
    only = PolicySnapshot(day=date(2027, 1, 1), policy="row:1", members=0, compliant=0)
    assert charts.trend([only], days=90).path == "600,0"
