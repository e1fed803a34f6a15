"""What people do on every site, whatever its user model: sign in, enrol, lose the phone, go."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import SESSION_KEY
from django.test import AsyncClient

from hardening import testing
from hardening.audit import Event
from hardening.models import Account, Factor, ParkedLogin, RecoveryCode, SecurityEvent
from tests.sites.user_models.people import BURST_SECONDS, People
from tests.visitor import STEP, leads_to

LOGIN_PAGES = ("hardening:login", "host_login")
NEW_PASSWORD = "forty paper boats, upstream"


class Journeys(People):
    """Signing in and what follows."""

    # --- in by a password, by two steps, by a recovery code ------------------------------------

    @pytest.mark.parametrize("door", LOGIN_PAGES)
    def test_a_person_who_owes_nothing_signs_in_as_ever(self, fan, door):
        fan.sign_in(door)
        assert fan.is_signed_in()
        key = fan.client.session[SESSION_KEY]
        assert key == fan.user._meta.pk.value_to_string(fan.user)

    def test_a_wrong_password_opens_nothing(self, fan):
        fan.sign_in(password="a pond of paper lanterns")
        assert not fan.is_signed_in()

    @pytest.mark.parametrize("door", LOGIN_PAGES)
    def test_a_newcomer_proves_who_she_is_and_enrols(self, newcomer, door):
        assert leads_to(newcomer.sign_in(door, next="/members/"), self.first_step())
        assert not newcomer.is_signed_in()
        assert leads_to(self.prove(newcomer), "hardening:enrol")
        assert leads_to(newcomer.start(), "hardening:enrol_totp")
        assert newcomer.confirm().status_code == 200
        assert len(newcomer.codes) == 10
        assert newcomer.keep_codes().headers["Location"] == "/members/"
        assert newcomer.is_signed_in()

    @pytest.mark.parametrize("door", LOGIN_PAGES)
    def test_the_authenticator_is_the_second_step(self, member, door):
        assert leads_to(member.sign_in(door), "hardening:verify")
        assert not member.is_signed_in()
        assert member.verify(member.wrong_code()).status_code == 400
        member.verify()
        assert member.is_signed_in()
        assert member.client.session[SESSION_KEY] == member.user._meta.pk.value_to_string(
            member.user
        )

    def test_a_recovery_code_leads_to_a_new_authenticator(self, member, clock):
        lost = Factor.objects.get()
        member.sign_in()
        assert leads_to(member.use_recovery_code(), "hardening:enrol")
        assert not member.is_signed_in()
        member.start()
        member.confirm(remove=[lost.pk])
        assert member.is_signed_in()
        clock.shift(STEP)
        again = member.again()
        again.sign_in_fully()
        assert again.is_signed_in()

    def test_a_person_enrols_of_her_own_accord(self, fan):
        fan.sign_in()
        assert leads_to(fan.post("hardening:enrol"), "hardening:confirm_password")
        fan.post("hardening:confirm_password", {"password": fan.password})
        assert leads_to(self.prove(fan), "hardening:enrol_totp")
        fan.scan()
        fan.confirm()
        assert fan.get("hardening:overview").status_code == 200
        assert list(Factor.objects.confirmed().values_list("user_id", flat=True)) == [fan.user.pk]

    def test_an_async_page_knows_her(self, member):
        testing.login(member.client, member.user)

        async def visit():
            browser = AsyncClient()
            browser.cookies = member.client.cookies
            return await browser.get("/async-reads-user/")

        shown = async_to_sync(visit)().content.decode()
        assert shown == f"Here is {member.user.get_username()}"

    # --- a live session --------------------------------------------------------------------------

    def test_a_role_that_is_granted_parks_the_session_that_goes_on(self, fan):
        fan.sign_in()
        session = fan.client.session
        session["basket"] = "two tickets"
        session.save()
        self.grant(fan.user)
        assert leads_to(fan.get("members"), self.first_step())
        assert not fan.is_signed_in()
        assert "basket" not in fan.client.session
        self.prove(fan)
        assert fan.enrol().headers["Location"] == "/members/"
        assert fan.is_signed_in()
        assert fan.client.session["basket"] == "two tickets"

    def test_a_door_asks_for_a_fresh_proof(self, member, clock):
        member.sign_in_fully()
        assert member.get("vault").status_code == 200
        clock.shift(BURST_SECONDS + 1)
        assert leads_to(member.get("vault"), "hardening:step_up")
        member.step_up()
        assert member.get("vault").status_code == 200

    def test_somebody_elses_authenticator_is_404_and_an_event(self, member, fan):
        theirs = testing.enrol(fan.user)
        member.sign_in_fully()
        assert member.get("hardening:factor", theirs.pk).status_code == 404
        event = SecurityEvent.objects.get(event=Event.FACTOR_FOREIGN)
        assert event.target_pk == str(member.user.pk)

    def test_every_page_of_ours_opens(self, member):
        member.sign_in_fully()
        for page in ("overview", "enrol", "recovery_codes", "step_up"):
            assert member.get(f"hardening:{page}").status_code in (200, 302), page

    # --- passwords -------------------------------------------------------------------------------

    def test_a_new_password_is_demanded_and_given(self, member):
        Account.objects.filter(user_id=member.user.pk).update(must_change="operator")
        assert leads_to(member.sign_in_fully(), "hardening:change_password")
        answer = member.post(
            "hardening:change_password",
            {
                "old_password": member.password,
                "new_password1": NEW_PASSWORD,
                "new_password2": NEW_PASSWORD,
            },
        )
        assert answer.status_code == 302
        assert member.is_signed_in()

    # --- and gone --------------------------------------------------------------------------------

    def test_whoever_is_deleted_is_signed_out_and_leaves_only_events(self, member):
        pk, name = str(member.user.pk), member.user.get_username()
        member.sign_in_fully()
        parked = member.again()
        parked.sign_in()
        self.everybody().get(pk=member.user.pk).delete()
        assert member.client.get("/reads-user/").content == b"Here is nobody"
        assert parked.verify().status_code == 410
        for model in (Account, Factor, RecoveryCode, ParkedLogin):
            assert not model.objects.exists(), model
        kept = set(SecurityEvent.objects.values_list("event", "target_pk", "target_name"))
        assert kept == {
            (event.value, pk, name)
            for event in (Event.LOGIN_PARKED, Event.PROOF_ACCEPTED, Event.LOGIN_COMPLETED)
        }
