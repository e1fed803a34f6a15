"""Faults of a database that is not down but crowded: somebody else was first, or the queue is long.

The numbers are the servers' own: SQLSTATE of PostgreSQL (Appendix A), error codes of MariaDB and
MySQL, primary result codes of SQLite.

The trap: after either the statement has done nothing, and outside of SQLite the transaction
around it is gone as well. Only whoever stands outside of transactions may try again.
"""

from __future__ import annotations

import sqlite3

LOST = frozenset({"40001", "40P01", 1213, 1020})  # serialization, deadlock, changed since read
WAITED = frozenset({"55P03", 1205, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def has_lost(fault: BaseException) -> bool:
    """True if another transaction won, at once: it is worth another try."""
    return _code(fault) in LOST


def has_waited(fault: BaseException) -> bool:
    """True if a lock was waited for as long as the site allows: whoever asks again waits again."""
    return _code(fault) in WAITED


def _code(fault: BaseException) -> object:
    """Return what the driver's own exception says, of which Django's is made."""
    cause = fault.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest is an extended code
    state = getattr(cause, "sqlstate", None)
    return state or next(iter(getattr(cause, "args", ())), None)
