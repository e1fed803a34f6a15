"""Tenants: somebody of another tenant is never loaded, by a session, a handle or a name."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import CommandError
from django.db.models import Q

from hardening import facts, roles, testing
from hardening.models import Factor, RolePolicy
from hardening.moments import moment
from tests.sites.tenants.current import tenant
from tests.sites.user_models.any_model import UserModelWithAdmin
from tests.sites.user_models.people import equipped, said
from tests.visitor import DAY, NOW, PASSWORD, Visitor, leads_to

SOUTH = "south.test"


class TestTenants(UserModelWithAdmin):
    """Everybody is of the north, unless a test says otherwise."""

    one_more = True

    @pytest.fixture(autouse=True)
    def _in_the_north(self):
        with tenant("north"):
            yield

    def make(self, name, *, of="north", **fields):
        with tenant(of):
            email = f"{name}@{of}.example"
            return get_user_model().objects.create_user(name, email, PASSWORD, tenant=of, **fields)

    def southern(self, name):
        """Return a member of the south at a browser of hers."""
        visitor = equipped(Visitor(self.mandated_in("south", name)))
        visitor.client.defaults["HTTP_HOST"] = SOUTH
        return visitor

    def mandated_in(self, of, name):
        user = self.make(name, of=of)
        self.grant(user)
        return user

    def test_a_session_of_one_tenant_is_nobodys_at_another(self, member):
        member.sign_in_fully()
        shown = member.client.get("/reads-user/", headers={"host": SOUTH})
        assert shown.content == b"Here is nobody"
        assert member.is_signed_in()

    @pytest.mark.parametrize("step", ["verify", "recovery_code", "recover"])
    def test_a_sign_in_that_waits_at_one_tenant_is_none_at_another(self, member, step):
        member.sign_in()
        member.client.defaults["HTTP_HOST"] = SOUTH
        assert member.get(f"hardening:{step}").status_code == 410
        assert b"m\xe2\x80\xa2" not in member.get("hardening:login").content

    def test_a_code_typed_at_another_tenant_completes_nothing(self, member, monkeypatch):
        member.sign_in()
        judged = []
        monkeypatch.setattr(Factor.objects, "claim_step", lambda *a, **k: judged.append(a))
        member.client.defaults["HTTP_HOST"] = SOUTH
        assert member.verify().status_code == 410
        assert judged == []

    def test_no_mail_is_sent_from_another_tenant(self, newcomer):
        newcomer.sign_in()
        newcomer.client.defaults["HTTP_HOST"] = SOUTH
        assert newcomer.ask_for_mail() is None
        assert mail.outbox == []

    def test_the_same_name_is_two_people(self, member, clock):
        other = self.southern("member")
        assert other.user.pk != member.user.pk
        member.sign_in()
        assert leads_to(other.sign_in(), "hardening:verify")
        assert other.verify(member.code()).status_code == 400
        other.verify()
        assert other.client.get("/admin/").status_code == 200
        assert not member.is_signed_in()

    def test_requests_of_tenants_in_turn_each_see_their_own(self, member):
        """Nothing that was read, or compiled, for one tenant serves another."""
        other = self.southern("keeper")
        testing.login(member.client, member.user)
        with tenant("south"):
            testing.login(other.client, other.user)
        for _ in range(3):
            assert member.client.get("/reads-user/").content == b"Here is member"
            assert other.client.get("/reads-user/").content == b"Here is keeper"
            crossed = other.client.get("/reads-user/", headers={"host": "testserver"})
            assert crossed.content == b"Here is nobody"

    def test_the_facts_of_a_session_are_asked_for_within_the_tenant(self, member):
        assert facts.load_user(member.user.pk) == member.user
        with tenant("south"):
            assert facts.load_user(member.user.pk) is None
        with tenant(""):
            assert facts.load_user(member.user.pk) is None
        assert facts.load_user(member.user.pk) == member.user

    def test_an_enrolment_goes_on_at_its_own_tenant_only(self, newcomer):
        newcomer.sign_in()
        self.prove(newcomer)
        newcomer.start()
        newcomer.client.defaults["HTTP_HOST"] = SOUTH
        assert newcomer.confirm().status_code == 410
        assert not Factor.objects.confirmed().exists()

    def test_a_name_that_two_tenants_know_is_refused_without_a_tenant(self, member):
        self.southern("member")
        for command in ("hardening_ticket", "hardening_reset"):
            more = {"reason": "x"} if command == "hardening_reset" else {}
            with (
                tenant(""),
                pytest.raises(CommandError, match="several users have the name"),
            ):
                said(command, "member", **more)
        assert Factor.objects.confirmed().count() == 2

    def test_a_name_that_two_tenants_know_is_the_current_tenants(self, member):
        other = self.southern("member")
        with tenant("south"):
            said("hardening_reset", "member", reason="lost", noinput=True)
        owners = set(Factor.objects.confirmed().values_list("user_id", flat=True))
        assert owners == {member.user.pk} != {other.user.pk}

    def test_an_address_that_one_person_has_names_her(self, member):
        other = self.southern("member")
        said("hardening_reset", "member@south.example", reason="lost", noinput=True)
        owners = Factor.objects.confirmed().values_list("user_id", flat=True)
        assert list(owners) == [member.user.pk]
        assert other.user.pk not in owners

    def test_commands_find_people_without_a_tenant(self, member):
        with tenant(""):
            said("hardening_reset", "member", reason="lost", noinput=True)
        assert not Factor.objects.confirmed().exists()

    def test_a_role_of_one_tenant_covers_nobody_of_another(self, clock, db):
        roles.register("northern", "Northern", Q(tenant="north"))
        RolePolicy.objects.create(role="northern", mode="enforce", starts_at=moment(NOW - DAY))
        north, south = Visitor(self.make("fan")), Visitor(self.make("fan", of="south"))
        south.client.defaults["HTTP_HOST"] = SOUTH
        try:
            assert leads_to(north.sign_in(), "hardening:mailbox")
            south.sign_in()
            assert south.is_signed_in()
        finally:
            roles.unregister("northern")
