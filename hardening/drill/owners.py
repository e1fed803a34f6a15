"""Those whose passwords were stolen, and what they do when the site asks them about it.

They prove their mailbox and set another password, on the site's own pages, and sign in with that
one from then on. What was stolen is worth nothing any more.

The trap: an attacker's pair is right until its owner has changed it. What he is counted by must
be asked at that moment, not when his list was drawn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hardening.drill import mails
from hardening.drill.hasher import encoded
from hardening.drill.tries import Outcome
from hardening.drill.wire import header, path_of

if TYPE_CHECKING:
    from hardening.drill.population import Population
    from hardening.drill.site import Site
    from hardening.drill.tries import Answer, Try


class Owners:
    """Whose passwords an attacker has, on one site."""

    def __init__(self, site: Site, people: Population, stolen: frozenset[int]) -> None:
        """`stolen`: the numbers of those whose passwords the site knows to be in a breach."""
        self.site = site
        self.people = people
        self.stolen = stolen
        self._cookies: dict[int, str] = {}  # of those who have changed theirs

    def as_now(self, one: Try) -> Try:
        """Return a good user's try as she makes it by now: with her new password, and cookies."""
        cookies = self._cookies.get(one.person)
        if cookies is None or not one.good:
            return one
        password = self.people.new_password(one.person) if one.right else one.password
        return replace(one, password=password, cookies=cookies, known=bool(cookies))

    def is_right(self, one: Try) -> bool:
        """Whether an attacker's password is still that account's."""
        return one.right and one.person not in self._cookies

    def go_on(self, one: Try, answer: Answer) -> bool:
        """Do what is asked of the owner of a stolen password; true if she has another one now."""
        asked = one.good and answer.outcome is Outcome.PARKED
        if not asked or one.person not in self.stolen or one.person in self._cookies:
            return False
        cookies = self._changed(one, answer)
        if cookies is None:
            return False
        self._cookies[one.person] = cookies
        return True

    def put_back(self) -> None:
        """Give everybody the password of before: the next attack finds the site as it was."""
        for number in self._cookies:
            self.site.store_password(number, encoded(self.people.password(number)))

    def _changed(self, one: Try, answer: Answer) -> str | None:
        """Go through the steps; return the cookies that stay, `None`: they led nowhere."""
        new = self.people.new_password(one.person)
        mailbox = path_of("hardening:mailbox")
        jar = self.site.jar(one.cookies, answer.session)
        self._post(one, jar, mailbox, {"action": "send"})
        code = mails.code_for(self.people.email(one.person))
        self._post(one, jar, mailbox, {"code": code})
        fields = {"old_password": one.password, "new_password1": new, "new_password2": new}
        self._post(one, jar, path_of("hardening:change_password"), fields)
        return self.site.kept(jar) if self.site.is_open(one, header(jar)) else None

    def _post(self, one: Try, jar: dict[str, str], path: str, fields: dict[str, str]) -> None:
        wire = self.site.wire
        jar.update(wire.send(wire.form(path, fields, one.address, header(jar))).cookies)
