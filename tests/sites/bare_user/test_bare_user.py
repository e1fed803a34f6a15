"""Next to nothing on the user model: no permissions, no flags, no address, no admin."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.core import mail
from django.test import override_settings

from hardening import facts, roles
from hardening.checks import configuration
from tests.sites.user_models.any_model import AnyUserModel
from tests.sites.user_models.people import said
from tests.visitor import PASSWORD, leads_to


class TestABareUser(AnyUserModel):
    """A ticket takes the place of the mailbox, a role of the site's own that of the flags."""

    has_mailbox = False
    role = "crew"

    def make(self, name, **fields):
        return get_user_model().objects.create_user(name, PASSWORD, **fields)

    def grant(self, user):
        user.in_crew = True
        user.save()

    def test_a_newcomer_is_told_where_to_get_a_ticket(self, newcomer):
        newcomer.sign_in()
        page = newcomer.get("hardening:ticket")
        assert page.status_code == 200
        assert "hardening_ticket" in page.content.decode()
        assert "e-mail address instead" not in page.content.decode()

    def test_the_mailbox_page_leads_to_the_ticket_and_mails_nobody(self, newcomer):
        newcomer.sign_in()
        assert leads_to(newcomer.get("hardening:mailbox"), "hardening:ticket")
        assert newcomer.ask_for_mail() is None
        assert mail.outbox == []

    def test_an_operator_resets_a_lost_factor_without_a_mail(self, member):
        said("hardening_reset", "member", reason="lost phone", noinput=True)
        assert mail.outbox == []
        assert leads_to(member.sign_in(), "hardening:ticket")

    def test_roles_that_need_a_field_she_does_not_have_are_unknown(self, db):
        for key in ("staff", "superuser", "group:editors", "perm:auth.change_user"):
            assert roles.find(key) is None, key
        assert [key for key, _label in roles.choices()] == ["everyone", "crew"]

    @override_settings(HARDENING={})
    def test_the_default_floor_covers_everybody_and_a_check_says_so(self, fan):
        found = list(configuration.floor_names_known_roles())
        assert [message.id for message in found] == ["hardening.E008"] * 2
        assert facts.fresh(fan.user).member_of == {"staff", "superuser"}
        assert leads_to(fan.sign_in(), "hardening:ticket")
