"""The name that a person types: one form to count under, and the spellings to look it up by.

People type their names padded, capitalised, or on a keyboard that sends full-width letters; so do
programs that would rather be counted anew. Both forms are made by Unicode's own rules: NFKC
(UAX #15) and full case folding (Unicode §3.13, D145). What directories take no notice of counts
for nothing either: characters that nobody sees, and how many spaces there are (RFC 4518 §2.2,
§2.6.1).

The traps: folding undoes normalisation and normalising undoes folding, so it is done more
than once; and one character may become eighteen (U+FDFA), so what comes in is cut first.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_LENGTH = 254  # RFC 5321 §4.5.3.1.3 as corrected: the longest e-mail address
MAX_TYPED_LENGTH = 1024  # a user model of one's own may have longer names, but not without end
MAX_VARIANTS = 9
FOLDINGS = 3  # two are enough for every character of Unicode 15
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSEEN = re.compile(  # RFC 4518 §2.2, and what Unicode has declared ignorable since
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5"
    "\u1806\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffc\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def canonical(name: object) -> str:
    """Return the one form of a name that tries are counted under.

    Args:
        name: What was typed, of any length; what is no text counts as its `str()`, `None` as "".

    Returns:
        NFKC and case-folded, one space between words and none at the ends, without characters
        that nobody sees; at most `MAX_NAME_LENGTH` characters, which UTF-8 can write. Its own
        canonical form is itself.
    """
    text = _SURROGATE.sub("\ufffd", _cut(_seen(_text(name))))
    for _ in range(FOLDINGS):
        text = _seen(unicodedata.normalize("NFKC", text.casefold()))
    return _cut(text).strip()


def variants(name: object) -> tuple[str, ...]:
    """Return the exact spellings under which a stored name may be found by its index.

    What was typed comes first. At most `MAX_VARIANTS`, none twice; none where the name could not
    be stored at all. A name that is too long to be folded is looked up as it is and not otherwise.
    """
    typed = _text(name)
    stripped = typed.strip()
    if len(stripped) > MAX_NAME_LENGTH:
        return (typed,) if is_storable(typed) else ()
    normal = unicodedata.normalize("NFKC", stripped)
    spelled = (
        typed,
        stripped,
        normal,
        canonical(name),
        normal.lower(),
        normal.upper(),
        normal.capitalize(),
        normal.title(),
        _with_lower_domain(normal),
    )
    return tuple(dict.fromkeys(form for form in spelled if is_storable(form)))


def _with_lower_domain(text: str) -> str:
    """Return an e-mail address as `BaseUserManager.normalize_email` stores it."""
    local, at, domain = text.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _text(name: object) -> str:
    return "" if name is None else str(name)


def _seen(text: str) -> str:
    return " ".join(_UNSEEN.sub("", text).split())


def _cut(text: str) -> str:
    return text.strip()[:MAX_NAME_LENGTH]


def is_storable(text: str) -> bool:
    """Return whether a database could hold this; PostgreSQL raises at a NUL, all at a surrogate."""
    if not text or len(text) > MAX_TYPED_LENGTH:
        return False
    return "\0" not in text and not _SURROGATE.search(text)
