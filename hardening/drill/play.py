"""Plays one attack on one site: merges good traffic and attack by time, posts, counts the answers.

Times are Unix seconds of the simulated clock; durations of the machine's own say so.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from hardening.drill.ground import Ground
from hardening.drill.owners import Owners
from hardening.drill.tries import NO_ANSWER, Outage, Outcome, Volley
from hardening.drill.umpire import Umpire
from hardening.drill.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hardening.drill.attackers import Attacker
    from hardening.drill.population import Population
    from hardening.drill.site import Site
    from hardening.drill.tries import Act, Answer, Try

LOOK_EVERY = 20  # tries between two looks at the alarm
MINUTE = 60


@dataclass(slots=True)
class Result:
    """What came of one attack on one site.

    Attributes:
        name: The attacker's.
        variant: Which site: without the app, with it, with the breach check as well.
        tries: The attacker's tries, his own sign-ins left out.
        refused, wrong, parked, opened: What became of them.
        valid: How many of them had the right password, of accounts without and with a factor.
        enrolled_valid, enrolled_opened: Of the right ones and the opened, those with a factor.
        late_valid, late_opened: Likewise, of the second half.
        whole: Of how many tries this is the first part; 0: of none.
        over: Tries of anybody's that were judged beyond the limits.
        good: Sign-ins of good users.
        good_refused, good_challenged: How many of them did not come in, or were asked for more.
        good_changed: How many of them ended with another password, after the mailbox.
        known: Those on known browsers.
        known_refused: How many of those were refused.
        faults: Answers that no try should get.
        fault: The first of them, in words.
        hashes: How many passwords were hashed for the attacker's tries.
        refused_hashes: How many of them for tries that were refused.
        cpu: Seconds of processor time for the attacker's tries, hashes left out.
        refused_cpu: How much of that for the refused ones.
        alarm_minutes: When attack mode began, after the first try; `None`: it did not.
        hash_cpu: Seconds that one hash takes by the site's own hasher.
        seconds: How long it took to play.
    """

    name: str
    variant: Variant
    tries: int = 0
    refused: int = 0
    wrong: int = 0
    parked: int = 0
    opened: int = 0
    valid: int = 0
    enrolled_valid: int = 0
    enrolled_opened: int = 0
    late_valid: int = 0
    late_opened: int = 0
    whole: int = 0
    over: int = 0
    good: int = 0
    good_refused: int = 0
    good_challenged: int = 0
    good_changed: int = 0
    known: int = 0
    known_refused: int = 0
    faults: int = 0
    fault: str = ""
    hashes: int = 0
    refused_hashes: int = 0
    cpu: float = 0.0
    refused_cpu: float = 0.0
    alarm_minutes: float | None = None
    hash_cpu: float = 0.0
    seconds: float = 0.0

    @property
    def guarded(self) -> bool:
        """Whether the app was there."""
        return self.variant.guarded

    @property
    def opened_share(self) -> float | None:
        """Which share of the right passwords opened an account, over the whole attack.

        Of a longer list only the first part was played. What comes after it is taken to go as the
        second half of that part did: the minutes before the alarm must not count for the day.
        """
        if not self.valid:
            return None
        played = self.opened / self.valid
        part = self.tries / self.whole if self.whole else 1.0
        if part >= 1 or not self.late_valid:
            return played
        return part * played + (1 - part) * self.late_opened / self.late_valid

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "variant": self.variant.value, "opened_share": self.opened_share}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Result:
        """Return what `as_dict` was made of."""
        known = {one.name: given[one.name] for one in fields(cls)}
        return cls(**{**known, "variant": Variant(given["variant"])})


class Play:
    """One attack under way."""

    def __init__(
        self,
        site: Site,
        attacker: Attacker,
        people: Population,
        start: float,
        tick: Callable[[int], None],
        *,
        stolen: frozenset[int] = frozenset(),
    ) -> None:
        """Prepare.

        Args:
            site: The site, as new.
            attacker: Who.
            people: Who exists there.
            start: When it begins.
            tick: Hears of each act how many tries it made.
            stolen: Numbers of those whose passwords the site knows to be in a breach.
        """
        browsers = site.browsers(people, start)
        self.site = site
        self.tick = tick
        self.ground = Ground(people, start, browsers, attacker.name)
        self.size = attacker.size(people)
        self.result = Result(attacker.name, site.variant, whole=attacker.whole)
        self.owners = Owners(site, people, stolen)
        self.umpire = Umpire(site.limits, workers=site.workers)
        self._good = people.good_day(start, attacker.good_seconds(people), browsers, attacker.name)
        self._acts = attacker.acts(self.ground)
        self._stumbled: set[tuple[int, str]] = set()

    def run(self) -> Result:
        """Play it to the end."""
        began = time.perf_counter()
        result = self.result
        result.hash_cpu = self.site.hash_cpu
        for act, answers in self._played():
            if isinstance(act, Outage):
                self.umpire.outage(down=act.down)
                continue
            tries = act.tries if isinstance(act, Volley) else (act,)
            seen = list(zip(tries, answers, strict=True))
            # Within a volley there is no order but this: who was judged came first.
            for one, answer in sorted(seen, key=lambda pair: not pair[1].hashes):
                self._count(one, answer)
            self.tick(len(tries))
        result.over = self.umpire.over
        result.seconds = time.perf_counter() - began
        return result

    def _played(self) -> Iterator[tuple[Act, list[Answer]]]:
        """Yield each act with its answers, in the order of time."""
        good = iter(self._good)
        next_good = next(good, None)
        act = next(self._acts, None)
        while act is not None or next_good is not None:
            if act is None or (next_good is not None and next_good.at <= act.at):
                assert next_good is not None  # noqa: S101 - for the type checker
                one = self.owners.as_now(next_good)
                yield one, [self.site.post(one)]
                next_good = next(good, None)
                continue
            answers = self.site.perform(act)
            yield act, answers
            try:
                act = self._acts.send(answers[0] if answers else NO_ANSWER)
            except StopIteration:
                act = None

    def _count(self, one: Try, answer: Answer) -> None:
        self.umpire.see(one, answer)
        if answer.outcome is Outcome.FAULT:
            self.result.faults += 1
            self.result.fault = self.result.fault or answer.said
        if one.good:
            self._count_good(one, answer)
        elif not one.own:
            self._count_attack(one, answer)

    def _count_good(self, one: Try, answer: Answer) -> None:
        """A good sign-in is one, however many tries it takes; `final` is its last."""
        result = self.result
        stumbled = (one.person, one.address)
        if not one.final:
            if answer.outcome is Outcome.REFUSED:
                self._stumbled.add(stumbled)
            return
        challenged = answer.outcome is Outcome.PARKED
        came_in = answer.outcome is Outcome.OPEN or challenged
        refused = not came_in or stumbled in self._stumbled
        self._stumbled.discard(stumbled)
        result.good += 1
        result.good_refused += refused
        result.good_challenged += challenged
        result.good_changed += self.owners.go_on(one, answer)
        result.known += one.known
        result.known_refused += one.known and refused

    def _count_attack(self, one: Try, answer: Answer) -> None:
        result = self.result
        late = result.tries >= self.size // 2
        enrolled = one.person in self.ground.people.enrolled
        right = self.owners.is_right(one)
        result.tries += 1
        result.valid += right
        result.enrolled_valid += right and enrolled
        result.late_valid += right and late
        result.hashes += answer.hashes
        result.cpu += answer.cpu
        if answer.outcome is Outcome.OPEN:
            result.opened += 1
            result.enrolled_opened += enrolled
            result.late_opened += late
        elif answer.outcome is Outcome.PARKED:
            result.parked += 1
        elif answer.outcome is Outcome.REFUSED:
            result.refused += 1
            result.refused_hashes += answer.hashes
            result.refused_cpu += answer.cpu
        elif answer.outcome is Outcome.WRONG:
            result.wrong += 1
        if result.alarm_minutes is None and result.tries % LOOK_EVERY == 0:
            self._look_for_alarm(one.at)

    def _look_for_alarm(self, now: float) -> None:
        if self.site.is_alarmed(now):
            self.result.alarm_minutes = (now - self.ground.start) / MINUTE
