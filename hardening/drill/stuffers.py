"""The attackers who have pairs of name and password, stolen elsewhere; and what they have.

A list is drawn for each attack and holds pairs that are right and such as are not any more. Which
are right is known before the attack, or nobody could say what the lists of breaches hold.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

from hardening.drill.ground import (
    WHOLE_LIST,
    Ground,
    Pairs,
    bot,
    day_rate,
    few,
    half,
    in_48,
    pair_count,
    quarter,
)
from hardening.drill.population import HOUR
from hardening.drill.tries import Act, Answer, Outage, Try

Acts = Generator[Act, Answer, None]


def whole_list(ground: Ground) -> Pairs:
    """Return what a day's attack tries."""
    return ground.pairs(pair_count(ground.people))


def half_list(ground: Ground) -> Pairs:
    """Return half as many."""
    return ground.pairs(half(ground.people))


def quarter_list(ground: Ground) -> Pairs:
    """Return a quarter as many."""
    return ground.pairs(quarter(ground.people))


def short_list(ground: Ground) -> Pairs:
    """Return what a small attack tries."""
    return ground.pairs(few(ground.people))


def enrolled_list(ground: Ground) -> Pairs:
    """Return a right pair of everybody with a factor."""
    return [(number, True) for number in ground.people.enrolled]


def no_list(ground: Ground) -> Pairs:
    """Return nothing: nobody's password was stolen."""
    del ground
    return []


def stuffing(
    ground: Ground, pairs: Pairs, *, rate: float, address: Callable[[int], str], forge: bool = False
) -> Acts:
    """Try each pair once, so many a second."""
    dice = ground.dice("times")
    for place, (number, right) in enumerate(pairs):
        at = ground.start + (place + dice.random()) / rate
        one = ground.aimed(at, address(place), number, right=right)
        yield replace(one, forwarded=bot(500_000 + place)) if forge else one


def spread_over(addresses: int) -> Callable[[Ground], Acts]:
    """Stuff for a day from so many addresses, by turns."""

    def acts(ground: Ground) -> Acts:
        pairs = whole_list(ground)
        return stuffing(
            ground, pairs, rate=day_rate(), address=lambda place: bot(place % addresses)
        )

    return acts


def one_address(ground: Ground) -> Acts:
    """Stuff from one address, a try a second."""
    return stuffing(ground, short_list(ground), rate=1, address=lambda _: bot(0))


def burst(ground: Ground) -> Acts:
    """Stuff the whole list in an hour, from 10,000 addresses."""
    rate = WHOLE_LIST / HOUR
    return stuffing(
        ground, whole_list(ground), rate=rate, address=lambda place: bot(place % 10_000)
    )


def one_network(ground: Ground) -> Acts:
    """Stuff from all over one IPv6 /48."""
    dice = ground.dice("addresses")
    return stuffing(ground, half_list(ground), rate=day_rate(), address=lambda _: in_48(dice))


def forged_header(ground: Ground) -> Acts:
    """Stuff from one address that claims to be another one with every try."""
    return stuffing(ground, short_list(ground), rate=1, address=lambda _: bot(0), forge=True)


def own_login(ground: Ground) -> Acts:
    """Sign in to an account of one's own after every four tries, to be let on."""
    mine = ground.people.an_attackers
    cookies = ""
    stream = stuffing(ground, short_list(ground), rate=1, address=lambda _: bot(0))
    for place, act in enumerate(stream):
        if not isinstance(act, Try):
            continue
        yield replace(act, cookies=cookies)
        if place % 4 == 3:  # noqa: PLR2004 - every fourth
            own = ground.aimed(act.at, bot(0), mine, right=True)
            answer = yield replace(own, own=True, cookies=cookies, known=bool(cookies))
            cookies = answer.cookies or cookies


def store_outage(ground: Ground) -> Acts:
    """Stuff from 100 addresses; for the middle third of the time the limits' store is down."""
    pairs = quarter_list(ground)
    stream = stuffing(ground, pairs, rate=day_rate(), address=lambda place: bot(place % 100))
    for place, act in enumerate(stream):
        if place == len(pairs) // 3:
            yield Outage(act.at, down=True)
        if place == 2 * len(pairs) // 3:
            yield Outage(act.at, down=False)
        yield act


def factor_pairs(ground: Ground) -> Acts:
    """Try a right pair of each account with a factor, each from an address of its own.

    So few raise no alarm: the factor alone stands in the way.
    """
    return stuffing(ground, enrolled_list(ground), rate=1, address=bot)
