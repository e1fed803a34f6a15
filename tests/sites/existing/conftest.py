"""The running site with people signed in, and the releases that the how-to makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import howto
from tests.sites.browser import PASSWORD, Browser
from tests.sites.existing.releases import Release

PAGE = "existing-site"
ONE = "Release 1: there, and silent"
TWO = "Release 2: in force"
DUE = "2027-01-31T09:00+01:00"
PASSED = "2020-01-31T09:00+01:00"
PEOPLE = f"""
from django.contrib.auth import get_user_model
make = get_user_model().objects.create_user
make("fan", "fan@example.com", {PASSWORD!r})
make("staff", "staff@example.com", {PASSWORD!r}, is_staff=True)
"""


@pytest.fixture(scope="session")
def years_ago(tmp_path_factory) -> tuple[Path, dict[str, Browser]]:
    """Return the data of the site as plain Django left it, and the browsers signed in there."""
    data = tmp_path_factory.mktemp("years-ago")
    plain = Release.write(tmp_path_factory.mktemp("code") / "plain", data)
    plain.manage("migrate", "--verbosity", "0")
    plain.manage("shell", "--verbosity", "0", "-c", PEOPLE)
    browsers = {}
    with plain.serve() as server:
        for name in ("fan", "staff"):
            browsers[name] = browser = Browser(name)
            browser.sign_in(server)
            browser.put_into_basket(server, "a record")
            assert browser.greeted(server) == f"Hello {name}"
    return data, browsers


@pytest.fixture(scope="session")
def migrated(years_ago, tmp_path_factory) -> Path:
    """Return the data of the site once the app's tables are there."""
    data = tmp_path_factory.mktemp("migrated") / "data"
    shutil.copytree(years_ago[0], data)
    written(1, tmp_path_factory.mktemp("code"), data).manage("migrate", "--verbosity", "0")
    return data


@pytest.fixture
def before(years_ago, tmp_path) -> Path:
    """Return a copy of the running site's data, for this test alone."""
    return Path(shutil.copytree(years_ago[0], tmp_path / "before"))


@pytest.fixture
def data(migrated, tmp_path) -> Path:
    """Return a copy of the running site's data with the app's tables, for this test alone."""
    return Path(shutil.copytree(migrated, tmp_path / "data"))


@pytest.fixture
def fan(years_ago) -> Browser:
    """The browser of somebody who owes nothing, signed in for years."""
    return years_ago[1]["fan"].copy()


@pytest.fixture
def staff(years_ago) -> Browser:
    """The browser of a member of staff, likewise."""
    return years_ago[1]["staff"].copy()


@pytest.fixture
def release(request, tmp_path_factory) -> Callable[..., Release]:
    """Return `release(number, *more, due=…, data=…)`: the site as the how-to has made it.

    Number 0 is plain Django. `more` is added to the settings; the data are migrated unless given.
    """

    def make(number: int, *more: str, due: str = DUE, data: Path | None = None) -> Release:
        folder = tmp_path_factory.mktemp(f"release-{number}")
        return written(number, folder, data or request.getfixturevalue("data"), *more, due=due)

    return make


def written(number: int, folder: Path, data: Path, *more: str, due: str = DUE) -> Release:
    """Write one of the how-to's releases into a folder; `due` is when staff are asked."""
    settings, urls = howto.blocks(PAGE, ONE)
    added = [settings, howto.block(PAGE, TWO).replace(DUE, due)][:number]
    return Release.write(folder, data, *added, *more, urls=urls if number else "")
