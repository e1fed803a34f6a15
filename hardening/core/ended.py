"""Sessions that were ended one by one: their ids, as the account's row keeps them.

``id:until,id:until``; `until` in Unix seconds, after which no session of that id can be alive and
the id is forgotten. The text comes along with the facts, so it is kept short: whoever would end
more than `MAX_ENDED` one by one ends all of the account's (`added` returns `None`).

The trap: `until` is for forgetting only. An id that is listed is over, whatever the clock says.
"""

from __future__ import annotations

MAX_ENDED = 100


def decode(text: str) -> frozenset[str]:
    """Return the ids in a text that `added` made; what cannot be read names no session."""
    return frozenset(entry.partition(":")[0] for entry in text.split(",") if entry)


def added(text: str, ids: dict[str, int], *, now: int) -> str | None:
    """Return the text with these ids as well, and without those that are over by now.

    Args:
        text: As it is.
        ids: Until when (Unix seconds) a session of each id might live.
        now: Unix seconds.

    Returns:
        The new text; `None` if it would hold more than `MAX_ENDED`.
    """
    listed = {id_: until for id_, until in _entries(text) if until > now}
    listed.update(ids)
    if len(listed) > MAX_ENDED:
        return None
    return ",".join(f"{id_}:{until}" for id_, until in listed.items())


def _entries(text: str) -> list[tuple[str, int]]:
    parts = [entry.partition(":") for entry in text.split(",") if entry]
    return [(id_, int(until)) for id_, _, until in parts]
