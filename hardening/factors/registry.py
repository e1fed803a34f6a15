"""Which kinds of factor exist, and the text that carries them into the query for the user.

The text of `Account.factors` is ``id:kind:strength:flags`` joined by commas, flags being ``k``
(usable from known browsers) and ``u`` (from unknown ones). Integers and text only, because
annotations of a compiled query get no converters.

The trap: an entry whose kind is no longer installed is kept, as a factor that cannot be used.
Dropping it would remove somebody's second factor by uninstalling a package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from hardening.core.values import Factor as FactorValue
from hardening.core.values import Strength
from hardening.factors import totp
from hardening.models import Account, Factor
from hardening.models.factor import MAX_CONSECUTIVE_FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of factor: what people call it, and how hard it is to steal."""

    key: str
    label: Any
    strength: Strength


_kinds: dict[str, Kind] = {}


def install(kind: Kind) -> None:
    """Make a kind of factor known."""
    _kinds[kind.key] = kind


def kinds() -> tuple[Kind, ...]:
    """Return every installed kind."""
    return tuple(_kinds.values())


def strongest() -> Strength:
    """Return the highest strength that an installed kind reaches; policies ask for no more."""
    return max((kind.strength for kind in _kinds.values()), default=Strength.NONE)


install(Kind(totp.KIND, _("Authenticator app"), Strength.ANY))


def rewrite(user_pk: Any) -> None:
    """Write the account's encoded factors anew from its rows. Inside the caller's transaction."""
    rows = Factor.objects.owned(user_pk).confirmed().order_by("pk")
    Account.objects.rewrite_factors(user_pk, encode(rows))


def encode(rows: Iterable[Factor]) -> str:
    """Return the text for confirmed factor rows."""
    return ",".join(_entry(row) for row in rows)


def _entry(row: Factor) -> str:
    kind = _kinds.get(row.kind)
    strength = kind.strength if kind else Strength.ANY
    known = "k" if kind and row.failures_known < MAX_CONSECUTIVE_FAILURES else ""
    unknown = "u" if kind and row.failures_unknown < MAX_CONSECUTIVE_FAILURES else ""
    return f"{row.pk}:{row.kind}:{int(strength)}:{known}{unknown}"


def decode(text: str, *, known_browser: bool) -> tuple[FactorValue, ...]:
    """Return the factors that a text names, as this kind of browser may use them.

    Raises:
        ValueError: If the text is not one that `encode` wrote; callers answer 503.
    """
    return tuple(_value(entry, known_browser=known_browser) for entry in text.split(",") if entry)


def _value(entry: str, *, known_browser: bool) -> FactorValue:
    pk, kind, strength, flags = entry.split(":")
    usable = kind in _kinds and ("k" if known_browser else "u") in flags
    return FactorValue(int(pk), kind, Strength(int(strength)), usable=usable)
