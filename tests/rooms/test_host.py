"""What we read of the host's own settings, and of the process it runs in."""

from __future__ import annotations

from django.core import mail
from django.test import utils

from hardening.host import is_under_test  # before the fixture that puts another in its place


def test_a_process_that_runs_tests_is_known_as_such():
    assert is_under_test()


def test_a_site_that_keeps_its_mails_in_memory_is_not_taken_for_one_under_test(monkeypatch):
    monkeypatch.delattr(utils._TestState, "saved_data")
    assert hasattr(mail, "outbox")
    assert not is_under_test()
