"""Addresses: whose word counts about where a request came from, and which budget that is.

The promise: a client chooses nothing. By default the header might as well not be there; with
proxies it is read from the right, and what the client sent stands further left.
"""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.core import addresses
from hardening.core.addresses import budget_prefix, client_address, net_prefix, network

PROXY = "10.0.0.1"
CLIENT = "203.0.113.9"
PROXIES = tuple(network(text) for text in ("10.0.0.0/8", "fd00::/8"))

ips = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
hops = st.one_of(ips, st.text(max_size=20), st.sampled_from(["", "unknown", "_x", "10.0.0.7"]))


def seen(remote, forwarded="", *, trusted=(), count=0):
    return client_address(remote, forwarded, trusted=trusted, proxy_count=count)


# --- one address --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "remote, expected",
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:CB00:7109", "203.0.113.9"),
        ("::ffff:203.0.113.9%eth0", "203.0.113.9"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::1", "::1"),
        ("::203.0.113.9", "::cb00:7109"),  # "compatible", long out of use: no IPv4 address
        ("", None),
        ("unix:", None),
        ("/run/site.sock", None),
        ("203.0.113.9:80", None),  # a server writes no port here
        ("203.0.113.09", None),  # octal or decimal: readers differ
        ("203.0.113", None),
        ("２０３.0.113.9", None),
        ("fe80::1%", None),
        ("fe80::1%eth0%eth1", None),
        ("2001:db8::1%" + "z" * 60, None),
    ],
)
def test_an_address_is_unmapped_and_loses_its_zone(remote, expected):
    assert seen(remote) == expected


# --- the header ---------------------------------------------------------------------------------

FORGED = "198.51.100.66"

WALKS = [
    # by default
    (CLIENT, FORGED, (), 0, CLIENT),
    (PROXY, f"{FORGED}, {CLIENT}", (), 0, PROXY),
    ("", CLIENT, (), 0, None),
    # trusted networks: the right-most hop that is not trusted
    (PROXY, CLIENT, PROXIES, 0, CLIENT),
    (PROXY, f"{FORGED}, {CLIENT}", PROXIES, 0, CLIENT),
    (PROXY, f"{FORGED}, {CLIENT}, 10.1.1.1", PROXIES, 0, CLIENT),
    (PROXY, f"{FORGED},{CLIENT},fd00::5,::ffff:10.1.1.1", PROXIES, 0, CLIENT),
    ("::ffff:10.0.0.1", CLIENT, PROXIES, 0, CLIENT),
    ("fd00::1", "2001:db8::7", PROXIES, 0, "2001:db8::7"),
    (CLIENT, FORGED, PROXIES, 0, CLIENT),  # came past the proxy
    (PROXY, "", PROXIES, 0, PROXY),
    (PROXY, "10.2.2.2, 10.1.1.1", PROXIES, 0, "10.2.2.2"),  # from within the network
    ("", CLIENT, PROXIES, 0, None),
    # a malformed hop stops the walk
    (PROXY, f"{FORGED}, unknown, 10.1.1.1", PROXIES, 0, "10.1.1.1"),
    (PROXY, f"{FORGED}, ", PROXIES, 0, PROXY),
    (PROXY, f"{FORGED},,10.1.1.1", PROXIES, 0, "10.1.1.1"),
    (PROXY, f"{CLIENT}x", PROXIES, 0, PROXY),
    # a number of proxies: that many hops from the right
    (PROXY, f"{FORGED}, {CLIENT}", (), 1, CLIENT),
    ("192.0.2.1", f"{FORGED}, {CLIENT}, 198.51.100.1", (), 2, CLIENT),
    ("192.0.2.1", CLIENT, (), 2, CLIENT),  # past the first of them
    ("192.0.2.1", "", (), 2, "192.0.2.1"),
    ("192.0.2.1", f"{FORGED}, unknown", (), 1, "192.0.2.1"),
    ("192.0.2.1", f"unknown, {CLIENT}", (), 2, CLIENT),
    # behind a unix socket
    ("", f"{FORGED}, {CLIENT}", (), 1, CLIENT),
    ("unix:", f"{FORGED}, {CLIENT}", (), 1, CLIENT),
    ("", "unknown", (), 1, None),
    ("", f"{FORGED}, {CLIENT}, 10.1.1.1", PROXIES, 1, CLIENT),
    # both: first the number, then the networks
    ("192.0.2.1", f"{FORGED}, {CLIENT}, 10.1.1.1", PROXIES, 1, CLIENT),
    # ports, brackets and space, as proxies write them
    (PROXY, f"{CLIENT}:4711", PROXIES, 0, CLIENT),
    (PROXY, "[2001:db8::7]:443", PROXIES, 0, "2001:db8::7"),
    (PROXY, "[2001:db8::7]", PROXIES, 0, "2001:db8::7"),
    (PROXY, "[::ffff:203.0.113.9]:80", PROXIES, 0, CLIENT),
    (PROXY, "[fe80::1%eth0]:80", PROXIES, 0, "fe80::1"),
    (PROXY, f" \t{CLIENT} \t", PROXIES, 0, CLIENT),
    (PROXY, f"{CLIENT}:", PROXIES, 0, PROXY),
    (PROXY, f"{CLIENT}:http", PROXIES, 0, PROXY),
    (PROXY, "[2001:db8::7", PROXIES, 0, PROXY),
    (PROXY, "[2001:db8::7]x", PROXIES, 0, PROXY),
    (PROXY, f"[{CLIENT}]:80", PROXIES, 0, PROXY),
    (PROXY, f'"{CLIENT}"', PROXIES, 0, PROXY),
    (PROXY, f"{CLIENT}\x0b", PROXIES, 0, PROXY),
]


@pytest.mark.parametrize("remote, forwarded, trusted, count, expected", WALKS)
def test_the_header_is_walked_from_the_right(remote, forwarded, trusted, count, expected):
    assert seen(remote, forwarded, trusted=trusted, count=count) == expected


@given(remote=ips, header=st.one_of(st.text(), st.lists(hops).map(", ".join)))
def test_by_default_a_forged_header_changes_nothing(remote, header):
    assert seen(remote, header) == seen(remote)


@given(client=ips, header=st.one_of(st.text(), st.lists(hops).map(", ".join)))
def test_a_client_beside_the_proxies_chooses_nothing(client, header):
    if not addresses._is_in(addresses.address_of(client), PROXIES):
        assert seen(client, header, trusted=PROXIES) == seen(client)


@given(client=ips, sent=st.lists(hops).map(",".join), between=st.integers(0, 3))
def test_what_a_client_sends_never_reaches_past_its_own_address(client, sent, between):
    chain = [client, *(f"10.0.0.{number}" for number in range(2, 2 + between))]
    header = ",".join([sent, *chain] if sent else chain)
    if addresses._is_in(addresses.address_of(client), PROXIES):
        return
    assert seen(PROXY, header, trusted=PROXIES) == seen(client)
    assert seen(PROXY, header, count=between + 1) == seen(client)


@given(remote=st.one_of(ips, st.text()), header=st.text(), count=st.integers(0, 16))
def test_whatever_comes_the_answer_is_an_address_in_its_shortest_form_or_none(
    remote, header, count
):
    found = seen(remote, header, trusted=PROXIES, count=count)
    if found is not None:
        assert str(ipaddress.ip_address(found)) == found
        assert seen(found) == found


def test_a_header_of_64_kb_is_not_walked_to_its_end(monkeypatch):
    looked = []
    real = addresses.address_of
    monkeypatch.setattr(addresses, "address_of", lambda text: looked.append(text) or real(text))
    header = "10.0.0.1," * 7000 + "10.0.0.1"
    assert seen(PROXY, header, trusted=PROXIES) == "10.0.0.1"
    assert len(looked) <= addresses.MAX_HOPS + 1


def test_one_hop_of_64_kb_is_no_address():
    assert seen(PROXY, "1" * 65536, trusted=PROXIES) == PROXY
    assert seen("1" * 65536) is None


# --- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("fd00::/8", "fd00::/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_read_and_unmapped(text, expected):
    assert str(network(text)) == expected


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "fe80::1%eth0", "nginx"])
def test_what_is_no_network_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        network(text)


# --- budgets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address, budget, net",
    [
        ("203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("::1", "::/64", "::/48"),
        ("64:ff9b::203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),  # NAT64, SIIT
        ("2002:cb00:7109::1", "203.0.113.9/32", "203.0.113.0/24"),  # 6to4
        ("64:ff9b:1::203.0.113.9", "64:ff9b:1::/64", "64:ff9b:1::/48"),  # where it stands varies
    ],
)
def test_the_budget_of_an_address(address, budget, net):
    assert budget_prefix(address) == budget
    assert net_prefix(address) == net


@given(first=st.ip_addresses(v=4), second=st.ip_addresses(v=4))
@pytest.mark.parametrize("way", ["{}", "::ffff:{}", "64:ff9b::{}"])
def test_two_addresses_of_ipv4_never_share_a_budget(way, first, second):
    shared = budget_prefix(way.format(first)) == budget_prefix(way.format(second))
    assert shared == (first == second)


@given(first=st.ip_addresses(v=4), second=st.ip_addresses(v=6))
def test_ipv4_and_ipv6_share_no_budget_but_by_translation(first, second):
    translated = second.ipv4_mapped or second.sixtofour or second in addresses.TRANSLATED
    if not translated:
        assert budget_prefix(str(first)) != budget_prefix(str(second))


@given(network=st.integers(0, 2**64 - 1), hosts=st.tuples(*[st.integers(0, 2**64 - 1)] * 2))
def test_all_of_a_64_is_one_budget(network, hosts):
    one, other = (ipaddress.IPv6Address(network << 64 | host) for host in hosts)
    if not {*(one.ipv4_mapped, other.ipv4_mapped)} - {None} and network >> 32 != 0x64FF9B:
        assert budget_prefix(str(one)) == budget_prefix(str(other))


@pytest.mark.parametrize("text", ["", "unknown", "203.0.113.9/32"])
def test_what_is_no_address_has_no_budget(text):
    for prefix in (budget_prefix, net_prefix):
        with pytest.raises(ValueError, match="not a network address"):
            prefix(text)
