"""What the demo site takes from its environment."""

from __future__ import annotations

import stat

import pytest

from project.environment import (
    EnvironmentMistakeError,
    data_folder,
    database,
    postgresql,
    secret_key,
)


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in ("BACKSTAGE_DATA", "DATABASE_URL", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_the_data_folder_is_beside_manage_py_and_for_its_owner_only(tmp_path):
    folder = data_folder(tmp_path)
    assert folder == tmp_path / ".demo"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_another_data_folder_may_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKSTAGE_DATA", str(tmp_path / "a" / "b"))
    assert data_folder(tmp_path) == tmp_path / "a" / "b"


def test_the_secret_key_is_made_once_and_kept_from_others(tmp_path):
    key = secret_key(tmp_path)
    assert len(key) >= 50
    assert secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret-key"]


def test_a_secret_key_of_the_environment_is_used_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "from outside")
    assert secret_key(tmp_path) == "from outside"
    assert not list(tmp_path.iterdir())


def test_without_an_address_the_database_is_a_file(tmp_path):
    assert database(tmp_path)["NAME"] == tmp_path / "db.sqlite3"


def test_an_address_names_a_postgresql_database(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://us%40er:p%2Fw@db:5433/na%20me?sslmode=require")
    found = database(tmp_path)
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["USER"], found["PASSWORD"]) == ("us@er", "p/w")
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db", "5433", "na me")
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_an_address_without_port_leaves_it_to_the_driver():
    assert postgresql("postgres://host/name")["PORT"] == ""


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:hunter2@host/name",
        "postgresql://user:hunter2@host",
        "postgresql://user:hunter2@host:x/name",
        "postgresql://user:hunter2@host:99999/name",
        "hunter2",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(url):
    with pytest.raises(EnvironmentMistakeError) as refused:
        postgresql(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
