"""The races run on a real PostgreSQL, with connections of their own."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
from django.db import connection


@pytest.mark.django_db(transaction=True)
def test_two_threads_hold_two_connections_to_postgresql():
    barrier, servers = Barrier(2), set()

    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            barrier.wait(10)
            servers.add(cursor.fetchone())
        connection.close()

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert connection.vendor == "postgresql"
    assert len(servers) == 2
