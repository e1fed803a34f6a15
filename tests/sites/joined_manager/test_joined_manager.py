"""A default manager that joins: what it fetches along is still fetched along."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening import facts
from tests.sites.joined_manager.models import Company
from tests.sites.user_models.any_model import UserModelWithAdmin
from tests.visitor import PASSWORD


class TestAManagerThatJoins(UserModelWithAdmin):
    """Everybody works for somebody."""

    one_more = True

    def make(self, name, **fields):
        company, _ = Company.objects.get_or_create(name="Lantern Works")
        email = f"{name}@example.com"
        return get_user_model().objects.create_user(
            name, email, PASSWORD, company=company, **fields
        )

    def test_the_company_comes_along_with_the_user_of_a_session(self, member):
        loaded = facts.load_user(member.user.pk)
        with CaptureQueriesContext(connection) as caught:
            assert loaded.company.name == "Lantern Works"
        assert len(caught) == 0

    def test_somebody_without_a_company_signs_in_as_well(self, fan):
        fan.user.company = None
        fan.user.save()
        fan.sign_in()
        assert fan.is_signed_in()
