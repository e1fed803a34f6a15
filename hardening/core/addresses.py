"""Whose network address a request came from, and which budget that address falls into.

`X-Forwarded-For` is a list to which every proxy appends the address it was spoken to by. So only
its right end can be believed, and only as far as the proxies that wrote it are: the walk begins at
`REMOTE_ADDR`, goes left over each hop that is trusted, and ends at the first that is not. What a
client sends under that name stands further left and is never read. (RFC 7239 §8.1 says the same of
`Forwarded`.)

Budgets: an IPv4 address counts for itself; of IPv6 a /64, for one subscriber has at least as much
(RFC 6177). Whoever is reached over IPv4 through a translator is found again by the address that is
written into the IPv6 one; else all of IPv4 would share a single /64.

The trap: unmap *first*. ``::ffff:10.0.0.1`` is in no network of IPv4, and all of ``::ffff:0:0/96``
is in one /64.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_HOPS = 32  # looked at; twice as many proxies as anybody may trust by number
MAX_ADDRESS_LENGTH = 64  # characters: brackets, a zone and a port included
IPV4_BITS = 32
BUDGET_BITS = {4: 32, 6: 64}  # throttle.md "Keys"
NET_BITS = {4: 24, 6: 48}
MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291 §2.5.5.2
TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1, NAT64 and SIIT


def client_address(
    remote_addr: str, forwarded_for: str, *, trusted: Sequence[Network], proxy_count: int
) -> str | None:
    """Return the address of the client, or `None` if nobody can tell.

    Args:
        remote_addr: `REMOTE_ADDR`; empty behind a unix socket.
        forwarded_for: `X-Forwarded-For`, of any length, in whatever form.
        trusted: Networks of proxies whose word is taken; see `network`.
        proxy_count: How many proxies stand before the site, wherever they are; 0: none is known.

    Returns:
        The address in its shortest form, unmapped, without port and zone. A hop that is no address
        ends the walk: the last good one counts.
    """
    found = address_of(remote_addr)
    # The rest of a long header stays in one piece at the left, unread.
    hops = forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:] if forwarded_for else []
    for passed, hop in enumerate(reversed(hops)):
        if passed >= proxy_count and not _is_in(found, trusted):
            break
        further = address_of(_without_port(hop.strip(" \t")))
        if further is None:
            break
        found = further
    return None if found is None else str(found)


def address_of(text: str) -> Address | None:
    """Return the address that a text is, unmapped and without its zone, or `None`."""
    if len(text) > MAX_ADDRESS_LENGTH:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return found
    return found.ipv4_mapped or IPv6Address(int(found))  # the number alone has no zone


def network(text: str) -> Network:
    """Return the network that a text in CIDR notation is; one of mapped addresses as IPv4.

    Raises:
        ValueError: If it is none, has bits set beyond its mask, or has a zone.
    """
    if "%" in text:
        raise ValueError(f"{text!r} has a zone, which no client's address has")
    found = ip_network(text)
    if isinstance(found, IPv6Network) and found.subnet_of(MAPPED):
        least = int(found.network_address) & (2**IPV4_BITS - 1)
        return IPv4Network((least, found.prefixlen - MAPPED.prefixlen))
    return found


def budget_prefix(address: str) -> str:
    """Return the network whose tries are counted together: IPv4 /32, IPv6 /64.

    Raises:
        ValueError: If `address` is none.
    """
    return _prefix(address, BUDGET_BITS)


def net_prefix(address: str) -> str:
    """Return the wider neighbourhood of an address: IPv4 /24, IPv6 /48.

    Raises:
        ValueError: If `address` is none.
    """
    return _prefix(address, NET_BITS)


def _prefix(address: str, bits: dict[int, int]) -> str:
    found = address_of(address)
    if found is None:
        raise ValueError("not a network address")
    counted = _behind_translator(found)
    return str(ip_network(f"{counted}/{bits[counted.version]}", strict=False))


def _behind_translator(address: Address) -> Address:
    """Return the IPv4 address that NAT64 or 6to4 wrote into an IPv6 one.

    For budgets only. Whom to trust is asked of the address as it is: what a translator writes is
    no address that a site's own networks hold.
    """
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & (2**IPV4_BITS - 1))
    return address.sixtofour or address  # RFC 3056: each IPv4 address has a whole /48


def _is_in(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in one for one in networks)


def _without_port(hop: str) -> str:
    """Return a hop without brackets and port, as proxies write them; what is neither stays."""
    if hop.startswith("["):
        inside, closed, port = hop[1:].partition("]")
        return inside if closed and ":" in inside and _is_port(port) else ""
    host, colon, port = hop.partition(":")
    return host if colon and "." in host and _is_port(colon + port) else hop


def _is_port(text: str) -> bool:
    digits = text[1:]
    return not text or (text[0] == ":" and digits.isascii() and digits.isdigit())
