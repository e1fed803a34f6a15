"""What a password try is charged to: its address and the account it means, or a known browser.

The trap: whom a name means is asked for known and unknown names alike, and a device cookie vouches
for nobody but the accounts that it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening import devices, facts
from hardening.core.addresses import budget_prefix
from hardening.core.backoff import Backoff
from hardening.core.limits import DEVICE_CAP, Limits
from hardening.core.names import canonical
from hardening.core.throttle import SECOND_US
from hardening.flows import challenge
from hardening.models.throttle import TARGET_LENGTH
from hardening.throttle import lookup, store, subjects
from hardening.throttle.budgets import Budget, Refused, Taken

if TYPE_CHECKING:
    from hardening.devices import Device

# No waits; at the cap the browser counts as unknown (throttle.md "Rules").
DEVICE_BACKOFF = Backoff(free=DEVICE_CAP, cap=DEVICE_CAP)


def place_of(address: str | None, limits: Limits) -> Budget | None:
    """Return the budget of a network address; `None` where nobody knows it."""
    if address is None:
        return None
    net = challenge.net_of(address)
    return Budget(subjects.address(budget_prefix(address)), limits.address, net=net)


def is_remote() -> bool:
    """Return whether rates are counted beside the database."""
    return store.current().remote


def charge(
    place: Budget | None, held: Taken | Refused | None, account: Budget, now_us: int
) -> Taken | Refused:
    """Charge a try to its address and to the account, or to neither.

    `held`: the address is charged already.
    """
    kept = store.current()
    if not isinstance(held, Taken):
        return kept.take([account] if place is None else [place, account], now_us=now_us)
    outcome = kept.take([account], now_us=now_us)
    if isinstance(outcome, Refused):
        kept.give_back(held, now_us=now_us)
        return outcome
    return held.with_more(outcome)


def account_of(name: str, meant: tuple[Any, str] | None, limits: Limits) -> Budget:
    """Return the budget of the account that a name means, or of the name that nobody has."""
    if meant is None:
        return Budget(subjects.nobody(canonical(name)), backoff=limits.account)
    pk, stored = meant
    target = str(pk)[:TARGET_LENGTH]
    return Budget(subjects.password(pk, stored), backoff=limits.account, target_pk=target)


def borne_by(user: Any, name: str, *, alone: bool) -> tuple[Any, str] | None:
    """Return whom a try at an exact name is charged to; `None`: to the name, which nobody owns.

    Our own backend judges this account. Another may take the name for somebody else's, and its
    guesses must not be charged to an account, or a browser, of whoever guesses.
    """
    if not alone and lookup.may_mean_another(name, user.pk):
        return None
    return user.pk, user.password


def bearer_of(cookie: str | None, meant: tuple[Any, str] | None) -> Any:
    """Return whom a browser may be known to, where a name was typed that another backend takes.

    Nobody can make a cookie that names an account, so the query more tells nothing to strangers.
    """
    if meant is None or not devices.is_about(cookie, meant[0]):
        return None
    return facts.load_user(meant[0])


def device_of(user: Any, cookie: str | None, now_us: int) -> Device | None:
    """Return what the device cookie says of this browser to this account."""
    if user is None:
        return None
    who = facts.attached(user).who()
    return devices.find(
        cookie,
        user.pk,
        password=user.password,
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        now=now_us // SECOND_US,
    )


def of_device(device: Device, user: Any, limits: Limits) -> Budget:
    """Return the budget of a known browser with one account."""
    key = subjects.device(device.nonce, user.pk)
    return Budget(key, limits.device, DEVICE_BACKOFF)
