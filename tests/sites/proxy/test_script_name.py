"""A server that says itself where the site stands: the other way of the how-to, in gunicorn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests import howto
from tests.servers import free_port
from tests.sites.browser import Browser
from tests.sites.proxy.conftest import HOST
from tests.sites.proxy.front import in_front_of

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 30
WAYS = "import os, django; django.setup(); from django.contrib.auth import get_user_model as g; "
PEOPLE = "g().objects.create_user('staff', 's@example.com', 'a drawer of brass buttons', "


@pytest.fixture
def gunicorn(tmp_path):
    """Return the address of a gunicorn that was started as the how-to says."""
    (shown,) = re.findall(
        r"^\$ (\S+=\S+) gunicorn", howto.block("reverse-proxy", "nginx", "console"), re.MULTILINE
    )
    name, _, value = shown.partition("=")
    surroundings = {
        **os.environ,
        name: value,
        "DJANGO_SETTINGS_MODULE": "tests.sites.proxy.settings",
        "HARDENING_TESTS_DATABASE": str(tmp_path / "db.sqlite3"),
    }

    def run(*arguments):
        command = [sys.executable, *arguments]
        subprocess.run(command, cwd=ROOT, env=surroundings, check=True, timeout=120)

    run("-m", "django", "migrate", "--verbosity", "0")
    run("-c", f"{WAYS}{PEOPLE}is_staff=True)")
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "--bind", address, "--threads", "2"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "django.core.wsgi:get_wsgi_application()"],
            cwd=ROOT,
            env=surroundings,
            stdout=log,
            stderr=log,
        )
        try:
            yield await_answer(server, f"http://{address}")
        finally:
            server.terminate()
            server.wait(timeout=START_SECONDS)


def await_answer(server, url):
    """Return the address once it answers."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(requests.ConnectionError):
            requests.get(f"{url}/app/public/", allow_redirects=False, timeout=START_SECONDS)
            return url
        time.sleep(0.05)
    raise AssertionError(url)


def test_a_sign_in_stays_below_the_path_that_the_server_names(gunicorn):
    with in_front_of(gunicorn, strip=False) as site:
        staff = Browser("staff", host=HOST)
        asked = staff.sign_in(site, "/accounts/login/?next=/app/members/", next="/app/members/")
        assert asked.headers["Location"] == "/app/security/mailbox/"
        assert staff.get(site, "/members/").headers["Location"] == "/app/security/mailbox/"
        page = staff.get(site, "/security/mailbox/")
        assert 'href="/app/static/hardening/hardening.css"' in page.text
        cancelled = staff.post(site, "/security/cancel/")
        assert 'href="/app/security/login/"' in cancelled.text
