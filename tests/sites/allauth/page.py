"""The how-to itself: its Python blocks *are* this site's settings and addresses.

A block is known by the comment in its first line: `# settings.py`, `# urls.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "allauth.md"


def run(name: str) -> dict[str, object]:
    """Run the block of the page that begins with `# name`; return the names it defines."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(
        rf"^```python\n(# {re.escape(name)}\n.*?)^```", text, re.DOTALL | re.MULTILINE
    )
    if len(blocks) != 1:
        message = f"{PAGE.name} has {len(blocks)} blocks for {name}"
        raise LookupError(message)
    namespace: dict[str, object] = {}
    exec(compile(blocks[0], str(PAGE), "exec"), namespace)  # noqa: S102 - our own page
    return {key: value for key, value in namespace.items() if not key.startswith("__")}
