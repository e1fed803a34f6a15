"""One journey each through gunicorn (WSGI) and uvicorn (ASGI), as processes of their own.

The servers listen on a socket that this process opened on a free port of the loopback, and read the
database file that a first child has filled. Time is real here: codes are for the moment.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from hardening.core import otp
from tests.doors.conftest import HTML, PASSWORD
from tests.host import slow_mail
from tests.host.doors import LEAK

ROOT = Path(__file__).resolve().parents[2]
STEP = "/security/verify/"
LONGEST_SECONDS = 30
PEOPLE = 10  # one for each test: a code works once, and nobody waits for the next half minute
PREPARE = """
import sys
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
from hardening import testing
for number in range(int(sys.argv[2])):
    name = f"armed{number}"
    make = get_user_model().objects.create_user
    user = make(name, f"{name}@example.com", sys.argv[1], is_staff=True)
    print(name, testing.secret_of(testing.enrol(user)).hex())
"""
SERVERS = {
    "gunicorn": "gunicorn --workers=2 --threads=4 --no-control-socket --bind=fd://{fd}"
    " tests.host.served_by:wsgi",
    "uvicorn": "uvicorn --lifespan=off --log-level=warning --fd={fd} tests.host.served_by:asgi",
}


@dataclass(slots=True)
class Browser:
    """A browser that knows one site, keeps its cookies and sends its token."""

    site: str
    cookies: requests.cookies.RequestsCookieJar = field(
        default_factory=requests.cookies.RequestsCookieJar
    )

    def ask(self, method: str, path: str, **more) -> requests.Response:
        """Send one request on a connection of its own; keep the cookies that come back."""
        headers = {**HTML, "X-CSRFToken": self.cookies.get("csrftoken", ""), "Referer": self.site}
        answer = requests.request(
            method,
            self.site + path,
            headers=headers,
            cookies=self.cookies.copy(),
            allow_redirects=False,
            timeout=LONGEST_SECONDS,
            **more,
        )
        self.cookies.update(answer.cookies)
        return answer

    def get(self, path: str) -> requests.Response:
        return self.ask("GET", path)

    def post(self, path: str, data: dict[str, str]) -> requests.Response:
        return self.ask("POST", path, data=data)

    def shown(self, path: str = "/reads-user/") -> str:
        return self.get(path).text.removeprefix("Here is ")


@dataclass(frozen=True, slots=True)
class Site:
    """A site that is served, and somebody who has never been there."""

    url: str
    name: str
    secret: bytes

    def code(self) -> str:
        """Return what the authenticator shows at this moment."""
        return otp.code_at(self.secret, now=int(time.time()))

    def sign_in(self, browser: Browser, door: str) -> requests.Response:
        """Give name and password to a door, in its own format."""
        browser.get("/security/login/")  # sets the token
        given = {"username": self.name, "password": PASSWORD}
        if door == "/async-login/":
            return browser.ask("POST", door, json=given)
        return browser.post(door, given)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    database = tmp_path_factory.mktemp("served") / "site.sqlite3"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.host.served",
        "HARDENING_TESTS_DATABASE": str(database),
        "HARDENING_TESTS_MAILS": str(tmp_path_factory.mktemp("mails")),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def people(environment) -> list[tuple[str, bytes]]:
    run = [sys.executable, "-c", PREPARE, PASSWORD, str(PEOPLE)]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(name, bytes.fromhex(secret)) for name, secret in lines]


@pytest.fixture(params=SERVERS, scope="module")
def server(request, environment, people, tmp_path_factory) -> Iterator[str]:
    program, *options = SERVERS[request.param].split()
    log = tmp_path_factory.mktemp("log") / request.param
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("w") as output:
        fd = listening.fileno()
        child = subprocess.Popen(
            [sys.executable, "-m", program, *(option.format(fd=fd) for option in options)],
            env=environment,
            pass_fds=[fd],
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            # The socket takes connections already; the first answer comes when the server is up.
            assert requests.get(f"{url}/public/", timeout=LONGEST_SECONDS).ok
            yield url
        finally:
            child.terminate()
            child.wait(LONGEST_SECONDS)
    assert "Traceback" not in log.read_text()


@pytest.fixture
def site(server, people) -> Site:
    return Site(server, *people.pop())


@pytest.mark.parametrize("door", ["/form-login/", "/async-login/", "/security/login/"])
def test_a_journey_over_the_wire(site, door) -> None:
    browser = Browser(site.url)
    answer = site.sign_in(browser, door)
    assert (answer.status_code, answer.headers["Location"]) == (302, STEP)
    assert LEAK not in f"{answer.text} {answer.headers}"
    parked = browser.cookies["sessionid"]
    assert browser.shown() == browser.shown("/async-reads-user/") == "nobody"
    assert browser.get("/stream/").text == browser.get("/async-stream/").text == "user: nobody"
    assert browser.get("/members/?a=1").headers["Location"] == STEP
    assert browser.get(STEP).status_code == 200
    assert browser.post(STEP, {"code": "000000"}).status_code == 400
    done = browser.post(STEP, {"code": site.code()})
    assert (done.status_code, done.headers["Location"]) == (302, "/members/?a=1")
    assert browser.cookies["sessionid"] != parked
    assert browser.shown() == browser.shown("/async-reads-user/") == site.name
    assert browser.get("/stream/").text == f"user: {site.name}"
    assert browser.get("/async-stream/").text == f"user: {site.name}"
    browser.post("/accounts/logout/", {})
    assert browser.shown() == "nobody"


def test_requests_in_flight_do_not_take_the_new_cookie_away(site) -> None:
    browser = Browser(site.url)
    site.sign_in(browser, "/form-login/")
    paths = ["/reads-user/", "/slow/?before=reads", "/async-reads-user/", "/members/"] * 4
    with ThreadPoolExecutor(8) as others:
        late = [others.submit(Browser(site.url, browser.cookies.copy()).get, p) for p in paths]
        browser.post(STEP, {"code": site.code()})
        answers = [answer.result() for answer in late]
    assert {answer.status_code for answer in answers} <= {200, 302}
    assert not any("sessionid" in answer.cookies for answer in answers)
    assert not any("sessionid" in answer.headers.get("Set-Cookie", "") for answer in answers)
    assert browser.shown() == site.name


def test_a_link_is_mailed_after_the_answer_to_every_name_alike(site, environment) -> None:
    browser = Browser(site.url)
    mails = Path(environment["HARDENING_TESTS_MAILS"])
    before = set(mails.iterdir())
    browser.get("/security/unlock/")  # sets the token
    begun = time.monotonic()
    answers = [
        browser.post("/security/unlock/", {"username": name}) for name in ("nobody", site.name)
    ]
    assert time.monotonic() - begun < slow_mail.SECONDS
    assert answers[0].status_code == 200
    assert answers[0].text == answers[1].text
    deadline = time.monotonic() + LONGEST_SECONDS
    while not (new := set(mails.iterdir()) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    (mailed,) = new
    body = mailed.read_text(encoding="utf-8")
    link = next(line for line in body.splitlines() if line.startswith(site.url))
    assert browser.get(link.removeprefix(site.url)).status_code == 200
