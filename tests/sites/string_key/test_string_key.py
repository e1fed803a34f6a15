"""A text as the key, with signs in it that URLs, sessions and the admin give a meaning."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from hardening import audit, facts, testing
from hardening.audit import Event
from hardening.models import SecurityEvent
from tests.sites.user_models.any_model import UserModelWithAdmin
from tests.visitor import PASSWORD, Visitor

LONG = "9" * 100


class TestATextAsTheKey(UserModelWithAdmin):
    """Everybody's key has a slash, a question mark, a quote, an underscore and an umlaut in it."""

    def make(self, name, **fields):
        return self.with_key(f"Gäste/{name}?_5F#%2F:'\"&", name, **fields)

    def with_key(self, key, name, **fields):
        email = f"{name}@example.com"
        return get_user_model().objects.create_user(name, email, PASSWORD, key=key, **fields)

    @pytest.mark.parametrize("key", ["7", "007", " 7", "0", "None", "\N{SNOWMAN}", "a" * 200])
    def test_any_text_is_a_key(self, clock, db, key):
        visitor = Visitor(self.with_key(key, "odd"))
        self.grant(visitor.user)
        visitor.sign_in()
        self.prove(visitor)
        visitor.enrol()
        assert visitor.is_signed_in()
        assert facts.load_user(key).pk == key

    def test_keys_that_are_equal_as_numbers_are_two_people(self, clock, db):
        one, two = (Visitor(self.with_key(key, f"fan{key}")) for key in ("7", "07"))
        testing.enrol(one.user)
        assert facts.fresh(one.user).who().factors
        assert not facts.fresh(two.user).who().factors
        two.sign_in()
        assert two.is_signed_in()

    def test_keys_that_begin_alike_have_events_of_their_own(self, clock, db):
        one, two = (Visitor(self.with_key(f"{LONG}{end}", f"fan{end}")) for end in "ab")
        one.sign_in()
        two.sign_in()
        for visitor in (one, two):
            (event,) = audit.recent(visitor.user, 10)
            assert event.event == Event.LOGIN_COMPLETED
            assert event.target_name == visitor.user.get_username()
        assert len(set(SecurityEvent.objects.values_list("target_pk", flat=True))) == 2
