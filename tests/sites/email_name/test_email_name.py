"""The e-mail address as the name: in pages, mails, the authenticator's app, and commands."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from tests.sites.user_models.any_model import UserModelWithAdmin
from tests.sites.user_models.people import said
from tests.visitor import PASSWORD, address, leads_to


class TestAnAddressAsTheName(UserModelWithAdmin):
    """Nobody has a user name."""

    def make(self, name, **fields):
        return get_user_model().objects.create_user(f"{name}@example.com", PASSWORD, **fields)

    def test_the_login_page_asks_for_an_address(self, fan):
        form = fan.get("hardening:login").context["form"]
        assert form.fields["username"].label == "Email"

    def test_the_authenticator_is_labelled_with_her_address(self, newcomer):
        newcomer.sign_in()
        self.prove(newcomer)
        newcomer.post("hardening:enrol")
        page = unquote(newcomer.get("hardening:enrol_totp").content.decode())
        assert "newcomer@example.com" in page

    def test_a_page_for_whoever_waits_shows_no_more_than_the_first_letter(self, newcomer):
        newcomer.sign_in()
        page = newcomer.get("hardening:mailbox").content.decode()
        assert "n•••@example.com" in page
        assert "newcomer@example.com" not in page

    def test_the_code_goes_to_the_name(self, newcomer):
        newcomer.sign_in()
        newcomer.ask_for_mail()
        assert mail.outbox[-1].to == ["newcomer@example.com"]

    @pytest.mark.parametrize("typed", ["member@example.com", "MEMBER@Example.com"])
    def test_commands_take_the_address_however_it_is_typed(self, member, typed):
        assert "member@example.com" in said("hardening_reset", typed, reason="x", dry_run=True)

    def test_a_new_address_proves_nothing_for_a_week(self, fan):
        """The name changed with it; the proof still goes to the address from before."""
        fan.sign_in()
        fan.user.email = "thief@example.org"
        fan.user.save()
        self.grant(fan.user)
        assert leads_to(fan.get("members"), "hardening:mailbox")
        fan.ask_for_mail()
        assert mail.outbox[-1].to == ["fan@example.com"]
        assert fan.client.get(address("hardening:mailbox")).status_code == 200
