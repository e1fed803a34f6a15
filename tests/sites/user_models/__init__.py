"""What every kind of user model must bear; the kinds are the folders beside this one.

`TestTheJourneys(AnyUserModel)` in such a folder says how its people are made, and gets the tests.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.sites.user_models.admin_pages",
    "tests.sites.user_models.costs",
    "tests.sites.user_models.journeys",
    "tests.sites.user_models.operators",
    "tests.sites.user_models.passwords",
)
