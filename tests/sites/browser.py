"""A person's browser in front of real servers, with a phone and a mailbox beside it."""

from __future__ import annotations

import base64
import copy
import re
import time
from collections.abc import Callable

import requests

from hardening.core import otp

PASSWORD = "a drawer of brass buttons"
SECONDS = 30
JSON = {"Accept": "application/json"}


class Browser:
    """One person's cookies; they go to every server alike.

    With a `host` it believes itself on that host, by HTTPS, whatever address a server has.
    """

    def __init__(self, name: str, *, host: str = "") -> None:
        self.name = name
        self.host = host
        self.secret = b""
        self.headers: dict[str, str] = {}  # what it sends with every request
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Accept"] = "text/html"
        if host:
            self._http.headers["Host"] = host

    def copy(self) -> Browser:
        """Return the same person with the same cookies."""
        other = Browser(self.name, host=self.host)
        other.secret = self.secret
        other._http.cookies = copy.deepcopy(self._http.cookies)
        return other

    @property
    def session_key(self) -> str | None:
        """The session key that the cookie holds."""
        return self._http.cookies.get("sessionid")

    def get(self, server: str, path: str, **headers: str) -> requests.Response:
        """Open a page; redirects are shown, not followed."""
        return self._ask("GET", server + path, headers=headers)

    def post(self, server: str, path: str, **fields: str) -> requests.Response:
        """Send a form that a page showed."""
        token = self._http.cookies.get("csrftoken")
        if token is None:
            self.get(server, path)
            token = self._http.cookies.get("csrftoken", "")
        data = {"csrfmiddlewaretoken": token, **fields}
        origin = self.headers.get("X-Forwarded-Host", self.host)
        headers = {"Origin": f"https://{origin}"} if origin else {}
        return self._ask("POST", server + path, headers=headers, data=data)

    def _ask(self, method: str, url: str, **more: dict[str, str]) -> requests.Response:
        for cookie in self._http.cookies if self.host else ():
            cookie.secure = False  # the servers speak HTTP; the browser believes in HTTPS
        more["headers"] = {**self.headers, **more["headers"]}
        return self._http.request(method, url, allow_redirects=False, timeout=30, **more)

    def greeted(self, server: str) -> str:
        """Return how the home page greets."""
        answer = self.get(server, "/")
        assert answer.status_code == 200, answer.status_code
        return answer.text

    def basket(self, server: str) -> str:
        """Return what lies in the basket."""
        return self.get(server, "/basket/").text

    def put_into_basket(self, server: str, item: str) -> None:
        """Write something into the session."""
        self.post(server, "/basket/", item=item)

    def sign_in(self, server: str, path: str = "/sign-in/", **fields: str) -> requests.Response:
        """Give name and password on a login page."""
        given = {"username": self.name, "password": PASSWORD, **fields}
        return self.post(server, path, **given)

    def prove_mailbox(self, server: str, read_mail: Callable[[], str]) -> requests.Response:
        """Have a code sent by mail, read it there, and type it."""
        self.post(server, "/security/mailbox/", action="send")
        code = re.search(r"^\s+(\d{8})\s*$", read_mail(), re.MULTILINE)[1]
        return self.post(server, "/security/mailbox/", code=code)

    def enrol(self, server: str) -> requests.Response:
        """Set up an authenticator, store the codes; return the answer that leads on."""
        self.post(server, "/security/enrol/")
        key = self.get(server, "/security/enrol/authenticator/", **JSON).json()["key"]
        self.secret = base64.b32decode(key.replace(" ", ""))
        self.post(server, "/security/enrol/authenticator/", code=self.code(), name="Phone")
        return self.post(server, "/security/recovery-codes/", stored="on")

    def code(self, steps: int = 0) -> str:
        """Return what the authenticator shows, or will show some steps from now."""
        return otp.code_at(self.secret, now=int(time.time()) + steps * SECONDS)

    def verify(self, server: str) -> requests.Response:
        """Type the code after the one that enrolled, which works once."""
        return self.post(server, "/security/verify/", code=self.code(steps=1))
