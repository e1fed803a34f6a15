"""With nothing but a right password, nobody enrols anything (acceptance row 5).

Every page of ours that could start, confirm or ease an enrolment is tried with every method.
"""

from __future__ import annotations

import pytest

from hardening.models import EnrolmentTicket, Factor, RecoveryCode, SecurityEvent
from tests.visitor import address, key_on, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
PAGES = (
    "hardening:enrol",
    "hardening:enrol_totp",
    "hardening:recovery_codes",
    "hardening:confirm_password",
    "hardening:step_up",
    "hardening:verify",
    "hardening:overview",
)
EVERYTHING = {
    "kind": "totp",
    "code": "123456",
    "name": "Mine",
    "stored": "on",
    "action": "make",
    "remove": "1",
    "next": "/admin/",
}


def nothing_was_planted():
    return not (
        Factor.objects.exists() or RecoveryCode.objects.exists() or EnrolmentTicket.objects.exists()
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("door", PAGES)
def test_a_right_password_alone_enrols_nothing(newcomer, door, method):
    newcomer.sign_in()
    answer = getattr(newcomer.client, method)(address(door), EVERYTHING)
    assert answer.status_code in (200, 302, 405, 410)
    if answer.status_code == 200:
        assert method == "options"
        assert answer.content == b""
    elif answer.status_code == 302:
        assert leads_to(answer, "hardening:mailbox")
    assert b"otpauth" not in answer.content
    assert nothing_was_planted()
    assert not newcomer.is_signed_in()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("door", PAGES)
def test_nor_does_it_by_json(newcomer, door, method):
    program = newcomer.again(json_client=True)
    program.sign_in()
    body = {} if method in ("get", "head", "trace") else {"content_type": "application/json"}
    sent = {"data": EVERYTHING} if body else {}
    answer = getattr(program.client, method)(address(door), **sent, **body)
    assert answer.status_code in (200, 401, 405)
    if answer.status_code == 200:
        assert method == "options"
    if answer.status_code == 401 and method != "head":
        assert answer.json()["code"] in ("mailbox_required", "login_required")
    assert nothing_was_planted()


@pytest.mark.parametrize("door", PAGES)
def test_nor_does_it_where_a_ticket_is_demanded(newcomer, ticket_policy, door):
    newcomer.sign_in()
    newcomer.post(door, EVERYTHING)
    newcomer.get(door)
    assert nothing_was_planted()


def test_a_wrong_mailed_code_opens_no_enrolment(newcomer):
    newcomer.sign_in()
    newcomer.ask_for_mail()
    newcomer.post("hardening:mailbox", {"code": "12345678"})
    assert leads_to(newcomer.post("hardening:enrol"), "hardening:mailbox")
    assert nothing_was_planted()


def test_a_mailbox_proof_of_one_sign_in_opens_no_other(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    other = newcomer.again()
    other.sign_in()
    assert leads_to(other.post("hardening:enrol"), "hardening:mailbox")
    assert nothing_was_planted()


def test_a_mailbox_proof_dies_when_the_same_browser_signs_in_again(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.sign_in()
    assert leads_to(newcomer.post("hardening:enrol"), "hardening:mailbox")
    assert nothing_was_planted()


def test_a_mailbox_proof_never_reaches_another_person_at_that_browser(newcomer, person):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    rival = person("rival", is_staff=True)
    rival.client = newcomer.client
    rival.sign_in()
    assert leads_to(rival.post("hardening:enrol"), "hardening:mailbox")
    assert nothing_was_planted()


def test_a_pending_key_shown_to_one_person_is_never_shown_to_the_next_at_that_browser(
    newcomer, person
):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.start()
    rival = person("rival", is_staff=True)
    rival.client = newcomer.client
    rival.sign_in()
    rival.prove_mailbox()
    assert key_on(rival.get("hardening:enrol_totp")) == ""
    assert leads_to(rival.get("hardening:enrol_totp"), "hardening:enrol")


def test_a_live_session_with_a_password_alone_enrols_nothing_either(fan):
    fan.sign_in()
    for page in PAGES:
        fan.get(page)
        fan.post(page, EVERYTHING)
    assert not RecoveryCode.objects.exists()
    assert not Factor.objects.exists()


def test_refusals_are_recorded_where_a_step_was_skipped(newcomer):
    newcomer.sign_in()
    newcomer.post("hardening:enrol")
    assert list(SecurityEvent.objects.values_list("event", flat=True)) == ["login:park:done"]
