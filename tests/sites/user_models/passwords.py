"""New passwords, whatever the model calls its fields: leaked ones, names, lengths."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from hardening import testing
from hardening.models import Account
from hardening.validators import BreachedPasswordValidator, PasswordLengthValidator
from tests.sites.user_models.people import People
from tests.visitor import PASSWORD, Visitor

LEAKED = "qwertyuiop"
FRESH = "seven slow ferries to Skye"


def codes(password, user, validator):
    """Return what is wrong with a password."""
    try:
        validate_password(password, user, [validator])
    except ValidationError as error:
        return [one.code for one in error.error_list]
    return []


class Passwords(People):
    """The validators of this app."""

    def test_a_leaked_password_is_refused_for_everybody_and_nobody_in_particular(self, fan):
        for user in (fan.user, get_user_model()(), None):
            assert codes(LEAKED, user, BreachedPasswordValidator()) == ["password_breached"]
            assert codes(FRESH, user, BreachedPasswordValidator()) == []

    def test_what_she_is_called_is_no_password(self, fan):
        user = self.make("ferrywoman")
        name = user.get_username()
        assert codes(name.upper(), user, BreachedPasswordValidator()) == ["password_breached"]
        assert codes(name, fan.user, BreachedPasswordValidator()) == []

    def test_a_new_password_erases_what_was_found_of_the_old_one(self, fan):
        Account.objects.of(fan.user.pk)
        Account.objects.filter(user_id=fan.user.pk).update(password_verdict="hit")
        fan.user.set_password(FRESH)
        fan.user.save()
        assert Account.objects.get(user_id=fan.user.pk).password_verdict == ""

    def test_the_page_refuses_it_and_takes_another(self, member):
        visitor = Visitor(member.user)
        testing.login(visitor.client, visitor.user)
        new = {"old_password": PASSWORD, "new_password1": LEAKED, "new_password2": LEAKED}
        refused = visitor.post("hardening:change_password", new)
        assert "leaked from other websites" in refused.content.decode()
        new |= {"new_password1": FRESH, "new_password2": FRESH}
        assert visitor.post("hardening:change_password", new).status_code == 302
        assert self.everybody().get(pk=member.user.pk).check_password(FRESH)

    @pytest.mark.parametrize("who, least", [("member", 8), ("newcomer", 15), ("fan", 15)])
    def test_eight_will_do_for_whoever_always_proves_a_factor(self, request, who, least):
        user = request.getfixturevalue(who).user
        assert codes("x" * least, user, PasswordLengthValidator()) == []
        short = "x" * (least - 1)
        assert codes(short, user, PasswordLengthValidator()) == ["password_too_short"]
