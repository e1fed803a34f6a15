"""Hearing every log line, at every level."""

from __future__ import annotations

import logging

import pytest

FINE = 5  # below DEBUG: whatever anybody logs


class Listener(logging.Handler):
    """Keeps every record as its formatted text, with the traceback and its arguments."""

    def __init__(self):
        super().__init__(FINE)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))
        self.lines.append(repr(record.args))


@pytest.fixture
def heard():
    listener = Listener()
    root = logging.getLogger()
    named = [logging.getLogger(name) for name in ("hardening", "django", "django.request")]
    levels = [(logger, logger.level) for logger in (root, *named)]
    for logger, _ in levels:
        logger.setLevel(FINE)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)  # SQL: the database is searched
    root.addHandler(listener)
    yield listener.lines
    root.removeHandler(listener)
    for logger, level in levels:
        logger.setLevel(level)
