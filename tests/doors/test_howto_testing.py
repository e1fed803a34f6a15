"""The how-to for hosts' tests: its `conftest.py` does what it says, in a run of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hardening import testing
from hardening.models import Account, RolePolicy
from hardening.moments import moment
from tests.doors.conftest import START, name_shown
from tests.howto import block
from tests.settings import HERE

TESTS = """
from hardening import testing


def test_the_admin_opens(admin_client):
    assert admin_client.get("/admin/").status_code == 200


def test_anybody_can_be_signed_in(signed_in, django_user_model):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    assert signed_in(clerk).get("/admin/").status_code == 200
    fan = django_user_model.objects.create_user("fan")
    assert signed_in(fan).get("/reads-user/").content == b"Here is fan"


def test_without_it_somebody_privileged_is_parked(client, admin_user):
    client.force_login(admin_user)
    assert client.get("/admin/").status_code == 302


def test_counters_of_another_test_are_gone(client, transactional_db, django_user_model):
    from hardening.models import ThrottleCell

    assert not ThrottleCell.objects.exists()
"""


def test_the_fixtures_of_the_howto_sign_in_as_it_says(tmp_path) -> None:
    (tmp_path / "conftest.py").write_text(block("testing", "With pytest"), encoding="utf-8")
    (tmp_path / "test_host.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "."],
        cwd=tmp_path,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "HARDENING_TESTS_DATABASE": "",  # ours, on a server, it would make anew and drop
            "PYTHONPATH": str(HERE.parent),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "4 passed" in run.stdout


# --- what the helpers say --------------------------------------------------------------------


def test_without_the_floor_policies_in_the_database_still_count(staff, client, clock) -> None:
    with testing.no_floor():
        client.force_login(staff)
        assert name_shown(client) == "staff"
        RolePolicy.objects.create(role="staff", mode="enforce", starts_at=moment(START))
        assert client.get("/reads-user/").status_code == 302


def test_without_the_floor_the_other_settings_stay(settings) -> None:
    settings.HARDENING = {"STEP_UP_SECONDS": 77, "POLICIES": [{"role": "everyone"}]}
    with testing.no_floor():
        assert settings.HARDENING == {"STEP_UP_SECONDS": 77, "POLICIES": []}
    assert settings.HARDENING["POLICIES"] == [{"role": "everyone"}]


@pytest.mark.parametrize("why", ["inactive", "frozen", "password"])
def test_login_says_so_where_it_signs_nobody_in(armed, client, clock, why) -> None:
    changes = {"frozen": {"frozen": True}, "password": {"must_change": "operator"}}
    if why in changes:
        Account.objects.filter(user=armed).update(**changes[why])
    else:
        armed.is_active = False
        armed.save()
    with pytest.raises(testing.NotSignedInError, match="'armed'"):
        testing.login(client, armed)
    assert "_auth_user_id" not in client.session
