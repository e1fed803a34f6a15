"""All tests that a kind of user model gets: subclass one of these in its folder."""

from __future__ import annotations

import pytest

from tests.sites.user_models.admin_pages import AdminPages
from tests.sites.user_models.costs import Costs
from tests.sites.user_models.journeys import Journeys
from tests.sites.user_models.operators import Operating
from tests.sites.user_models.passwords import Passwords


@pytest.mark.django_db
class AnyUserModel(Journeys, Operating, Passwords, Costs):
    """What holds for everybody who can sign in at all."""


class UserModelWithAdmin(AnyUserModel, AdminPages):
    """Likewise, where people have addresses and permissions, and the site has an admin."""
