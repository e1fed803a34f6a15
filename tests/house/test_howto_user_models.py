"""The models that the how-to shows are those of the sites on which they are tested."""

from __future__ import annotations

import re

import pytest

from tests.harness import TESTS
from tests.howto import PAGES, blocks

FILES = {
    "A key that is no number": ["uuid_key/models.py"],
    "The e-mail address as the name": ["email_name/models.py"],
    "No permissions, no flags, no address": [
        "bare_user/models.py",
        "bare_user/roles.py",
        "bare_user/settings.py",
    ],
    "A default manager that joins": ["joined_manager/models.py"],
    "Tenants": ["tenants/models.py"],
    "Two tables": ["child_user/models.py"],
    "People who are only marked as deleted": ["soft_delete/models.py"],
    "The user's admin": ["user_models/office.py"],
}
KINDS = {
    *("bare_user", "child_user", "email_name", "joined_manager"),
    *("soft_delete", "string_key", "tenants", "uuid_key"),
}


@pytest.mark.parametrize("heading", FILES)
def test_what_the_howto_shows_stands_in_the_site(heading):
    shown = blocks("user-models", heading)
    assert len(shown) == len(FILES[heading])
    for block, file in zip(shown, FILES[heading], strict=True):
        assert block in (TESTS / "sites" / file).read_text(encoding="utf-8"), file


def test_every_block_of_the_howto_is_compared():
    page = (PAGES / "user-models.md").read_text(encoding="utf-8")
    assert page.count("```python\n") == sum(map(len, FILES.values()))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_gets_all_the_journeys(kind):
    """A test file that imports the journeys and forgets to subclass them would run none."""
    text = (TESTS / "sites" / kind / f"test_{kind}.py").read_text(encoding="utf-8")
    assert re.search(r"^class Test\w+\((AnyUserModel|UserModelWithAdmin)\):$", text, re.MULTILINE)
