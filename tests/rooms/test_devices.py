"""The device cookie's contents: whom it knows, what ends that, and that nothing else gets in."""

from __future__ import annotations

import base64
import re
import string
from dataclasses import replace

import pytest
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from hardening import devices, keys
from hardening.devices import Device
from tests.visitor import DAY, NOW

NEW, OLD = "n" * 40, "o" * 40
PK = 7
STORED = "argon2$of today"
RFC_6265 = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")  # §4.1.1, cookie-octet
ENTRY = r"[A-Za-z0-9_-]{80}"
TODAY = NOW // DAY * DAY  # 00:00 UTC
NONCES = st.binary(min_size=16, max_size=16)
EPOCHS = st.integers(min_value=0, max_value=2**63 - 1)
HASHES = st.text(st.characters(codec="utf-8"), max_size=40)
PKS = st.one_of(st.integers(), st.uuids(), st.text(st.characters(codec="utf-8"), max_size=40))
LETTERS = string.ascii_letters + string.digits + "-_"


def nonce(number=1):
    return bytes([number]) * 16


def issue(
    cookie=None,
    pk=PK,
    *,
    password=STORED,
    account=0,
    site=0,
    proven=True,
    days=None,
    random=None,
    now=NOW,
):
    return devices.issue(
        cookie,
        pk,
        password=password,
        account_epoch=account,
        site_epoch=site,
        proven=proven,
        remembered_days=days,
        random=nonce() if random is None else random,
        now=now,
    )


def find(cookie, pk=PK, *, password=STORED, account=0, site=0, now=NOW):
    epochs = {"account_epoch": account, "site_epoch": site}
    return devices.find(cookie, pk, password=password, **epochs, now=now)


def ring(*roots):
    return override_settings(HARDENING={"VAULT_KEYS": list(roots)})


def raw(entry):
    return base64.urlsafe_b64decode(entry)


# ---------------------------------------------------------------- what it remembers


@pytest.mark.parametrize("proven", [True, False])
def test_what_was_issued_is_found(proven) -> None:
    cookie = issue(proven=proven, random=nonce(9))
    assert find(cookie) == Device(nonce(9), proven=proven)


@given(pk=PKS, account=EPOCHS, site=EPOCHS, random=NONCES, proven=st.booleans())
def test_it_is_found_whatever_the_account(pk, account, site, random, proven) -> None:
    cookie = issue(pk=pk, account=account, site=site, random=random, proven=proven)
    assert find(cookie, pk, account=account, site=site) == Device(random, proven=proven)
    assert re.fullmatch(ENTRY, cookie)
    assert RFC_6265.fullmatch(cookie)


def test_a_browser_without_a_cookie_is_unknown() -> None:
    assert find(None) is None
    assert find("") is None


def test_every_sign_in_has_a_nonce_of_its_own() -> None:
    first = issue(random=nonce(1))
    second = issue(first, random=nonce(2))
    assert find(second).nonce == nonce(2)
    assert "." not in second  # the older entry was replaced


def test_a_nonce_of_another_length_is_refused() -> None:
    for random in (b"", b"n" * 15, b"n" * 17):
        with pytest.raises(ValueError, match="16 bytes"):
            issue(random=random)


# ---------------------------------------------------------------- proven or not


def test_a_password_alone_makes_no_device_proven() -> None:
    assert not find(issue(proven=False)).proven


def test_a_later_plain_sign_in_does_not_make_a_proven_device_less() -> None:
    """Else the second sign-in after a mailbox proof would be asked for the mailbox again."""
    cookie = issue(issue(proven=True), proven=False, random=nonce(2))
    assert find(cookie) == Device(nonce(2), proven=True)


def test_a_proof_makes_a_device_proven_that_was_not() -> None:
    assert find(issue(issue(proven=False), proven=True)).proven


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param({"account": 1}, id="another epoch of the account"),
        pytest.param({"password": "argon2$of yesterday"}, id="an older password"),
        pytest.param({"site": 1}, id="another epoch of the site"),
        pytest.param({"pk": 8}, id="another account"),
        pytest.param({"now": NOW - 181 * DAY}, id="too old"),
        pytest.param({"now": NOW + DAY}, id="from the future"),
    ],
)
def test_what_is_not_valid_lends_no_proof(earlier) -> None:
    assert not find(issue(issue(**earlier), proven=False)).proven


def test_a_flag_turned_on_by_hand_lends_no_proof() -> None:
    changed = bytearray(raw(issue(proven=False)))
    changed[37] |= 1
    forged = base64.urlsafe_b64encode(changed).decode()
    assert find(forged) is None
    assert not find(issue(forged, proven=False)).proven


def test_what_was_forgotten_lends_no_proof() -> None:
    revoked = devices.forget(issue(proven=True), PK)
    assert not find(issue(revoked, proven=False)).proven


# ---------------------------------------------------------------- what ends it


@pytest.mark.parametrize(
    "changed",
    [
        {"pk": 8},
        {"pk": "77"},
        {"account": 1},
        {"account": -1},
        {"site": 1},
        {"account": 3, "site": 2},
    ],
    ids=str,
)
def test_it_holds_for_one_account_under_its_epochs_only(changed) -> None:
    cookie = issue(account=2, site=3)
    assert find(cookie, account=2, site=3) is not None
    asked = {"pk": PK, "account": 2, "site": 3, **changed}
    assert find(cookie, asked["pk"], account=asked["account"], site=asked["site"]) is None


@given(one=st.tuples(PKS, EPOCHS, EPOCHS), other=st.tuples(PKS, EPOCHS, EPOCHS))
@example(one=(1, 11, 1), other=(1, 1, 11))  # a boundary that could be moved
@example(one=(1, 1, 11), other=(11, 1, 1))
def test_no_other_account_and_no_other_epoch_is_known(one, other) -> None:
    cookie = issue(pk=one[0], account=one[1], site=one[2])
    same = (str(one[0]), *one[1:]) == (str(other[0]), *other[1:])
    assert (find(cookie, other[0], account=other[1], site=other[2]) is not None) == same


@pytest.mark.parametrize(
    "later, known",
    [
        pytest.param(0, True, id="at once"),
        pytest.param(DAY - 1, True, id="the same day"),
        pytest.param(181 * DAY - 1, True, id="the end of the last day"),
        pytest.param(181 * DAY, False, id="the day after"),
        pytest.param(3650 * DAY, False, id="years later"),
        pytest.param(-1, False, id="the day before"),
    ],
)
def test_it_is_known_for_180_days_and_to_the_end_of_the_last(later, known) -> None:
    cookie = issue(now=TODAY)
    assert (find(cookie, now=TODAY + later) is not None) == known


def test_the_site_says_for_how_many_days() -> None:
    with override_settings(HARDENING={"DEVICE_COOKIE_DAYS": 1}):
        cookie = issue(now=TODAY + DAY - 1)  # a minute before midnight it still is a day
        assert find(cookie, now=TODAY + 2 * DAY - 1) is not None
        assert find(cookie, now=TODAY + 2 * DAY) is None


@given(one=st.tuples(EPOCHS, HASHES), other=st.tuples(EPOCHS, HASHES))
@example(one=(1, "1x"), other=(11, "x"))  # a boundary that could be moved
@example(one=(1, ""), other=(1, "x"))
def test_it_is_known_under_the_password_alone_that_it_was_made_under(one, other) -> None:
    cookie = issue(site=one[0], password=one[1])
    known = find(cookie, site=other[0], password=other[1]) is not None
    assert known == (one == other)


def test_an_account_is_forgotten_whatever_its_password() -> None:
    cookie = issue(password="argon2$of yesterday")
    assert devices.is_about(cookie, PK)
    assert devices.forget(cookie, PK) == ""
    assert "." not in issue(cookie)  # nor does its entry stay beside the new one


# ---------------------------------------------------------------- keys


def test_every_key_on_the_ring_reads_and_the_newest_makes() -> None:
    with ring(OLD):
        old = issue(proven=True)
    with ring(NEW, OLD):
        assert find(old).proven
        renewed = issue(old, proven=False, random=nonce(2))
        assert "." not in renewed  # known as the same account's, under another key
    with ring(NEW):
        assert find(old) is None
        assert find(renewed) == Device(nonce(2), proven=True)


def test_a_digest_of_another_purpose_is_no_tag(monkeypatch) -> None:
    monkeypatch.setattr(devices, "Purpose", _AsThrottle)
    forged = issue()
    assert find(forged) is not None
    monkeypatch.undo()
    assert find(forged) is None


class _AsThrottle:
    DEVICE = keys.Purpose.THROTTLE


# ---------------------------------------------------------------- browsers that are remembered


def until(cookie, most=30, **bound):
    """Return how long after `NOW` no code is asked for; 0: it is."""
    device = find(cookie, **bound)
    return device.remembered_until(most) - NOW if device.is_remembered(most, now=NOW) else 0


@pytest.mark.parametrize(
    "ticked, most, days",
    [(14, 30, 14), (14, 14, 14), (14, 7, 7), (14, 0, 0), (0, 30, 0), (None, 30, 0)],
)
def test_a_browser_is_remembered_as_long_as_was_ticked_and_policies_allow(
    ticked, most, days
) -> None:
    assert until(issue(days=ticked), most) == days * DAY


@pytest.mark.parametrize("after, good", [(0, True), (DAY - 1, True), (DAY, False), (-1, False)])
def test_it_is_over_with_the_last_second(after, good) -> None:
    assert find(issue(days=1)).is_remembered(30, now=NOW + after) == good


def test_the_next_sign_in_does_not_put_the_end_off() -> None:
    cookie = issue(issue(days=14, now=NOW - 3 * DAY), random=nonce(2))
    assert until(cookie) == 11 * DAY
    assert until(issue(cookie, days=14)) == 14 * DAY


def test_it_is_taken_back_and_the_browser_stays_known() -> None:
    cookie = issue(issue(days=14), days=0)
    assert until(cookie) == 0
    assert find(cookie).proven


@pytest.mark.parametrize("bound", [{"account": 1}, {"site": 1}, {"password": "another"}])
def test_it_ends_with_whatever_the_entry_is_bound_to(bound) -> None:
    cookie = issue(days=14)
    assert find(cookie, **bound) is None
    assert until(issue(cookie, **bound), **bound) == 0


def test_only_a_proven_browser_is_remembered() -> None:
    assert until(issue(days=14, proven=False)) == 0


def test_it_is_remembered_for_one_account_and_no_other() -> None:
    cookie = issue(issue(days=14), 8)
    assert until(cookie) == 14 * DAY
    assert not find(cookie, 8).is_remembered(30, now=NOW)


def plain(pk=PK, *, account=0, now=NOW):
    """Return an entry as it was before browsers could be remembered."""
    bound = devices._Bound(STORED, account, 0)
    name = devices._accounts(nonce(), pk)[0]
    entry = devices._Entry(nonce(), now // DAY, name, devices.PROVEN, b"", version=1)
    return replace(entry, tag=devices._tags(entry, bound)[0]).text()


def test_an_entry_from_before_is_read_and_carried_along() -> None:
    assert len(plain()) == 72
    assert find(plain()) == Device(nonce(), proven=True)
    assert until(plain()) == 0
    assert find(plain(), account=1) is None
    both = issue(plain(8), pk=PK)
    assert plain(8) in both
    assert find(both, 8).proven


def test_an_entry_from_before_becomes_one_of_today() -> None:
    renewed = issue(plain(), proven=False)
    assert re.fullmatch(ENTRY, renewed)
    assert find(renewed).proven


# ---------------------------------------------------------------- several accounts


def test_a_browser_is_known_to_five_accounts_and_the_newest_stay() -> None:
    cookie = None
    for pk in range(1, 8):
        cookie = issue(cookie, pk, random=nonce(pk))
    assert [find(cookie, pk) is not None for pk in range(1, 8)] == [False] * 2 + [True] * 5
    assert len(cookie) == 5 * 81 - 1
    assert RFC_6265.fullmatch(cookie)


def test_signing_in_again_keeps_the_others() -> None:
    cookie = issue(issue(issue(pk=1), pk=2), pk=1, random=nonce(5))
    assert find(cookie, 1) == Device(nonce(5), proven=True)
    assert find(cookie, 2) is not None


def test_an_entry_that_is_out_of_date_makes_room() -> None:
    cookie = issue(issue(pk=1, now=NOW - 181 * DAY), pk=2)
    assert re.fullmatch(ENTRY, cookie)


def test_entries_of_a_site_below_another_path_are_left_alone() -> None:
    """The name is bound to the host, so two sites on one host share one cookie."""
    with ring(OLD):
        theirs = issue(pk=PK)
    with ring(NEW):
        both = issue(theirs, PK, proven=False)
        assert not find(both).proven
    with ring(OLD):
        assert find(both).proven
        assert find(issue(both, PK)) is not None


def test_one_account_is_forgotten_and_the_others_stay() -> None:
    cookie = devices.forget(issue(issue(pk=1), pk=2), 1)
    assert find(cookie, 1) is None
    assert find(cookie, 2) is not None
    assert devices.forget(cookie, 2) == ""
    assert devices.forget(None, 1) == ""


def test_an_account_is_forgotten_whatever_its_epoch() -> None:
    assert devices.forget(issue(account=9, site=9, now=NOW - 400 * DAY), PK) == ""


# ---------------------------------------------------------------- hostile cookies


@given(st.one_of(st.text(), st.text(LETTERS + ".=+/", min_size=60, max_size=400)))
@example("." * 364)
@example("A" * 72)
@example("A" * 80)
@example("B" * 76)
@example("_" * 72)
@example("A" * 71 + "=")
@example("A" * 71 + "\n")
@example("\u0661" * 72)  # digits, to some
@example("\ud800" * 72)
@example("A" * 10_000_000)
def test_no_cookie_is_a_fault_and_none_of_them_is_believed(cookie) -> None:
    assert find(cookie) is None
    assert find(devices.forget(cookie, PK)) is None
    renewed = issue(cookie)
    assert find(renewed) == Device(nonce(), proven=True)
    assert len(renewed) <= 5 * 81 - 1
    assert re.fullmatch(rf"{ENTRY}(\.{ENTRY})*", renewed)
    assert devices.has_entries(cookie) in (True, False)


@given(place=st.integers(0, 79), letter=st.sampled_from(LETTERS))
def test_no_single_letter_may_differ(place, letter) -> None:
    cookie = issue()
    changed = cookie[:place] + letter + cookie[place + 1 :]
    assert (find(changed) is not None) == (changed == cookie)


@given(cut=st.integers(0, 79))
def test_a_part_of_it_is_worth_nothing(cut) -> None:
    assert find(issue()[:cut]) is None


def test_another_version_is_not_read() -> None:
    later = bytearray(raw(issue()))
    later[0] = 3
    assert not devices.has_entries(base64.urlsafe_b64encode(later).decode())


def test_rubbish_beside_an_entry_takes_nothing_from_it() -> None:
    for cookie in (f"x.{issue()}", f"{issue()}.", f"..{issue()}.{'A' * 72}"):
        assert find(cookie) is not None


def test_a_sixth_entry_makes_a_cookie_that_is_not_ours() -> None:
    assert find(".".join([issue()] * 5)) is not None
    assert find(".".join([issue()] * 6)) is None


def test_a_hostile_cookie_costs_few_digests(monkeypatch) -> None:
    asked = []
    real = keys.macs
    monkeypatch.setattr(keys, "macs", lambda *parts: asked.append(parts) or real(*parts))
    find(".".join([issue(pk=8)] * 5))
    assert len(asked) <= 12
    asked.clear()
    find("A" * 5000)
    find("A." * 182)
    assert asked == []


@pytest.mark.parametrize(
    "cookie, bears",
    [(None, False), ("", False), ("x", False), ("A" * 72, False), ("A" * 73, False)],
)
def test_a_cheap_look_says_when_there_is_nothing(cookie, bears) -> None:
    assert devices.has_entries(cookie) is bears


def test_a_cheap_look_sees_what_may_be_an_entry() -> None:
    assert devices.has_entries(issue())
    assert devices.has_entries(f"x.{issue(account=5)}")


# ---------------------------------------------------------------- privacy


def test_the_cookie_names_nobody() -> None:
    cookie = issue(pk="ada@example.com")
    assert b"ada" not in raw(cookie)
    assert "ada" not in cookie


def test_two_browsers_of_one_account_have_nothing_in_common() -> None:
    one, other = raw(issue(random=nonce(1))), raw(issue(random=nonce(2)))
    assert one[21:37] != other[21:37]


def test_a_device_does_not_show_its_nonce() -> None:
    assert (
        repr(Device(b"secret nonce 16b", proven=True))
        == "Device(proven=True, remembered_at=0, remembered_days=0)"
    )
