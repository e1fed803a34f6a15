"""Time-based one-time passwords: which time step does a code prove, and how an app learns the key.

RFC 6238 (TOTP) over RFC 4226 (HOTP), computed by pyotp. SHA-1, six digits and 30 seconds, because
several authenticator apps silently ignore anything else. Times are Unix seconds, steps are whole
periods since 1970, secrets are raw bytes until an app must be told.

The trap: one code may be right for two steps of the window (once in a million). `match_step`
answers with the *newer*, so that spending it spends both; the older would leave the same code
good for a second use. And pyotp's own comparison folds full-width digits into ASCII: not used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import pyotp

from hardening.core import codes

MIN_SECRET_BYTES = 16  # RFC 4226 §4, R6: 128 bits; 160 are recommended
DIGITS = 6  # RFC 4226 §5.3: at least 6
PERIOD_SECONDS = 30  # RFC 6238 §5.2
WINDOW_STEPS = 1  # RFC 6238 §5.2: at most one step of delay

# RFC 3986 §2.3: the characters that never need percent-encoding.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def match_step(
    secret: bytes,
    code: str,
    *,
    now: int,
    after: int,
    window: int = WINDOW_STEPS,
    period: int = PERIOD_SECONDS,
) -> int | None:
    """Return the time step that `code` proves, or `None` if it proves nothing.

    All steps of the window are computed and compared, spent or not, whatever matches: the time
    taken says neither which step was right nor whether it was spent already.

    Args:
        secret: The shared key, raw bytes (not Base32).
        code: Six ASCII digits; see `clean_code` for what a person typed.
        now: Unix time in seconds.
        after: The newest step already spent; it and older steps never match again. Less than
            nought: none was.
        window: Steps accepted either side of now; RFC 6238 §5.2 advises no more than 1.
        period: Seconds a step lasts.

    Raises:
        ValueError: If `secret` is shorter than `MIN_SECRET_BYTES`.
    """
    generator = _generator(secret)
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    typed = code.encode("ascii")
    current = now // period
    proven = None
    for step in range(max(0, current - window), current + window + 1):
        same = hmac.compare_digest(generator.at(step).encode("ascii"), typed)
        if same and step > after:
            proven = step
    return proven


def clean_code(text: str) -> str | None:
    """Return the six digits that were meant, or `None`; spaces and dashes do not matter.

    Other scripts' digits, underscores and line ends make it no code.
    """
    return codes.digits(text, DIGITS)


def code_at(secret: bytes, *, now: int) -> str:
    """Return the code an authenticator shows at Unix second `now`.

    Raises:
        ValueError: If `secret` is shorter than `MIN_SECRET_BYTES`, or `now` is before 1970.
    """
    return _generator(secret).at(now // PERIOD_SECONDS)


def provisioning_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """Return the ``otpauth://`` address that a QR code or an app link carries. It is the secret.

    The Key Uri format: the issuer in both places and equal, no colon in either name, ``%20`` and
    never ``+``, Base32 without padding. Algorithm, digits and period are left at their defaults.

    Args:
        secret: The shared key, raw bytes.
        account: Whose key it is, as the app shows it.
        issuer: The site's name; nothing left of it without its colons leaves it out.

    Raises:
        ValueError: If `secret` is shorter than `MIN_SECRET_BYTES`.
    """
    key = base32(_long_enough(secret))
    name, site = _label(account), _label(issuer)
    if not site:
        return f"otpauth://totp/{name}?secret={key}"
    return f"otpauth://totp/{site}:{name}?secret={key}&issuer={site}"


def base32(secret: bytes) -> str:
    """Return the secret in Base32 without padding, as apps want it typed."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def grouped_key(secret: bytes) -> str:
    """Return the secret in Base32, in groups of four, for somebody who cannot scan."""
    return codes.grouped(base32(secret), " ")


def _generator(secret: bytes) -> pyotp.HOTP:
    return pyotp.HOTP(base32(_long_enough(secret)), digits=DIGITS, digest=hashlib.sha1)


def _long_enough(secret: bytes) -> bytes:
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"a secret has at least {MIN_SECRET_BYTES} bytes")
    return secret


def _label(text: str) -> str:
    # Colons go (the label's separator), runs of white space become one space, the rest is
    # percent-encoded. A lone surrogate cannot be encoded and becomes a question mark.
    octets = " ".join(text.replace(":", " ").split()).encode("utf-8", "replace")
    return "".join(chr(octet) if octet in _UNRESERVED else f"%{octet:02X}" for octet in octets)
