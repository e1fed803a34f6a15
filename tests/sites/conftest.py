"""What holds for every kind of site."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps


@pytest.fixture(autouse=True)
def _policies_read_anew() -> Iterator[None]:
    """A test that is over must not leave its policies to the next one."""
    if not apps.is_installed("hardening"):  # `existing` begins without it
        yield
        return
    from hardening import policies  # noqa: PLC0415 - its models need the app

    policies.forget()
    yield
    policies.forget()
