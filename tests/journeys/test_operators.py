"""What operators do for people: tickets, and a reset of what was lost."""

from __future__ import annotations

import io

import pytest
from django.core import mail
from django.core.management import call_command

from hardening import testing
from hardening.models import EnrolmentTicket, Factor, RecoveryCode
from tests.mailers import send_by
from tests.visitor import DAY, leads_to, mails, newest_code

pytestmark = pytest.mark.django_db(transaction=True)


def ticket_for(visitor):
    """Return the ticket that an operator's shell prints."""
    printed = io.StringIO()
    name = visitor.user.get_username()
    call_command("hardening_ticket", name, stdout=printed, stderr=io.StringIO())
    return printed.getvalue().strip()


@pytest.fixture
def unreachable(clock, person):
    """Return a staff member without an e-mail address."""
    return person("unreachable", email="", is_staff=True, is_superuser=True)


# --- tickets ----------------------------------------------------------------------------------


def test_somebody_without_an_address_enrols_with_a_ticket(unreachable):
    ticket = ticket_for(unreachable)
    assert leads_to(unreachable.sign_in(next="/admin/"), "hardening:ticket")
    assert leads_to(unreachable.use_ticket(ticket), "hardening:enrol")
    assert unreachable.enrol().headers["Location"] == "/admin/"
    assert unreachable.get("admin:index").status_code == 200


def test_the_very_first_superuser_of_a_site_without_mail_gets_in(unreachable, settings):
    send_by(settings, "tests.host.broken_mail.Backend")
    unreachable.user.email = "root@example.com"
    unreachable.user.save()
    assert leads_to(unreachable.sign_in("admin:login"), "hardening:mailbox")
    refused = unreachable.post("hardening:mailbox", {"action": "send"})
    assert refused.status_code == 400
    assert "could not be sent" in refused.content.decode()
    assert "ticket" in refused.content.decode()
    assert leads_to(unreachable.use_ticket(ticket_for(unreachable)), "hardening:enrol")
    unreachable.enrol()
    assert unreachable.get("admin:index").status_code == 200


def test_a_ticket_may_be_used_where_the_mailbox_could_be(newcomer):
    newcomer.sign_in()
    assert leads_to(newcomer.use_ticket(ticket_for(newcomer)), "hardening:enrol")
    assert newest_code() is None


def test_whoever_gets_a_ticket_is_told_that_there_is_one_but_not_which(newcomer):
    ticket = ticket_for(newcomer)
    (message,) = mail.outbox
    assert message.to == ["newcomer@example.com"]
    assert "an enrolment ticket was made for you" in message.subject
    assert ticket not in message.body


def test_a_ticket_works_once(unreachable):
    ticket = ticket_for(unreachable)
    unreachable.sign_in()
    unreachable.use_ticket(ticket)
    other = unreachable.again()
    other.sign_in()
    assert other.use_ticket(ticket).status_code == 400
    assert leads_to(other.post("hardening:enrol"), "hardening:ticket")


def test_a_ticket_is_dead_after_a_day(unreachable, clock):
    ticket = ticket_for(unreachable)
    clock.shift(DAY)
    unreachable.sign_in()
    assert unreachable.use_ticket(ticket).status_code == 400


def test_a_ticket_is_good_until_its_last_second(unreachable, clock):
    ticket = ticket_for(unreachable)
    clock.shift(DAY - 1)
    unreachable.sign_in()
    assert leads_to(unreachable.use_ticket(ticket), "hardening:enrol")


def test_somebody_elses_ticket_opens_nothing_and_stays_good(unreachable, newcomer):
    ticket = ticket_for(newcomer)
    unreachable.sign_in()
    assert unreachable.use_ticket(ticket).status_code == 400
    newcomer.sign_in()
    assert leads_to(newcomer.use_ticket(ticket), "hardening:enrol")


def test_a_newer_ticket_voids_the_older(unreachable):
    old, new = ticket_for(unreachable), ticket_for(unreachable)
    unreachable.sign_in()
    assert unreachable.use_ticket(old).status_code == 400
    assert leads_to(unreachable.use_ticket(new), "hardening:enrol")


def test_a_ticket_does_not_stand_in_for_a_factor(member):
    ticket = ticket_for(member)
    member.sign_in()
    assert leads_to(member.use_ticket(ticket), "hardening:verify")
    assert not member.is_signed_in()
    assert EnrolmentTicket.objects.get().used_at is None


def test_guessing_tickets_is_limited(unreachable):
    answers = []
    for _ in range(5):
        other = unreachable.again()
        other.sign_in()
        answers.append(other.use_ticket("2345-6789-ABCD-EFGH-JKLM-NPQR").status_code)
    assert answers == [400] * 3 + [429] * 2


def test_a_policy_can_demand_the_ticket(newcomer, ticket_policy):
    assert leads_to(newcomer.sign_in(), "hardening:ticket")
    assert leads_to(newcomer.get("hardening:mailbox"), "hardening:ticket")
    sent = newcomer.post("hardening:mailbox", {"action": "send"})
    assert leads_to(sent, "hardening:ticket")
    assert mail.outbox == []
    assert leads_to(newcomer.post("hardening:enrol"), "hardening:ticket")
    assert leads_to(newcomer.use_ticket(ticket_for(newcomer)), "hardening:enrol")
    newcomer.enrol()
    assert newcomer.is_signed_in()


def test_a_mailbox_proof_from_before_the_policy_is_not_enough_after_it(newcomer, request):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    request.getfixturevalue("ticket_policy")
    assert leads_to(newcomer.post("hardening:enrol"), "hardening:ticket")
    assert not Factor.objects.exists()


# --- reset ------------------------------------------------------------------------------------


def reset(visitor):
    """Reset somebody's factors from the shell."""
    name = visitor.user.get_username()
    call_command(
        "hardening_reset", name, "--noinput", "--reason", "lost phone", stdout=io.StringIO()
    )


def test_after_a_reset_all_sessions_are_over_and_the_person_is_told(member):
    member.sign_in_fully()
    reset(member)
    assert not member.is_signed_in()
    assert mails("your second factor was reset") == [
        ("member@example.com", "testserver: your second factor was reset")
    ]
    assert not RecoveryCode.objects.exists()
    assert not Factor.objects.exclude(secret="").exists()


def test_after_a_reset_the_next_sign_in_proves_the_mailbox_and_enrols(member):
    reset(member)
    assert leads_to(member.sign_in(next="/admin/"), "hardening:mailbox")
    assert leads_to(member.prove_mailbox(), "hardening:enrol")
    assert member.enrol().headers["Location"] == "/admin/"


def test_after_a_reset_even_somebody_without_mandate_enrols_anew(careful_fan):
    reset(careful_fan)
    assert leads_to(careful_fan.sign_in(), "hardening:mailbox")
    assert not careful_fan.is_signed_in()
    careful_fan.prove_mailbox()
    page = careful_fan.get("hardening:enrol").content.decode()
    assert "was reset" in page
    careful_fan.enrol()
    assert careful_fan.is_signed_in()
    later = careful_fan.again()
    assert leads_to(later.sign_in(), "hardening:verify")


def test_a_reset_ends_sign_ins_on_their_way(member):
    member.sign_in()
    reset(member)
    assert member.verify().status_code == 410
    member.sign_in()
    assert leads_to(member.use_recovery_code(), "hardening:mailbox")
    assert not member.is_signed_in()


def test_old_codes_of_before_the_reset_open_nothing(member):
    old = member.codes[0]
    reset(member)
    member.sign_in()
    assert leads_to(member.use_recovery_code(old), "hardening:mailbox")
    assert leads_to(member.verify("123456"), "hardening:mailbox")
    assert not member.is_signed_in()


def test_a_reset_for_an_account_without_address_asks_for_a_ticket(unreachable):
    testing.enrol(unreachable.user)
    reset(unreachable)
    assert leads_to(unreachable.sign_in(), "hardening:ticket")
