"""The code blocks of a how-to, so that a test does what the page says and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

PAGES = Path(__file__).resolve().parent.parent / "docs" / "howto"


def blocks(page: str, heading: str, language: str = "python") -> list[str]:
    """Return the code blocks of one language that stand under a heading of a how-to.

    Raises:
        LookupError: If there is no such heading, or no such block under it.
    """
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    found = re.findall(rf"^```{language}\n(.*?)^```$", sections[heading], re.MULTILINE | re.DOTALL)
    if not found:
        raise LookupError(heading)
    return found


def block(page: str, heading: str, language: str = "python") -> str:
    """Return the only code block of a language under a heading."""
    (only,) = blocks(page, heading, language)
    return only


def defined(page: str, heading: str, **given: object) -> dict[str, object]:
    """Run the Python blocks under a heading and return the names they define or change."""
    names: dict[str, object] = dict(given)
    for source in blocks(page, heading):
        exec(source, names)  # noqa: S102 - our own documentation
    del names["__builtins__"]
    return names


def commands(page: str, heading: str) -> list[list[str]]:
    """Return the ``manage.py`` calls of the console blocks under a heading, as arguments."""
    lines = "\n".join(blocks(page, heading, "console")).splitlines()
    calls = [line.partition("manage.py ")[2].split() for line in lines if line.startswith("$ ")]
    return [call for call in calls if call]
