"""Codes that people carry from paper or mail to a form: made from given random bytes, read back.

Recovery codes and enrolment tickets carry 120 bits, so that a plain digest of them may be stored
(OWASP ASVS 5.0 6.5.2: 112 bits) and no throttle is what keeps them safe. Mailbox codes carry
eight digits and live by their limits. Random bytes are handed in; this module throws no dice.

What `clean_*` returns is the one form to be digested: capitals or digits, no separators.

The trap: `str.upper` turns a sharp s into ``SS`` and a long s into ``S``, and `str.isdigit` takes
any script's digits. So whatever is left without its separators must be ASCII before anything else.
"""

from __future__ import annotations

# No 0 and O, no 1 and I (an L alone is no puzzle, and codes are shown in capitals): 2^5 are left.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
BITS_PER_CHARACTER = 5

RECOVERY_CODE_BYTES = 15  # 120 bits; ASVS 5.0 6.5.2 asks for 112, NIST SP 800-63B-4 §4.2.1.1 for 64
RECOVERY_CODE_CHARACTERS = 24  # 120 / 5, nothing left over
GROUP_CHARACTERS = 4

MAILBOX_CODE_DIGITS = 8  # factors.md; NIST SP 800-63B-4 §4.2.1.2 asks for 6
MAILBOX_CODE_BYTES = 16  # 128 bits, 101 more than eight digits hold

# Unicode's spaces (category Zs, from the no-break space on what word processors and phones put
# in) and dashes (Pd, and the minus sign). Line ends, tabs and underscores are none.
SEPARATORS = (
    " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
    "\u3000"
    "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
)
MAX_TYPED_CHARACTERS = 128  # more than any code with a separator after each of its characters

_WITHOUT_SEPARATORS = str.maketrans("", "", SEPARATORS)


def without_separators(text: str) -> str | None:
    """Return `text` without spaces and dashes, or `None` if it is not ASCII or far too long.

    The length is looked at first, so that a megabyte costs no more than a code.
    """
    if len(text) > MAX_TYPED_CHARACTERS:
        return None
    bare = text.translate(_WITHOUT_SEPARATORS)
    return bare if bare.isascii() else None


def digits(text: str, count: int) -> str | None:
    """Return exactly `count` ASCII digits out of what was typed, or `None`."""
    bare = without_separators(text)
    return bare if bare is not None and len(bare) == count and bare.isdigit() else None


def grouped(text: str, separator: str = "-") -> str:
    """Return `text` in groups of four."""
    starts = range(0, len(text), GROUP_CHARACTERS)
    return separator.join(text[start : start + GROUP_CHARACTERS] for start in starts)


def recovery_code(random: bytes) -> str:
    """Return the recovery code that these bytes spell, as it is shown: six groups of four.

    Args:
        random: Exactly `RECOVERY_CODE_BYTES` random bytes; every bit is used once.

    Raises:
        ValueError: If there are more or fewer bytes.
    """
    if len(random) != RECOVERY_CODE_BYTES:
        raise ValueError(f"a recovery code takes {RECOVERY_CODE_BYTES} random bytes")
    number = int.from_bytes(random, "big")
    places = range((RECOVERY_CODE_CHARACTERS - 1) * BITS_PER_CHARACTER, -1, -BITS_PER_CHARACTER)
    return grouped("".join(ALPHABET[(number >> place) % len(ALPHABET)] for place in places))


def clean_recovery_code(text: str) -> str | None:
    """Return the 24 capitals and digits that were meant, or `None` if it cannot be a code.

    Case, spaces and dashes do not matter. Nothing is guessed: ``O`` for a nought is refused, as
    there is neither.
    """
    bare = without_separators(text)
    if bare is None or len(bare) != RECOVERY_CODE_CHARACTERS:
        return None
    code = bare.upper()
    return code if set(code) <= set(ALPHABET) else None


def ticket_code(random: bytes) -> str:
    """Return an enrolment ticket: made, shown and as strong as a recovery code.

    Raises:
        ValueError: If `random` is not `RECOVERY_CODE_BYTES` long.
    """
    return recovery_code(random)


def clean_ticket_code(text: str) -> str | None:
    """Return the 24 characters of a ticket that was typed, or `None`; as for recovery codes."""
    return clean_recovery_code(text)


def mailbox_code(random: bytes) -> str:
    """Return eight digits for a mail, leading noughts kept.

    Unbiased by "extra random bits" (FIPS 186-5, appendix A: reduce a number at least 64 bits longer
    than the modulus). 128 bits modulo 10^8 are less than 2^-101 away from even, and unlike
    rejecting and drawing again this never runs out of bytes.

    Args:
        random: Exactly `MAILBOX_CODE_BYTES` random bytes.

    Raises:
        ValueError: If there are more or fewer bytes.
    """
    if len(random) != MAILBOX_CODE_BYTES:
        raise ValueError(f"a mailbox code takes {MAILBOX_CODE_BYTES} random bytes")
    number = int.from_bytes(random, "big") % 10**MAILBOX_CODE_DIGITS
    return f"{number:0{MAILBOX_CODE_DIGITS}}"


def clean_mailbox_code(text: str) -> str | None:
    """Return the eight digits that were meant, or `None`; spaces and dashes do not matter."""
    return digits(text, MAILBOX_CODE_DIGITS)
