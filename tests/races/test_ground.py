"""The races run on the server that the stage is named after, on connections of their own."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
from django.db import connection

from tests.harness import stage_key

# stage -> Django's vendor, and what a server calls the connection that asks
SERVERS = {
    "postgres": ("postgresql", "SELECT pg_backend_pid()"),
    "mariadb": ("mysql", "SELECT connection_id()"),
}


@pytest.mark.django_db(transaction=True)
def test_two_threads_hold_two_connections_to_the_server_of_the_stage(request):
    vendor, who_am_i = SERVERS[request.config.stash[stage_key]]
    barrier, servers = Barrier(2), set()

    def ask():
        with connection.cursor() as cursor:
            cursor.execute(who_am_i)
            barrier.wait(10)
            servers.add(cursor.fetchone())
        connection.close()

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert connection.vendor == vendor
    assert len(servers) == 2
