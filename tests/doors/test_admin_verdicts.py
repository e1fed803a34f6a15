"""The admin's list of users: whose password is in a leaked list, for whoever may know.

A list of people with bad passwords is a target list, so without the permission there is no column,
no filter, and nothing in the address that sorts or filters by it.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AbstractUser, Permission, User
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.urls import reverse

from hardening import testing
from hardening.admin.users import PasswordVerdictFilter
from hardening.models.verdicts import VERDICT, count_verdicts, with_verdicts
from tests.verdicts import note

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]

WORDS = {
    "hit": "Leaked",
    "clean": "In no list",
    "none": "Not looked up",
}


@pytest.fixture(autouse=True)
def _more_doors(settings):
    """Stand on a site with a second admin, in place of this folder's."""
    settings.ROOT_URLCONF = "tests.host.office"


def clerk_with(person, *codenames):
    """Return somebody of the staff who may look at users, and has these permissions besides."""
    visitor = person("clerk", is_staff=True)
    names = ("view_user", *codenames)
    visitor.user.user_permissions.set(Permission.objects.filter(codename__in=names))
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def trusted(clock, person):
    """Return an operator who may see verdicts."""
    return clerk_with(person, "view_password_verdict")


@pytest.fixture
def clerk(clock, person):
    """Return an operator who may see users, and no verdicts."""
    return clerk_with(person)


@pytest.fixture
def people(clock, person):
    """Return a person of each verdict, and one whose verdict is on an older password."""
    found = {verdict: person(f"{verdict}-1").user for verdict in WORDS}
    for verdict in ("hit", "clean"):
        note(found[verdict], verdict)
    found["older"] = person("older").user
    note(found["older"], "hit")
    found["older"].set_password("nine copper kettles on a shelf")
    User.objects.filter(pk=found["older"].pk).update(password=found["older"].password)
    return found


def listed(visitor, **query):
    """Return the list of users as operators see it; `None` where it is refused."""
    answer = visitor.client.get(reverse("office:auth_user_changelist"), query, follow=True)
    assert answer.status_code == 200
    return answer


def shown(visitor, **query):
    """Return who is on the list, by name, and what its column says of each."""
    changelist = listed(visitor, **query).context["cl"]
    column = changelist.model_admin.password_verdict
    return {user.username: column(user) for user in changelist.result_list}


def test_the_column_says_what_was_found_of_each_password(trusted, people):
    said = shown(trusted)
    assert {name: str(words) for name, words in said.items()} == {
        "clerk": "Not looked up",
        "hit-1": "Leaked",
        "clean-1": "In no list",
        "none-1": "Not looked up",
        "older": "Not looked up",
    }
    page = listed(trusted).content.decode()
    for words in WORDS.values():
        assert f'<td class="field-password_verdict">{words}</td>' in page


@pytest.mark.parametrize(
    "chosen,names",
    [
        ("hit", {"hit-1"}),
        ("clean", {"clean-1"}),
        ("none", {"none-1", "older", "clerk"}),
    ],
)
def test_the_filter_keeps_those_of_one_verdict(trusted, people, chosen, names):
    assert set(shown(trusted, leaked_password=chosen)) == names


def test_the_filter_counts_and_sorts_as_djangos_own_do(trusted, people):
    facets = listed(trusted, _facets="True").content.decode()
    assert "Leaked (1)" in facets
    assert "Not looked up (3)" in facets
    column = len(listed(trusted).context["cl"].list_display) - 1
    said = list(shown(trusted, o=f"-{column}.1").values())
    assert said[:2] == [WORDS["hit"], WORDS["clean"]]
    assert list(shown(trusted, leaked_password="no-such")) == []


def test_without_the_permission_there_is_no_column_and_no_filter(clerk, people):
    page = listed(clerk)
    changelist = page.context["cl"]
    assert "password_verdict" not in changelist.list_display
    assert PasswordVerdictFilter not in changelist.list_filter
    assert "verdict" not in page.content.decode()
    assert "leaked" not in page.content.decode()
    assert WORDS["hit"] not in page.content.decode()
    assert set(shown(clerk).values()) == {None}


@pytest.mark.parametrize(
    "query",
    [
        {"leaked_password": "hit"},
        {"leaked_password__exact": "hit"},
        {VERDICT: "hit"},
        {f"{VERDICT}__exact": "hit"},
    ],
    ids=str,
)
def test_nor_does_an_address_filter_by_it(clerk, people, query):
    answer = clerk.client.get(reverse("office:auth_user_changelist"), query)
    assert answer.headers["Location"].endswith("?e=1")


@pytest.mark.parametrize("name", ["+__password_verdict", "account__password_verdict"])
def test_nor_by_way_of_our_rows(clerk, people, name):
    answer = clerk.client.get(reverse("office:auth_user_changelist"), {name: "hit"})
    assert answer.status_code == 400 or answer.headers["Location"].endswith("?e=1")


def test_nor_does_an_address_sort_by_it(clerk, trusted_order, people):
    assert list(shown(clerk, o=trusted_order)) == list(shown(clerk))


@pytest.fixture
def trusted_order(clerk):
    """Return how an address would sort by the column if there was one."""
    return f"-{len(listed(clerk).context['cl'].list_display)}"


def test_a_host_that_lists_the_column_itself_shows_nothing_to_whoever_may_not_know(clerk, people):
    changelist = listed(clerk).context["cl"]
    assert changelist.model_admin.password_verdict(people["hit"]) is None


def test_the_permission_counts_and_not_that_somebody_may_change_users(clock, person, people):
    editor = clerk_with(person, "change_user", "delete_user", "view_account")
    assert set(shown(editor).values()) == {None}


def test_a_longer_list_takes_no_more_queries_and_the_column_none_of_its_own(trusted, person):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            listed(trusted)
        return len(asked)

    listed(trusted)
    few = queries()
    for number in range(12):
        note(person(f"fan-{number}").user)
    assert queries() == few
    seeing = Permission.objects.get(codename="view_password_verdict")
    trusted.user.user_permissions.remove(seeing)
    assert queries() == few


def test_actions_still_act_on_those_chosen(clock, person, people):
    operator = person("operator", is_staff=True, is_superuser=True)
    testing.login(operator.client, operator.user)
    chosen = {"action": "demand_password_change", "_selected_action": [people["hit"].pk]}
    query = "?leaked_password=hit"
    answer = operator.client.post(
        reverse("office:auth_user_changelist") + query, chosen, follow=True
    )
    assert "1 person must now set a new password." in answer.content.decode()


@isolate_apps("tests")
def test_a_site_that_keeps_no_passwords_has_no_verdicts():
    class Guest(AbstractUser):
        password = None
        groups = user_permissions = None

        class Meta:
            app_label = "tests"

    sql = str(with_verdicts(models.QuerySet(Guest)).query)
    assert "hardening_account" not in sql
    assert VERDICT in sql
    assert count_verdicts(models.QuerySet(Guest)) == {}
