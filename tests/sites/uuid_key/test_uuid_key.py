"""A UUID as the key: the session, the stamp and the events hold its text, the rows itself."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth import SESSION_KEY

from hardening import facts, sessions
from hardening.models import Account, ParkedLogin, SecurityEvent
from tests.sites.user_models.any_model import UserModelWithAdmin


class TestAUuidAsTheKey(UserModelWithAdmin):
    """What a number takes for granted."""

    def test_session_and_stamp_hold_its_text_and_rows_the_key_itself(self, member):
        member.sign_in()
        assert ParkedLogin.objects.get().user_id == member.user.pk
        member.verify()
        session = member.client.session
        assert isinstance(member.user.pk, uuid.UUID)
        assert session[SESSION_KEY] == str(member.user.pk)
        assert session[sessions.STAMP_KEY]["user"] == str(member.user.pk)
        assert Account.objects.get().user_id == member.user.pk
        assert SecurityEvent.objects.first().target_pk == str(member.user.pk)

    @pytest.mark.parametrize("written", ["{}", "{0.hex}", "urn:uuid:{}"])
    def test_the_facts_are_found_by_every_way_to_write_it(self, fan, written):
        loaded = facts.load_user(written.format(fan.user.pk))
        assert loaded == fan.user
        assert facts.of(loaded).who().account_epoch == 0

    def test_a_sign_in_by_somebody_else_ends_the_one_that_waits(self, member, fan):
        member.sign_in()
        fan.client = member.client
        fan.sign_in()
        assert fan.is_signed_in()
        assert ParkedLogin.objects.get().finished_at is not None
