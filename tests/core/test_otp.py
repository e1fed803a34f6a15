"""RFC 6238's own table first, then what a code may not be, then the promises as properties."""

from __future__ import annotations

import base64
import time
import unicodedata
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.core import otp

SECRET = b"12345678901234567890"  # RFC 6238 Appendix B, the SHA-1 seed
NEVER = -1

# RFC 6238 Appendix B, SHA-1: Unix seconds, time step, eight digits.
APPENDIX_B = [
    (59, 0x1, "94287082"),
    (1111111109, 0x23523EC, "07081804"),
    (1111111111, 0x23523ED, "14050471"),
    (1234567890, 0x273EF07, "89005924"),
    (2000000000, 0x3F940AA, "69279037"),
    (20000000000, 0x27BC86AA, "65353130"),
]
# RFC 4226 §5.3: fewer digits are the remainder by a smaller power of ten, so the last ones.
SIX_DIGITS = [(now, step, code[-otp.DIGITS :]) for now, step, code in APPENDIX_B]

# Steps of this very secret whose codes are equal, found by search.
SAME_CODE_TWO_APART = (153567, 153569, "468457")
SAME_CODE_NEIGHBOURS = (910737, 910738, "911617")

secrets = st.binary(min_size=otp.MIN_SECRET_BYTES, max_size=64)
moments = st.integers(min_value=0, max_value=2**40)
WEDGE = 10 * otp.PERIOD_SECONDS


@pytest.mark.parametrize("now, step, code", SIX_DIGITS)
def test_the_table_of_rfc_6238_holds(now: int, step: int, code: str) -> None:
    assert otp.code_at(SECRET, now=now) == code
    assert otp.match_step(SECRET, code, now=now, after=NEVER, window=0) == step


@pytest.mark.parametrize("now, step, code", SIX_DIGITS)
def test_a_spent_step_never_matches_again(now: int, step: int, code: str) -> None:
    assert otp.match_step(SECRET, code, now=now, after=step) is None
    assert otp.match_step(SECRET, code, now=now, after=step + 1) is None
    assert otp.match_step(SECRET, code, now=now, after=step - 1) == step


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_one_step_either_side_is_accepted(late: int) -> None:
    now = 1_900_000_000
    code = otp.code_at(SECRET, now=now)
    heard = now + late * otp.PERIOD_SECONDS
    assert otp.match_step(SECRET, code, now=heard, after=NEVER) == now // otp.PERIOD_SECONDS


@pytest.mark.parametrize("late", [-2, 2])
def test_two_steps_either_side_are_not(late: int) -> None:
    now = 1_900_000_000
    code = otp.code_at(SECRET, now=now)
    heard = now + late * otp.PERIOD_SECONDS
    assert otp.match_step(SECRET, code, now=heard, after=NEVER) is None


def test_an_older_code_of_the_window_is_refused_after_a_newer_one() -> None:
    now = 1_900_000_000
    older = otp.code_at(SECRET, now=now - otp.PERIOD_SECONDS)
    newer = otp.match_step(SECRET, otp.code_at(SECRET, now=now), now=now, after=NEVER)
    assert newer is not None
    assert otp.match_step(SECRET, older, now=now, after=newer) is None


@pytest.mark.parametrize("older, newer, code", [SAME_CODE_TWO_APART, SAME_CODE_NEIGHBOURS])
def test_a_code_that_is_right_twice_is_spent_for_both(older: int, newer: int, code: str) -> None:
    now = (newer - 1) * otp.PERIOD_SECONDS
    proven = otp.match_step(SECRET, code, now=now, after=NEVER)
    assert proven == newer
    assert otp.match_step(SECRET, code, now=now, after=proven) is None
    # The older of the two alone is still found where the newer is out of the window.
    before = (older - 1) * otp.PERIOD_SECONDS
    assert otp.match_step(SECRET, code, now=before, after=NEVER) in {older, newer}


def test_every_step_of_the_window_is_compared_whatever_matches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, step, code = SIX_DIGITS[1]
    compared: list[bytes] = []
    real = otp.hmac.compare_digest

    def spy(ours: bytes, typed: bytes) -> bool:
        compared.append(ours)
        return real(ours, typed)

    monkeypatch.setattr(otp.hmac, "compare_digest", spy)
    counts = []
    for typed, after in [(code, NEVER), (code, step), ("000000", NEVER), (code, step + 5)]:
        compared.clear()
        otp.match_step(SECRET, typed, now=now, after=after)
        counts.append(len(compared))
    assert counts == [3, 3, 3, 3]


def test_the_first_step_of_all_has_no_step_before_it() -> None:
    code = otp.code_at(SECRET, now=0)
    assert otp.match_step(SECRET, code, now=0, after=NEVER) == 0
    assert otp.match_step(SECRET, code, now=-WEDGE, after=NEVER) is None


NO_CODES = {
    "empty": "",
    "five digits": "28708",
    "seven digits": "1287082",
    "full-width digits": "２８７０８２",
    "Arabic-Indic digits": "٢٨٧٠٨٢",
    "one Arabic-Indic digit": "28708٢",
    "superscripts": "²⁸⁷⁰⁸²",
    "underscore": "731_505",
    "trailing newline": "287082\n",
    "leading newline": "\n287082",
    "tab": "287\t082",
    "NUL": "287082\x00",
    "sign": "+87082",
    "minus alone": "-----",
    "hexadecimal": "0x1234",
    "exponent": "1e1000",
    "letters": "abcdef",
    "lone surrogate": "28708\ud832",
}


@pytest.mark.parametrize("typed", NO_CODES.values(), ids=NO_CODES.keys())
def test_what_is_not_six_ascii_digits_is_no_code(typed: str) -> None:
    assert otp.clean_code(typed) is None
    assert otp.match_step(SECRET, typed, now=59, after=NEVER) is None


def test_full_width_digits_of_the_right_code_prove_nothing() -> None:
    right = otp.code_at(SECRET, now=59)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in right)
    assert unicodedata.normalize("NFKC", wide) == right
    assert otp.match_step(SECRET, wide, now=59, after=NEVER) is None


@pytest.mark.parametrize(
    "typed",
    [
        "287082",
        "287 082",
        "287-082",
        " 287082 ",
        "287\u00a0082",
        "287\u202f082",
        "287\u2009082",
        "287\u2013082",
        "287\u2212082",
        "2-8-7-0-8-2",
        "2 8 7 0 8 2",
    ],
)
def test_spaces_and_dashes_do_not_matter(typed: str) -> None:
    assert otp.clean_code(typed) == "287082"


def test_leading_noughts_count() -> None:
    now, step, code = SIX_DIGITS[1]
    assert code == "081804"
    assert otp.match_step(SECRET, code, now=now, after=NEVER) == step
    assert otp.match_step(SECRET, "81804", now=now, after=NEVER) is None


@pytest.mark.parametrize("flood", ["1" * 2**20, " " * 2**20, "-" * 2**20 + "287082"])
def test_a_megabyte_is_refused_without_reading_it(flood: str) -> None:
    started = time.perf_counter()
    for _ in range(1000):
        assert otp.clean_code(flood) is None
        assert otp.match_step(SECRET, flood, now=59, after=NEVER) is None
    # A thousand walks over a megabyte take seconds; a thousand looks at a length, milliseconds.
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("length", [0, 1, 10, 15])
def test_a_short_secret_is_an_error_and_not_an_answer(length: int) -> None:
    short = b"k" * length
    with pytest.raises(ValueError, match="16 bytes"):
        otp.match_step(short, "287082", now=59, after=NEVER)
    with pytest.raises(ValueError, match="16 bytes"):
        otp.match_step(short, "no code", now=59, after=NEVER)
    with pytest.raises(ValueError, match="16 bytes"):
        otp.code_at(short, now=59)
    with pytest.raises(ValueError, match="16 bytes"):
        otp.provisioning_uri(short, account="mira", issuer="Backstage")


@given(secret=secrets, now=moments)
def test_the_code_of_now_proves_now_once(secret: bytes, now: int) -> None:
    code = otp.code_at(secret, now=now)
    assert otp.clean_code(code) == code
    step = otp.match_step(secret, code, now=now, after=NEVER)
    assert step is not None
    assert step >= now // otp.PERIOD_SECONDS
    assert otp.match_step(secret, code, now=now, after=step) is None


@given(
    secret=secrets,
    now=moments,
    off=st.integers(min_value=-WEDGE, max_value=WEDGE),
    after=st.integers(min_value=-5, max_value=5),
)
def test_a_match_is_in_the_window_and_newer_than_what_was_spent(
    secret: bytes, now: int, off: int, after: int
) -> None:
    shown = max(0, now + off)
    spent = now // otp.PERIOD_SECONDS + after
    step = otp.match_step(secret, otp.code_at(secret, now=shown), now=now, after=spent)
    if step is not None:
        assert step > spent
        assert abs(step - now // otp.PERIOD_SECONDS) <= otp.WINDOW_STEPS
        assert otp.code_at(secret, now=step * otp.PERIOD_SECONDS) == otp.code_at(secret, now=shown)


@given(text=st.text(max_size=200))
def test_cleaning_never_fails_and_gives_six_ascii_digits_or_nothing(text: str) -> None:
    clean = otp.clean_code(text)
    assert clean is None or (len(clean) == 6 and set(clean) <= set("0123456789"))


# ---------------------------------------------------------------- telling an app


def test_the_address_names_issuer_and_account_and_nothing_apps_might_ignore() -> None:
    assert otp.provisioning_uri(SECRET, account="mira@example.com", issuer="Backstage") == (
        "otpauth://totp/Backstage:mira%40example.com"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Backstage"
    )


def test_a_space_is_percent_20_and_never_a_plus() -> None:
    uri = otp.provisioning_uri(SECRET, account="Mira  Vale", issuer=" The Night Bus ")
    assert uri.startswith("otpauth://totp/The%20Night%20Bus:Mira%20Vale?")
    assert uri.endswith("&issuer=The%20Night%20Bus")
    assert "+" not in uri


def test_colons_are_taken_out_of_both_names() -> None:
    uri = otp.provisioning_uri(SECRET, account="a:b", issuer="Back:stage:")
    assert uri.startswith("otpauth://totp/Back%20stage:a%20b?")
    assert "%3A" not in uri


def test_names_cannot_add_parameters() -> None:
    uri = otp.provisioning_uri(SECRET, account="a?secret=AA&x=1#/\r\n%", issuer="B&issuer=C")
    query = parse_qs(urlsplit(uri).query, strict_parsing=True)
    assert query["secret"] == [otp.base32(SECRET)]
    assert query["issuer"] == ["B&issuer=C"]
    assert set(query) == {"secret", "issuer"}


@pytest.mark.parametrize("issuer", ["", " ", ":", " : "])
def test_a_site_without_a_name_is_left_out(issuer: str) -> None:
    uri = otp.provisioning_uri(SECRET, account="mira", issuer=issuer)
    assert uri == f"otpauth://totp/mira?secret={otp.base32(SECRET)}"


def test_a_lone_surrogate_in_a_name_is_no_error() -> None:
    assert "/B:%3F?" in otp.provisioning_uri(SECRET, account="\ud800", issuer="B")


@given(secret=secrets, account=st.text(), issuer=st.text())
def test_an_address_is_ascii_and_reads_back(secret: bytes, account: str, issuer: str) -> None:
    uri = otp.provisioning_uri(secret, account=account, issuer=issuer)
    assert uri.isascii()
    assert not set(uri) & set(' +"<>\\^`{|}\r\n\t')
    parts = urlsplit(uri)
    query = parse_qs(parts.query, strict_parsing=True)
    assert "=" not in query["secret"][0]
    label = unquote(parts.path.removeprefix("/"))
    if "issuer" in query:
        assert label.startswith(query["issuer"][0] + ":")
        assert label.count(":") == 1
    else:
        assert ":" not in label


@given(secret=st.binary(max_size=64))
def test_base32_reads_back_without_its_padding(secret: bytes) -> None:
    text = otp.base32(secret)
    assert "=" not in text
    assert base64.b32decode(text + "=" * (-len(text) % 8)) == secret
    groups = otp.grouped_key(secret).split(" ")
    assert "".join(groups) == text
    assert all(len(group) == 4 for group in groups[:-1])


def test_a_key_of_160_bits_is_eight_groups_of_four() -> None:
    assert otp.grouped_key(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
