"""A sign-in in a browser that the account did not know: whose, when, and how often it is told."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from hardening.audit import Event, Where, record
from hardening.core.values import Proof, ProofKind, Session
from hardening.flows import newcomer
from hardening.models import SecurityEvent
from tests.actors import NOW

pytestmark = pytest.mark.django_db

HERE = Where(address="192.0.2.7", device="Firefox on Linux")


def shown(*kinds, new=True):
    return Session(proofs=tuple(Proof(kind, NOW, 0) for kind in kinds), new_browser=new)


@pytest.mark.parametrize(
    "kinds, new, told",
    [
        ([ProofKind.PASSWORD], True, True),
        ([ProofKind.PASSWORD, ProofKind.FACTOR], True, True),
        ([ProofKind.UNKNOWN, ProofKind.FACTOR], True, True),
        ([ProofKind.PASSWORD], False, False),
        ([ProofKind.UNKNOWN], True, False),
    ],
)
def test_new_is_a_browser_without_a_cookie_that_proved_something_to_us(kinds, new, told):
    assert newcomer.is_new(shown(*kinds, new=new)) is told


@pytest.fixture
def tell(fan, django_capture_on_commit_callbacks):
    """Return a function that completes a sign-in and tells; it returns the errands left over."""

    def run(*, rolled_back=False):
        left = []
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            record(Event.LOGIN_COMPLETED, user=fan, now=NOW)
            newcomer.tell(fan, now=NOW, where=HERE, later=left.append)
            transaction.set_rollback(rolled_back)
        return left

    return run


def do(errands, capture):
    with capture(execute=True):
        for errand in errands:
            errand()


def test_the_first_sign_in_of_an_account_is_no_news(tell, django_capture_on_commit_callbacks):
    do(tell(), django_capture_on_commit_callbacks)
    assert mail.outbox == []


def test_a_later_one_is_told_with_browser_and_address(tell, django_capture_on_commit_callbacks):
    tell()
    do(tell(), django_capture_on_commit_callbacks)
    (message,) = mail.outbox
    assert "Browser: Firefox on Linux" in message.body
    assert "Network address: 192.0.2.7" in message.body


def test_nothing_is_looked_up_or_mailed_before_the_answer(tell):
    tell()
    with CaptureQueriesContext(connection) as asked:
        assert len(tell()) == 1
    assert not [one for one in asked.captured_queries if one["sql"].startswith("SELECT")]
    assert mail.outbox == []


def test_a_sign_in_that_was_rolled_back_is_not_told(tell):
    tell()
    assert tell(rolled_back=True) == []
    assert SecurityEvent.objects.count() == 1


def test_new_browsers_are_told_so_often_a_day(tell, django_capture_on_commit_callbacks):
    for _ in range(10):
        do(tell(), django_capture_on_commit_callbacks)
    assert 0 < len(mail.outbox) <= 6
