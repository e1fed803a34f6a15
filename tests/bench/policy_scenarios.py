"""What an operator opens and cron runs on a site with very many people.

Each scenario is a function that prepares a run and returns it; only the run is timed. Pages are
opened by a superuser with a factor and a fresh proof, through the whole site.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from hardening import testing
from hardening.admin.preview import CONFIRM
from hardening.flows import preview, reminders, snapshots
from hardening.models import PolicySnapshot, RolePolicy
from hardening.moments import moment
from hardening.policies import DAY_SECONDS
from tests.bench.crew.roles import MANAGERS

PASSWORD = "a pond of orange lanterns"
PER_PAGE = 100
LOGIN, VERIFY = "/security/login/", "/security/verify/"
POLICIES, USERS = "/office/hardening/rolepolicy/", "/office/auth/user/"
FORM = {
    "starts_at_0": "2026-01-01",
    "starts_at_1": "08:00:00",
    "mode": "enforce",
    "strength": "any",
    "grace_days": "0",
    "new_account_days": "0",
    "remembered_days": "0",
    "first_enrolment": "mailbox",
    "breached_passwords": "off",
}
SEAL = re.compile(rf'name="{CONFIRM}" value="([^"]+)"')
Run = Callable[[], object]


class WrongAnswerError(Exception):
    """Something else came back than what was to be measured."""


class Site:
    """The site, its policies by role, and who is signed in."""

    def __init__(self, rows: dict[str, RolePolicy], people: int) -> None:
        """Make an operator, a fan and somebody with a factor, and sign the operator in."""
        self.rows, self.people = rows, people
        self.boss = User.objects.create_superuser("boss", "boss@example.com", PASSWORD)
        self.fan = User.objects.create_user("fan", "fan@example.com", PASSWORD)
        self.armed = User.objects.create_user("armed", "armed@example.com", PASSWORD, is_staff=True)
        testing.enrol(self.armed)
        self.client = Client()
        testing.login(self.client, self.boss)

    def refresh(self) -> None:
        """Sign the operator in anew: a proof lasts five minutes."""
        self.client = Client()
        testing.login(self.client, self.boss)

    def open(self, path: str, proof: str) -> None:
        """Open a page.

        Raises:
            WrongAnswerError: If it does not say `proof`.
        """
        look(self.client.get(path), proof)

    def key(self, role: str) -> str:
        """Return what the compliance page calls the policy on a role."""
        return f"row:{self.rows[role].pk}"

    @property
    def last_page(self) -> int:
        """The number of the last page of everybody who is active, or one before it."""
        return max(1, self.people * 9 // 10 // PER_PAGE)


def look(answer: Any, proof: str, status: int = 200) -> Any:
    """Return an answer that is the one that is meant.

    Raises:
        WrongAnswerError: If it is not.
    """
    if answer.status_code != status or proof not in answer.content.decode():
        message = f"{answer.status_code} {answer.headers.get('Location')}, not {proof!r}"
        raise WrongAnswerError(message)
    return answer


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that is measured, and its limits; `None`: none.

    `grows`: its work is a piece for each person, so its queries may grow with them.
    """

    name: str
    label: str
    prepare: Callable[[Site], Run]
    seconds: float | None = 2.0
    written: int | None = None
    grows: bool = False


# --- how each is run ---------------------------------------------------------------------------


def page(path: str, proof: str) -> Callable[[Site], Run]:
    """Open a page of the admin; the path may name policies and the last page."""

    def prepare(site: Site) -> Run:
        named = {
            "everyone": site.key("everyone"),
            "editors": site.key("group:editors"),
            "last": site.last_page,
            "middle": max(1, site.last_page // 2),
            "name": User.objects.get(pk=1).username,
        }
        return lambda: site.open(path.format(**named), proof)

    return prepare


def previewed(role: str, **more: str) -> Callable[[Site], Run]:
    """Send the form of the policy on a role, new or changed, up to the preview."""

    def prepare(site: Site) -> Run:
        row = site.rows.get(role)
        path = f"{POLICIES}{row.pk}/change/" if row else f"{POLICIES}add/"
        form = {**FORM, "role": role, **more}
        return lambda: look(site.client.post(path, form), "Nothing is saved yet")

    return prepare


def preview_alone(site: Site) -> Run:
    """Ask for the preview as the page does, without the page."""
    now = int(time.time())
    wanted = RolePolicy(role="everyone", mode="enforce", starts_at=moment(now - DAY_SECONDS))
    return lambda: preview.preview(wanted, editor=site.boss, now=now)


def edit(site: Site) -> Run:
    """Save a policy that was looked at: enforced today, only reporting at the next time."""
    site.refresh()
    row = RolePolicy.objects.get(role="everyone")
    path, mode = f"{POLICIES}{row.pk}/change/", "report" if row.mode == "enforce" else "enforce"
    form = {**FORM, "role": "everyone", "mode": mode, "grace_days": "365"}
    seen = look(site.client.post(path, form), CONFIRM).content.decode()
    seal = SEAL.search(seen)[1]
    return lambda: look(site.client.post(path, {**form, CONFIRM: seal}), "", 302)


def login(site: Site) -> Run:
    """Sign a fan in who owes nothing."""
    form = {"username": site.fan.username, "password": PASSWORD}
    return lambda: look(Client().post(LOGIN, form), "", 302)


def login_with_factor(site: Site) -> Run:
    """Sign somebody in by password and code."""
    site.armed.refresh_from_db()
    testing.Factor.objects.owned(site.armed.pk).update(last_step=-1)
    client, form = Client(), {"username": site.armed.username, "password": PASSWORD}

    def run() -> None:
        look(client.post(LOGIN, form), "", 302)
        look(client.post(VERIFY, {"code": testing.code_for(site.armed)}), "", 302)

    return run


def command(name: str, **options: Any) -> Callable[[Site], Run]:
    """Run a management command."""
    return lambda _site: lambda: call_command(name, stdout=StringIO(), stderr=StringIO(), **options)


def counted_today(_site: Site) -> Run:
    """Take the counts of the day, as the daily job does."""
    now = int(time.time())
    PolicySnapshot.objects.filter(day=moment(now).date()).delete()
    return lambda: snapshots.take(now=now)


def selected(_site: Site) -> Run:
    """Find out how many people a run of reminders looks at."""
    return lambda: reminders.total(now=int(time.time()))


# --- another process ---------------------------------------------------------------------------


def seen_elsewhere(site: Site) -> dict[str, Any]:
    """Enforce a policy here; return what a process that held the old one answers before and after.

    ``{"before", "after": status of the fan's request}``; it is the next request that is asked for.
    """
    RolePolicy.objects.filter(role="everyone").update(mode="report", grace_days=0)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.onlooker", site.fan.username],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        before = other.stdout.readline().strip()
        RolePolicy.objects.filter(role="everyone").update(mode="enforce")
        other.stdin.write("again\n")
        other.stdin.flush()
        after = other.stdout.readline().strip()
        other.stdin.close()
    return {"before": before, "after": after}


LIST = POLICIES + "compliance/?policy={everyone}"
SCENARIOS = (
    Scenario("preview_page", "Preview page: everybody, enforced", previewed("everyone")),
    Scenario("preview_group", "Preview page: a group", previewed("group:subscribers")),
    Scenario(
        "preview_own",
        "Preview page: a role by a table of the site's own",
        previewed(MANAGERS, grace_days="1"),
    ),
    Scenario("preview", "Preview alone: everybody, enforced", preview_alone),
    Scenario("compliance", "Compliance page", page(POLICIES + "compliance/", "Compliance")),
    Scenario(
        "compliance_status",
        "Compliance page: overdue only",
        page(LIST + "&status=overdue", "Overdue"),
    ),
    Scenario(
        "compliance_exempt",
        "Compliance page: exempt only, of a group",
        page(POLICIES + "compliance/?policy={editors}&status=exempt", "Exempt"),
    ),
    Scenario("compliance_search", "Compliance page: by name", page(LIST + "&q={name}", "")),
    Scenario(
        "compliance_middle", "Compliance page: in the middle", page(LIST + "&page={middle}", "")
    ),
    Scenario("compliance_late", "Compliance page: near the end", page(LIST + "&page={last}", "")),
    Scenario("report", "hardening_report", command("hardening_report")),
    Scenario("snapshot", "Counts of the day (hardening_prune)", counted_today),
    Scenario("remind_total", "hardening_remind: how many to look at", selected),
    Scenario(
        "remind",
        "hardening_remind --dry-run: a look at each in grace",
        command("hardening_remind", dry_run=True),
        seconds=None,
        grows=True,
    ),
    Scenario("edit", "Policy edit: the confirmed form", edit, written=8),
    Scenario("login", "Sign-in, password alone", login),
    Scenario("login_factor", "Sign-in, password and code", login_with_factor),
    Scenario("users", "List of users, with columns", page(USERS, "Deadline")),
    Scenario("users_late", "List of users: near the end", page(USERS + "?p={last}", "Deadline")),
    Scenario(
        "users_without", "List of users: no second factor", page(USERS + "?second_factor=no", "")
    ),
    Scenario(
        "users_overdue", "List of users: overdue", page(USERS + "?factor_deadline=overdue", "")
    ),
    Scenario(
        "users_nothing", "List of users: nothing due", page(USERS + "?factor_deadline=none", "")
    ),
)
