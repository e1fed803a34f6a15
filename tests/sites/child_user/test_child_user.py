"""A user model that inherits from another table: the key is a one-to-one field to the parent."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from hardening.models import Account
from tests.sites.child_user.models import Person
from tests.sites.user_models.any_model import UserModelWithAdmin
from tests.visitor import PASSWORD, Visitor


class TestAUserInTwoTables(UserModelWithAdmin):
    """Everybody who signs in is a staffer and a person."""

    def make(self, name, **fields):
        for number in range(3):  # so that a person's key is no staffer's by chance
            Person.objects.create_user(f"{name}-{number}")
        return super().make(name, **fields)

    def test_a_person_who_is_no_staffer_does_not_sign_in(self, clock, db):
        visitor = Visitor(Person.objects.create_user("guest", password=PASSWORD))
        visitor.sign_in()
        assert not visitor.is_signed_in()

    def test_our_rows_go_with_the_person(self, member):
        assert Account.objects.filter(user_id=member.user.pk).exists()
        Person.objects.get(pk=member.user.pk).delete()
        assert not get_user_model().objects.filter(pk=member.user.pk).exists()
        assert not Account.objects.exists()

    def test_whoever_stops_being_a_staffer_is_signed_out(self, member):
        member.sign_in_fully()
        assert member.is_signed_in()
        member.user.delete(keep_parents=True)
        assert Person.objects.filter(username="member").exists()
        assert member.client.get("/reads-user/").content == b"Here is nobody"
