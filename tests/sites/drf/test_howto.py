"""docs/howto/drf.md: every block of it is run by this folder, and its table is the truth."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from hardening import testing
from tests.howto import PAGES, block
from tests.sites.drf.people_table import PEOPLE, STAFF

RUN_HERE = {
    "Switch it on",  # settings
    "A model that keeps the evidence",  # models
    "A view that makes such tokens",  # views
    "Other authentication packages",  # views
}
ROWS = {
    "covered by no policy, no factor": ("fan",),
    "covered by a policy that is due, no factor": ("mandated",),
    "has a factor, not proven": ("mandated, with a factor", "of her own accord"),
    "in grace, or only reported": ("in grace", "only reported"),
    "must change the password": ("must change the password",),
}
TEXT = (PAGES / "drf.md").read_text(encoding="utf-8")


def test_every_python_block_of_the_page_is_run_by_this_site():
    sections = re.split(r"^#+ (.+)$", TEXT, flags=re.MULTILINE)[1:]
    with_code = {
        heading
        for heading, body in zip(sections[::2], sections[1::2], strict=True)
        if "```python" in body
    }
    assert with_code == RUN_HERE


@pytest.mark.parametrize("row, people", ROWS.items())
def test_the_table_says_what_a_request_without_a_session_comes_to(row, people):
    (cell,) = re.findall(rf"^\| {re.escape(row)} \|.*\| ([^|]+) \|$", TEXT, re.MULTILINE)
    known = {who.name: who for who in PEOPLE}
    for name in people:
        code = f" `{known[name].code}`" if known[name].code else ""
        assert cell == f"{known[name].status}{code}"


@pytest.mark.django_db
def test_the_answer_shown_is_the_answer(person, asking):
    user = person("robin", **STAFF).user
    testing.enrol(user)
    shown = json.loads(block("drf", "What a program is answered", "json"))
    assert asking(user, "basic").get("/api/basic/").json() == shown


@pytest.mark.django_db
def test_reports_are_for_whom_the_decision_lets_pass(person):
    person("fan")
    person("robin", **STAFF)
    answers = {
        name: Client(headers={"accept": "application/json", "x-signed": name}).get("/api/reports/")
        for name in ("fan", "robin")
    }
    assert answers["fan"].json() == {"reports": []}
    assert answers["robin"].json()["code"] == "mailbox_required"


@pytest.mark.django_db
def test_a_token_that_is_logged_is_logged_when_it_has_passed(person, asking, caplog):
    with caplog.at_level("INFO", "tests.sites.drf"):
        assert asking(person("fan").user, "token").get("/api/logged/").status_code == 200
        assert asking(person("robin", **STAFF).user, "token").get("/api/logged/").status_code == 401
    assert len(re.findall("token used by", caplog.text)) == 1
