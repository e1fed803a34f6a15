"""Stores of a site's own for the throttle."""

from __future__ import annotations

from hardening.throttle.budgets import Refused, Taken


class Lenient:
    """Admits everything, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def take(self, budgets, *, now_us):
        self.asked.append([budget.key for budget in budgets])
        return Taken(tuple(budgets), now_us)

    def give_back(self, taken, *, now_us):
        self.asked.append("back")


class Strict(Lenient):
    """Refuses everything."""

    def take(self, budgets, *, now_us):
        return Refused(7, budgets[0])


class Broken(Lenient):
    """Is down."""

    def take(self, budgets, *, now_us):
        raise OSError("a text that must not be logged")

    def give_back(self, taken, *, now_us):
        raise OSError("a text that must not be logged")


class OnlyTakes:
    """Is no store."""

    def take(self, budgets, *, now_us):
        """Nothing."""


lenient = Lenient()
