"""What must hold. Each broken promise is one sentence with its numbers.

No account opens, not even before an alarm, to somebody who has its password but not its mailbox,
where it has a factor or where the breach check is on. Nobody but owners reads mail in the drill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening.drill.attackers import BY_NAME, LOCKOUT, QUIET
from hardening.drill.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hardening.drill.play import Result

MOST_OPENED = 0.01  # of the right passwords, for each distributed attacker
MOST_REFUSED = MOST_CHALLENGED = 0.001  # of good sign-ins on quiet days


def broken(results: Iterable[Result]) -> list[str]:
    """Return what does not hold of the site with the app; empty if all of it does."""
    guarded = (result for result in results if result.guarded)
    return [f"{result.name}: {said}" for result in guarded for said in _of(result)]


def _of(result: Result) -> Iterator[str]:
    if result.over:
        yield f"{result.over} tries were judged beyond the limits"
    if result.refused_hashes:
        yield f"{result.refused_hashes} passwords were hashed for tries that were refused"
    if result.faults:
        yield f"{result.faults} tries were answered by a fault, the first by {result.fault}"
    if BY_NAME[result.name].distributed and (result.opened_share or 0) > MOST_OPENED:
        yield f"{result.opened_share:.1%} of the right passwords opened an account"
    if result.enrolled_opened:
        yield f"{result.enrolled_opened} accounts were opened without their factor"
    if result.variant is Variant.BREACH and result.opened:
        yield (
            f"{result.opened} of {result.valid} right passwords opened an account in spite of the"
            " breach check"
        )
    if result.name == LOCKOUT and result.known_refused:
        yield f"{result.known_refused} owners were refused on known browsers"
    if result.name == QUIET:
        yield from _of_quiet_days(result)


def _of_quiet_days(result: Result) -> Iterator[str]:
    if result.good_refused > MOST_REFUSED * result.good:
        yield f"{result.good_refused} of {result.good} good sign-ins were refused"
    if result.good_challenged > MOST_CHALLENGED * result.good:
        yield f"{result.good_challenged} of {result.good} good sign-ins were challenged"
