"""Which tenant this code runs for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest

HOSTS = {"testserver": "north", "south.test": "south"}
current: ContextVar[str] = ContextVar("tenant", default="")


@contextmanager
def tenant(name: str) -> Iterator[None]:
    """Run code for a tenant."""
    token = current.set(name)
    try:
        yield
    finally:
        current.reset(token)


class TenantMiddleware:
    """Runs each request for the tenant of its host name."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest):
        if self.is_async:
            return self.acall(request)
        with tenant(HOSTS[request.get_host()]):
            return self.get_response(request)

    async def acall(self, request: HttpRequest):
        with tenant(HOSTS[request.get_host()]):
            return await self.get_response(request)
