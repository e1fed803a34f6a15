"""A default manager that hides the deleted: they are out on the next request, wherever they are."""

from __future__ import annotations

import json

from django.core import mail

from hardening.models import ParkedLogin
from hardening.moments import moment
from tests.sites.user_models.any_model import UserModelWithAdmin
from tests.sites.user_models.people import said
from tests.visitor import NOW, leads_to


def delete(visitor):
    """Delete somebody as this site does."""
    visitor.user.deleted_at = moment(NOW)
    visitor.user.save()


class TestAManagerThatHidesTheDeleted(UserModelWithAdmin):
    """Nobody's row ever goes."""

    one_more = True

    def test_a_live_session_is_nobodys_from_the_next_request_on(self, member):
        member.sign_in_fully()
        delete(member)
        assert not member.is_signed_in()
        assert member.get("members").headers["Location"].startswith("/security/login/")

    def test_a_sign_in_that_waits_is_over(self, member):
        member.sign_in()
        delete(member)
        assert member.get("hardening:verify").status_code == 410
        assert member.verify().status_code == 410
        assert ParkedLogin.objects.get().finished_at is not None

    def test_no_mailbox_code_goes_to_the_deleted(self, newcomer):
        newcomer.sign_in()
        delete(newcomer)
        assert newcomer.ask_for_mail() is None
        assert mail.outbox == []

    def test_the_right_password_opens_nothing(self, member):
        delete(member)
        assert member.sign_in().status_code == 400
        assert not member.is_signed_in()

    def test_whoever_is_restored_signs_in_as_before(self, member):
        delete(member)
        member.user.deleted_at = None
        member.user.save()
        assert leads_to(member.sign_in(), "hardening:verify")
        member.verify()
        assert member.is_signed_in()

    def test_operators_reach_the_deleted_and_the_numbers_count_them(self, member):
        delete(member)
        assert "member" in said("hardening_reset", "member", reason="x", noinput=True)
        report = json.loads(said("hardening_status", format="json"))
        assert report["counts"]["active users"] == 1
