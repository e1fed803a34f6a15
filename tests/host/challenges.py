"""Challenges of a site's own for the login page."""

from __future__ import annotations

from hardening.throttle.puzzle import Puzzles


class Easy(Puzzles):
    """The built-in one, for machines that are busy."""

    bits = 6


class Word:
    """Asks for a word, and remembers what it was told."""

    template_name = "challenges/word.html"

    def __init__(self):
        self.told = []

    def issue(self, *, address, now):
        return {"hint": f"the word of {address}"}

    def verify(self, answer, *, address, now):
        self.told.append(dict(answer))
        return answer.get("word") == "swordfish"


class Broken(Word):
    """Has a fault in each method."""

    def issue(self, *, address, now):
        raise RuntimeError

    def verify(self, answer, *, address, now):
        raise RuntimeError


class Vague(Word):
    """Answers neither yes nor no."""

    def verify(self, answer, *, address, now):
        return "perhaps"


class OnlyIssues:
    """Is no challenge."""

    def issue(self, *, address, now):
        return {}


word = Word()
