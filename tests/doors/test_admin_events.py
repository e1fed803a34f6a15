"""Security events in the admin: plotted, filtered, read, taken as a file, changed by nobody."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardening import audit, testing
from hardening.admin import events as pages
from hardening.admin import plots
from hardening.admin.event_filters import PERIODS, SERIES, Chosen
from hardening.audit import Event, Where
from hardening.flows import sealing
from hardening.models import SecurityEvent
from hardening.policies import DAY_SECONDS
from tests.doors.conftest import START
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db

LIST = reverse("admin:hardening_securityevent_changelist")
EXPORT = reverse("admin:hardening_securityevent_export")
HOUR = 3600


def page_of(row):
    return reverse("admin:hardening_securityevent_change", args=[row.pk])


@pytest.fixture
def auditor(clock, person):
    """Return a browser of somebody who may see events and nothing else."""
    visitor = person("auditor", is_staff=True)
    wanted = Permission.objects.filter(codename="view_securityevent")
    visitor.user.user_permissions.set(wanted)
    testing.login(visitor.client, visitor.user)
    SecurityEvent.objects.all().delete()
    return visitor


@pytest.fixture
def fan(person):
    return person("fan").user


def note(event=Event.LOGIN_COMPLETED, ago=60, **said):
    audit.record(event, now=START - ago, **said)
    return SecurityEvent.objects.latest("pk")


def listed(answer):
    return [row.pk for row in answer.context["events"]]


# --- who may --------------------------------------------------------------------------------------


def test_the_pages_take_the_permission_to_view_events(clock, person):
    row = note()
    visitor = person("clerk", is_staff=True)
    testing.login(visitor.client, visitor.user)
    assert [visitor.client.get(path).status_code for path in (LIST, EXPORT, page_of(row))] == [
        403
    ] * 3


def test_nobody_changes_an_event_not_even_a_superuser(clock, person):
    row = note()
    visitor = person("root", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    client = visitor.client
    assert client.get(LIST).status_code == 200
    for path in (LIST, page_of(row), EXPORT):
        assert client.post(path, {"event": "login:cancel:done"}).status_code == 405
    for path in (f"{LIST}add/", f"{LIST}{row.pk}/delete/", f"{LIST}{row.pk}/history/"):
        assert client.get(path).status_code == 404
    index = client.get(reverse("admin:index")).content.decode()
    assert LIST in index
    assert f"{LIST}add/" not in index


# --- the list -------------------------------------------------------------------------------------


def test_events_are_listed_newest_first(auditor):
    first, second = note(), note()
    answer = auditor.client.get(LIST)
    assert listed(answer) == [second.pk, first.pk]
    assert "2 events." in re.sub(r"\s+", " ", answer.content.decode())


@pytest.mark.parametrize(
    "query, found",
    [
        ({}, "abcdef"),
        ({"period": "1"}, "abcde"),
        ({"period": "90"}, "abcdefg"),
        ({"period": "nonsense"}, "abcdef"),
        ({"since": "2026-11-01", "until": "2026-11-20"}, "fg"),
        ({"since": "2026-11-21"}, "abcde"),
        ({"until": "2026-11-10"}, "g"),
        ({"since": "nonsense"}, "abcdef"),
        ({"until": "9999-12-31"}, "abcdef"),
        ({"since": "0001-01-01"}, "abcdef"),
        ({"subject": "login"}, "abcef"),
        ({"outcome": "refused"}, "d"),
        ({"subject": "login", "outcome": "refused"}, ""),
        ({"subject": "nonsense"}, "abcdef"),
        ({"series": "completed"}, "abf"),
        ({"series": "failed"}, "cd"),
        ({"series": "would_be_stopped"}, "b"),
        ({"series": "completed", "subject": "factor"}, ""),
        ({"account": "fan"}, "dab"),
        ({"account": " fan "}, "dab"),
        ({"account": "fa"}, ""),
        ({"actor": "auditor"}, "e"),
        ({"address": "192.0.2.7"}, "b"),
        ({"address": "192.0.2"}, ""),
        ({"request": "one"}, "ab"),
    ],
    ids=str,
)
def test_the_filters(auditor, fan, query, found):
    day = DAY_SECONDS
    rows = {
        "a": note(user=fan, where=Where(request_id="one")),
        "b": note(
            user=fan,
            where=Where("192.0.2.7", request_id="one"),
            data={"would_be_stopped": ["staff"]},
        ),
        "c": note(Event.LOGIN_FAILURES),
        "d": note(Event.PROOF_REFUSED, user=fan),
        "e": note(Event.LOGIN_PARKED, actor=auditor.user),
        "f": note(ago=3 * day),
        "g": note(Event.FACTOR_ADDED, ago=15 * day),
    }
    answer = auditor.client.get(LIST, query)
    by_key = {row.pk: name for name, row in rows.items()}
    assert {by_key[pk] for pk in listed(answer)} == set(found)


def test_the_events_of_somebody_renamed_are_found_by_her_name_of_today(auditor, fan):
    row = note(user=fan)
    fan.username = "renamed"
    fan.save()
    assert listed(auditor.client.get(LIST, {"account": "renamed"})) == [row.pk]


def test_filters_survive_paging(auditor, monkeypatch):
    monkeypatch.setattr(pages, "PER_PAGE", 2)
    for _ in range(5):
        note(Event.LOGIN_PARKED)
    note()
    answer = auditor.client.get(LIST, {"subject": "login", "outcome": "done", "page": 3})
    assert len(listed(answer)) == 2
    assert "subject=login&amp;outcome=done&amp;page=2" in answer.content.decode()


def test_what_strangers_typed_is_text_on_the_page(auditor):
    note(where=Where("<b>192", device="<i>x"))
    body = auditor.client.get(LIST).content.decode()
    assert "<b>192" not in body
    assert "&lt;i&gt;x" in body


def test_the_page_asks_as_many_questions_whatever_there_is(auditor):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            auditor.client.get(LIST)
        return sum("securityevent" in one["sql"] for one in queries)

    note()
    first = asked()
    for _ in range(30):
        note()
    assert asked() == first == 4


# --- plots ----------------------------------------------------------------------------------------


def test_each_series_counts_its_events(auditor):
    note(data={"would_be_stopped": ["staff"]})
    note()
    note(Event.LOGIN_PARKED)
    note(Event.SESSION_PARKED)
    note(Event.LOGIN_THROTTLED)
    note(Event.PROOF_REFUSED)
    counted = {"tries": 50, "failures": 40, "known_browsers": 2}
    note(Event.LOGIN_FAILURES, data=counted)
    note(Event.FACTOR_ADDED)
    answer = auditor.client.get(LIST)
    assert {one.name: one.total for one in answer.context["plots"]} == {
        "completed": 2,
        "failed": 43,
        "refused": 1,
        "challenged": 2,
        "would_be_stopped": 1,
    }


@pytest.mark.parametrize("days", [int(days) for days in PERIODS])
def test_what_happened_stands_in_the_bar_of_its_time(auditor, days):
    width = plots.BARS[days]
    for ago in (0, width, 3 * width):
        note(ago=ago)
    note(ago=days * DAY_SECONDS + width)
    drawn = plots.plots(days, now=START)[0]
    counts = [bar.count for bar in drawn.bars]
    assert len(counts) == days * DAY_SECONDS // width
    assert counts[-4:] == [1, 0, 1, 1]
    assert sum(counts) == 3
    assert drawn.bars[-1].at.timestamp() <= START < drawn.bars[-1].at.timestamp() + width


def test_a_bar_of_one_beside_a_bar_of_thousands_is_seen(auditor):
    note(Event.LOGIN_FAILURES, data={"failures": 100_000, "known_browsers": 0})
    note(Event.LOGIN_FAILURES, ago=6 * HOUR + 60, data={"failures": 1, "known_browsers": 0})
    drawn = next(one for one in plots.plots(7, now=START) if one.name == "failed")
    assert [bar.height for bar in drawn.bars if bar.count] == [str(plots.LEAST), str(plots.HEIGHT)]


def test_counts_that_say_nothing_count_nothing(auditor):
    note(Event.LOGIN_FAILURES)
    drawn = next(one for one in plots.plots(7, now=START) if one.name == "failed")
    assert drawn.total == 0


def test_a_plot_is_told_in_words_and_has_its_numbers_beside_it(auditor):
    note()
    body = auditor.client.get(LIST).content.decode()
    assert "<desc" in body
    assert "1 altogether, at most 1 in one bar." in body
    assert "None in this period." in body
    assert body.count("<tr>") >= 28
    patterns = set(re.findall(r'<pattern id="hardening-pattern-(\w+)"', body))
    assert patterns == set(SERIES) - {"completed"}


def test_a_plot_leads_to_its_events(auditor):
    row = note(Event.LOGIN_PARKED)
    note()
    body = auditor.client.get(LIST, {"period": "30"}).content.decode()
    link = "?period=30&amp;series=challenged"
    assert link in body
    assert listed(auditor.client.get(LIST + link.replace("&amp;", "&"))) == [row.pk]


# --- one event ------------------------------------------------------------------------------------


def test_one_event_is_shown_whole(auditor, fan):
    row = note(
        user=fan,
        actor=auditor.user,
        reason="staff",
        where=Where("192.0.2.7", "digest", "Firefox on Linux", "one"),
        data={"roles": ["staff", "editor"], "words": "<b>", "count": 3},
    )
    body = auditor.client.get(page_of(row)).content.decode()
    for text in (
        *("login:complete:done", "fan", "auditor", "192.0.2.7", "digest", "Firefox on Linux"),
        *("[&quot;staff&quot;, &quot;editor&quot;]", "&lt;b&gt;", "Not sealed yet"),
    ):
        assert text in body
    sealing.seal(now=START)
    assert "Number 1" in auditor.client.get(page_of(row)).content.decode()


def test_an_event_that_was_altered_says_so(auditor):
    row = note()
    assert "not what was recorded" not in auditor.client.get(page_of(row)).content.decode()
    SecurityEvent.objects.update(reason="another")
    assert "not what was recorded" in auditor.client.get(page_of(row)).content.decode()
    SecurityEvent.objects.update(mac="")  # of an older version: nobody can tell
    assert "not what was recorded" not in auditor.client.get(page_of(row)).content.decode()


@pytest.mark.parametrize("key", ["0", "9" * 30, "x", "-1", "1/2"])
def test_no_such_event_is_not_found(auditor, key):
    assert auditor.client.get(f"{LIST}{key}/change/").status_code == 404


# --- the file -------------------------------------------------------------------------------------


def body_of(answer):
    return b"".join(answer.streaming_content).decode()


def test_the_file_holds_what_was_chosen_oldest_first(auditor, fan):
    rows = [note(user=fan), note(user=fan, data={"why": ["x"]})]
    note()
    answer = auditor.client.get(EXPORT, {"account": "fan", "format": "jsonl"})
    said = [json.loads(line) for line in body_of(answer).splitlines()]
    assert [one["id"] for one in said] == [row.pk for row in rows]
    assert 'filename="events-2026-11-21.jsonl"' in answer["Content-Disposition"]
    answer = auditor.client.get(EXPORT, {"account": "fan", "format": "csv"})
    heads, *lines = csv.reader(StringIO(body_of(answer)))
    assert [line[0] for line in lines] == [str(row.pk) for row in rows]
    assert dict(zip(heads, lines[1], strict=True))["data"] == '{"why": ["x"]}'


def test_taking_events_away_is_an_event(auditor):
    auditor.client.get(EXPORT, {"account": "fan", "format": "csv"})
    row = SecurityEvent.objects.get(event="people:export:done")
    assert row.actor_name == "auditor"
    assert row.data == {"events": {"period": "7", "account": "fan"}}


def test_no_cell_of_the_file_is_a_formula(auditor, fan):
    fan.username = "=cmd"
    note(user=fan)
    _, line, _ = csv.reader(StringIO(body_of(auditor.client.get(EXPORT, {"format": "csv"}))))
    assert "'=cmd" in line


def test_the_file_needs_a_fresh_proof(auditor, clock):
    note()
    clock.shift(301)
    answer = auditor.client.get(EXPORT)
    assert leads_to(answer, "hardening:step_up")
    assert auditor.client.get(LIST).status_code == 200


# --- from a person's page -------------------------------------------------------------------------


def test_a_persons_page_leads_to_her_events(settings, clock, person, fan):
    settings.ROOT_URLCONF = "tests.host.office"
    path = reverse("office:hardening_securityevent_changelist")
    visitor = person("root", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    row = note(user=fan)
    note(user=visitor.user)
    body = visitor.client.get(reverse("office:auth_user_change", args=[fan.pk])).content.decode()
    (link,) = re.findall(rf'href="({path}[?][^"]*)"', body)
    assert link.replace("&amp;", "&") == f"{path}?period=90&account={fan.pk}"
    assert listed(visitor.client.get(link.replace("&amp;", "&"))) == [row.pk]


def test_nothing_chosen_is_the_last_week():
    assert Chosen({}).address_of_list == "period=7"
