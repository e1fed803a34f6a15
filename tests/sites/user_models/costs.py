"""What a page costs on every site, whatever its user model: what it costs with plain Django."""

from __future__ import annotations

from typing import ClassVar

import pytest
from django.test import Client

from hardening import testing
from hardening.models import RolePolicy
from hardening.moments import moment
from tests.plain_django import PLAIN_BACKEND, plain_django, statements
from tests.sites.user_models.people import People
from tests.visitor import DAY, NOW


class Costs(People):
    """Statements of a page; one more is allowed where the default manager is not Django's own."""

    one_more: ClassVar[bool] = False

    @pytest.mark.parametrize("path", ["/reads-user/", "/async-reads-user/", "/members/"])
    def test_a_page_costs_what_it_costs_with_plain_django(self, member, path):
        RolePolicy.objects.create(role="everyone", mode="enforce", starts_at=moment(NOW - DAY))
        testing.login(member.client, member.user)
        guarded = statements(member.client, path)
        with plain_django():
            plain = Client()
            plain.force_login(member.user, PLAIN_BACKEND)
            counted = statements(plain, path)
        extra = len(guarded) - len(counted)
        assert extra in ({0, 1} if self.one_more else {0}), guarded

    def test_a_page_that_ignores_her_costs_nothing(self, member):
        testing.login(member.client, member.user)
        assert statements(member.client, "/public/") == []
