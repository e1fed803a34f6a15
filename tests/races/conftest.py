"""What every race is asked afterwards: nobody was sacrificed and nothing was swallowed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.db import connection

from tests.races.runner import dismiss

# Deadlocks that the server has broken off since it started.
COUNTS = {
    "mysql": "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'Innodb_deadlocks'",
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
}


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS[connection.vendor])
        return int(cursor.fetchone()[0])


@pytest.fixture(autouse=True)
def _no_deadlock_and_no_fault(
    transactional_db: None, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fail where a server broke a deadlock off, even if the code shrugged it off.

    A security event that cannot be stored is logged and stops nothing; here it fails the test.
    """
    before = deadlocks()
    with caplog.at_level(logging.ERROR, "hardening"):
        yield
        dismiss()
        faults = [record.getMessage() for record in caplog.get_records("call")]
    assert deadlocks() == before
    assert [fault for fault in faults if "could not be stored" in fault] == []
