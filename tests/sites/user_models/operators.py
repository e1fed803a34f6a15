"""What operators and installers do on every site, whatever its user model: commands and checks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import checks, mail
from django.core.management import CommandError, call_command

from hardening import audit
from hardening.audit import Event
from hardening.core.throttle import SECOND_US
from hardening.flows import attempts
from hardening.models import Factor, RolePolicy
from hardening.moments import moment
from hardening.throttle import locked
from tests.sites.user_models.people import People, said
from tests.visitor import DAY, NOW, leads_to

ROOT = Path(__file__).resolve().parents[3]


def guess(user):
    """Try wrong passwords for somebody from a network that nobody knows."""
    for _ in range(6):
        name = user.get_username()
        attempts.fail(attempts.start(name, address=None, cookie=None, now_us=NOW * SECOND_US))


def link_in(message):
    """Return the match of a link that ends a lock, if the mail holds one."""
    return re.search(r"^http://[^/]+(/\S*/unlock/\S+/)$", message.body, re.MULTILINE)


class Operating(People):
    """Commands, checks, tables, evidence."""

    # --- installing ------------------------------------------------------------------------------

    def test_no_check_complains(self, db):
        assert [found for found in checks.run_checks() if not found.is_silenced()] == []

    def test_our_migrations_want_no_change(self, db):
        call_command("makemigrations", "hardening", check=True, dry_run=True, verbosity=0)

    def test_a_new_site_migrates_from_nothing(self, tmp_path):
        made = tmp_path / "made_migrations"
        made.mkdir()
        (made / "__init__.py").touch()
        run = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.sites.user_models.new_site"],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
                "HARDENING_TESTS_DATABASE": str(tmp_path / "site.sqlite3"),
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr

    # --- commands --------------------------------------------------------------------------------

    def test_a_lock_ends_by_an_operators_word_for_her_name_or_her_key(self, fan):
        for text in (fan.user.get_username(), str(fan.user.pk)):
            guess(fan.user)
            assert fan.sign_in().status_code == 429
            assert "yes" in said("hardening_unlock", text)
            fan.sign_in()
            assert fan.is_signed_in()
            fan.client.logout()
            fan.client.cookies.clear()

    def test_a_lock_ends_by_a_mailed_link(self, fan):
        guess(fan.user)
        fan.post("hardening:unlock", {"username": fan.user.get_username()})
        links = [found[1] for found in map(link_in, mail.outbox) if found]
        assert len(links) == self.has_mailbox
        for link in links:
            assert fan.get(link).status_code == 200
            token = link.removesuffix("/").rpartition("/")[2]
            fan.post("hardening:unlock", {"token": token})
            fan.sign_in()
            assert fan.is_signed_in()

    def test_who_is_locked_is_known_by_the_row_of_the_counter(self, fan):
        guess(fan.user)
        listed = locked.accounts(now_us=NOW * SECOND_US)
        assert [user.pk for user in locked.people(listed)] == [fan.user.pk]

    def test_a_lost_factor_is_reset_by_the_name_she_signs_in_with(self, member):
        member.sign_in_fully()
        name = member.user.get_username()
        assert name in said("hardening_reset", name, reason="lost phone", noinput=True)
        assert not Factor.objects.confirmed().exists()
        assert not member.is_signed_in()
        assert leads_to(member.sign_in(), self.first_step())

    def test_her_sessions_end_by_the_name_she_signs_in_with(self, member, fan):
        member.sign_in_fully()
        fan.sign_in()
        said("hardening_revoke", member.user.get_username())
        assert not member.is_signed_in()
        assert fan.is_signed_in()
        said("hardening_revoke", str(fan.user.pk))
        assert not fan.is_signed_in()
        fan.sign_in()
        assert "2 signed out" in said("hardening_revoke", role="everyone", noinput=True)
        assert not fan.is_signed_in()

    def test_a_ticket_by_name_opens_the_enrolment(self, newcomer):
        ticket = said("hardening_ticket", newcomer.user.get_username())
        newcomer.sign_in()
        assert leads_to(newcomer.use_ticket(ticket), "hardening:enrol")
        newcomer.enrol()
        assert newcomer.is_signed_in()

    def test_a_name_that_nobody_has_is_said_plainly(self, member):
        with pytest.raises(CommandError, match="no user has the name"):
            said("hardening_reset", "somebody-else", reason="lost phone", noinput=True)

    def test_the_status_counts_members_and_factors(self, fan, newcomer, member):
        report = json.loads(said("hardening_status", format="json"))
        (policy,) = [row for row in report["policies"] if row["role"] == self.role]
        assert (policy["members"], policy["without_factor"]) == (2, 1)
        assert report["counts"]["active users"] == 3
        assert report["counts"]["with a second factor"] == 1

    def test_pruning_takes_what_is_over(self, member, clock):
        member.sign_in()
        clock.shift(3 * DAY)
        assert "sign-ins: 1" in said("hardening_prune")

    def test_rekeying_finds_nothing_sealed_for_somebody_else(self, newcomer):
        newcomer.sign_in()
        self.prove(newcomer)
        newcomer.enrol()
        assert "Sealed anew: 0" in said("hardening_rekey")

    # --- policies --------------------------------------------------------------------------------

    @pytest.mark.parametrize("role", ["everyone", "no-such-role"])
    def test_a_policy_for_everybody_covers_the_fan(self, fan, role):
        fan.sign_in()
        assert fan.is_signed_in()
        RolePolicy.objects.create(role=role, mode="enforce", starts_at=moment(NOW - DAY))
        assert leads_to(fan.get("members"), self.first_step())

    # --- evidence --------------------------------------------------------------------------------

    def test_events_name_her_by_her_key(self, member, fan):
        fan.sign_in()
        member.sign_in_fully()
        told = audit.recent(member.user, 10)
        assert [event.event for event in told] == [
            Event.LOGIN_COMPLETED,
            Event.PROOF_ACCEPTED,
            Event.LOGIN_PARKED,
        ]
        assert {event.target_pk for event in told} == {str(member.user.pk)}
        assert {event.target_name for event in told} == {member.user.get_username()}
