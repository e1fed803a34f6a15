"""What people read of a leaked password: why, what comes next, which step it is, what to do.

The verdict is set directly on the account; how it is found is another matter.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from hardening import testing
from hardening.models import Account, RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.verdicts import note
from tests.visitor import DAY, NOW, PASSWORD, leads_to

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]

NEW = "seven violet umbrellas"
LEAKED = "Your password is in a list leaked from other websites"
NOT_US = "This does not mean that"
CHANGED = "Your password was changed. Your other sessions have ended."


@pytest.fixture
def enforced(settings):
    """Demand a new password of everybody whose password is leaked."""
    settings.HARDENING = {"BREACHED_PASSWORDS": "enforce"}


@pytest.fixture
def counted(settings):
    """Count leaked passwords, and say nothing."""
    settings.HARDENING = {"BREACHED_PASSWORDS": "report"}


def text(answer):
    """Return what a page says, in one line."""
    return " ".join(answer.content.decode().split())


def read(visitor, name):
    """Return what the page of that name says."""
    answer = visitor.get(name)
    assert answer.status_code == 200, answer
    return text(answer)


def change(visitor, new=NEW, **more):
    """Fill in the page that asks for a new password."""
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new, **more}
    return visitor.post("hardening:change_password", fields)


# --- on the way to a new password ----------------------------------------------------------------


@pytest.mark.usefixtures("enforced")
def test_without_a_factor_the_mailbox_is_step_one_and_the_new_password_step_two(fan):
    note(fan.user)
    assert leads_to(fan.sign_in(), "hardening:mailbox")
    shown = read(fan, "hardening:mailbox")
    assert LEAKED in shown
    assert "Then you choose a new password." in shown
    assert "Step 1 of 2" in shown
    assert leads_to(fan.prove_mailbox(), "hardening:change_password")
    shown = read(fan, "hardening:change_password")
    assert LEAKED in shown
    assert NOT_US in shown
    assert "every other website where you use it" in shown
    assert "Step 2 of 2" in shown


@pytest.mark.usefixtures("enforced")
def test_with_a_factor_the_code_is_step_one(careful_fan):
    note(careful_fan.user)
    careful_fan.sign_in()
    assert "Step 1 of 2" in read(careful_fan, "hardening:verify")
    assert "Step 1 of 2" in read(careful_fan, "hardening:recovery_code")
    assert leads_to(careful_fan.verify(), "hardening:change_password")
    assert "Step 2 of 2" in read(careful_fan, "hardening:change_password")


@pytest.mark.usefixtures("enforced")
def test_with_a_recovery_code_too_where_no_policy_wants_another_authenticator(careful_fan):
    note(careful_fan.user)
    careful_fan.sign_in()
    assert leads_to(careful_fan.use_recovery_code(), "hardening:change_password")
    assert "Step 2 of 2" in read(careful_fan, "hardening:change_password")


def test_whoever_replaces_a_lost_authenticator_on_the_way_reads_no_count(member):
    note(member.user)
    member.sign_in()
    assert "Step 1 of 2" in read(member, "hardening:verify")
    assert "Step 1 of" not in read(member, "hardening:recovery_code")
    member.use_recovery_code()
    member.start()
    member.confirm()
    member.keep_codes()
    shown = read(member, "hardening:change_password")
    assert LEAKED in shown
    assert "Step " not in shown


def test_a_newcomer_enrols_first_and_the_new_password_is_step_four(newcomer):
    note(newcomer.user)
    assert leads_to(newcomer.sign_in(), "hardening:mailbox")
    assert "Step 1 of 4" in read(newcomer, "hardening:mailbox")
    assert leads_to(newcomer.prove_mailbox(), "hardening:enrol")
    newcomer.start()
    assert "Step 2 of 4" in read(newcomer, "hardening:enrol_totp")
    assert "Step 3 of 4" in text(newcomer.confirm())
    assert leads_to(newcomer.keep_codes(), "hardening:change_password")
    assert "Step 4 of 4" in read(newcomer, "hardening:change_password")


@pytest.mark.usefixtures("enforced")
def test_a_live_session_that_has_proven_its_factor_long_ago_reads_no_count(careful_fan, clock):
    careful_fan.sign_in_fully()
    clock.shift(60)
    note(careful_fan.user)
    assert leads_to(careful_fan.get("members"), "hardening:change_password")
    shown = read(careful_fan, "hardening:change_password")
    assert LEAKED in shown
    assert "Step " not in shown


@pytest.mark.usefixtures("enforced")
def test_without_a_mailbox_the_way_out_is_an_operators_ticket(person, settings, clock):
    settings.HARDENING = {**settings.HARDENING, "SUPPORT": "Ring the stage door, 555-0142."}
    nobody = person("nobody", email="")
    note(nobody.user)
    assert leads_to(nobody.sign_in(), "hardening:ticket")
    shown = read(nobody, "hardening:ticket")
    assert LEAKED in shown
    assert "has no e-mail address for you that can be used" in shown
    assert "Ring the stage door, 555-0142." in shown
    assert "Step 1 of 2" in shown


def test_a_ticket_that_a_policy_wants_is_no_word_about_mailboxes(newcomer, ticket_policy):
    assert leads_to(newcomer.sign_in(), "hardening:ticket")
    assert "has no e-mail address" not in read(newcomer, "hardening:ticket")


def test_where_it_is_only_warned_of_an_unknown_browser_says_what_comes_next(fan):
    note(fan.user)
    assert leads_to(fan.sign_in(next="/members/"), "hardening:mailbox")
    shown = read(fan, "hardening:mailbox")
    assert LEAKED in shown
    assert "Then you can go on; please choose a new password soon." in shown
    assert "Step " not in shown
    assert fan.prove_mailbox().headers["Location"] == "/members/"


@pytest.mark.usefixtures("counted")
def test_where_it_is_only_counted_a_demand_of_an_operator_says_nothing_of_it(fan):
    note(fan.user)
    Account.objects.filter(user_id=fan.user.pk).update(must_change="operator")
    fan.sign_in()
    fan.prove_mailbox()
    shown = read(fan, "hardening:change_password")
    assert "Your password must be changed before you go on." in shown
    assert LEAKED not in shown
    assert NOT_US not in shown


@pytest.mark.usefixtures("enforced")
def test_after_the_change_a_message_says_that_other_sessions_have_ended(fan):
    note(fan.user)
    fan.sign_in(next=reverse("hardening:overview"))
    fan.prove_mailbox()
    assert leads_to(change(fan), "hardening:overview")
    shown = read(fan, "hardening:overview")
    assert CHANGED in shown
    assert LEAKED not in shown


@pytest.mark.usefixtures("enforced")
def test_a_leaked_new_password_is_refused_beside_the_field_it_was_typed_in(fan):
    note(fan.user)
    fan.sign_in()
    fan.prove_mailbox()
    with testing.fake_breach(NEW):
        refused = change(fan)
    assert refused.status_code == 400
    errors = refused.context["form"].errors.as_data()
    assert {name: [e.code for e in each] for name, each in errors.items()} == {
        "new_password1": ["password_breached"]
    }
    shown = text(refused)
    assert 'aria-describedby="id_new_password1_helptext id_new_password1_error"' in shown
    assert "Step 2 of 2" in shown
    assert NOT_US in shown


# --- signed in -----------------------------------------------------------------------------------


def signed_in(visitor, verdict="", **more):
    """Sign in at a browser that is known then, and set what was found of the password."""
    visitor.sign_in()
    if verdict:
        note(visitor.user, verdict, **more)
    return visitor


def known(visitor):
    """Sign in with the mailbox proven, where a warning would otherwise stop the session."""
    visitor.sign_in()
    visitor.prove_mailbox()
    return visitor


def test_the_overview_says_that_nobody_has_looked_yet(fan):
    signed_in(fan)
    Account.objects.forget_verdict(fan.user.pk)
    shown = read(fan, "hardening:overview")
    assert "Not looked up in lists of leaked passwords yet" in shown
    assert "Something to do" not in shown


def test_the_overview_says_that_a_password_is_in_no_list_and_when_that_was_looked_up(fan):
    signed_in(fan, "clean", at=NOW - 3 * DAY)
    shown = read(fan, "hardening:overview")
    assert "Not in any list we know of." in shown
    assert moment(NOW - 3 * DAY).isoformat() in shown
    assert "Something to do" not in shown


def test_the_overview_and_the_banner_ask_for_a_new_password_where_it_is_warned_of(fan):
    note(fan.user)
    known(fan)
    shown = read(fan, "hardening:overview")
    assert "Something to do" in shown
    assert f"{LEAKED}. Please change it." in shown
    assert "In a list leaked from other websites. Change it." in shown
    banner = text(fan.client.get("/banner/?user"))
    assert f"{LEAKED}." in banner
    assert f'<a href="{reverse("hardening:change_password")}">Change it now</a>' in banner
    assert NOT_US in read(fan, "hardening:change_password")
    assert leads_to(change(fan), "hardening:overview")
    assert "Something to do" not in read(fan, "hardening:overview")
    assert "hardening-banner" not in text(fan.client.get("/banner/?user"))


def test_a_deadline_ahead_comes_after_the_leaked_password(fan):
    RolePolicy.objects.create(
        role="everyone",
        mode=Mode.ENFORCE,
        starts_at=moment(NOW),
        grace_days=7,
        breached_passwords="off",
    )
    note(fan.user)
    known(fan)
    shown = read(fan, "hardening:overview")
    assert f"{LEAKED}. Please change it. Then set up a second factor in time." in shown


def test_a_factor_protects_no_leaked_password(careful_fan):
    note(careful_fan.user)
    careful_fan.sign_in_fully()
    shown = read(careful_fan, "hardening:overview")
    assert "hardening-summary-good" not in shown
    assert "Something to do" in shown


@pytest.mark.usefixtures("counted")
def test_where_it_is_only_counted_its_owner_reads_nothing_of_it(fan):
    note(fan.user)
    fan.sign_in()
    assert "leaked" not in read(fan, "hardening:overview")
    assert NOT_US not in read(fan, "hardening:change_password")
    assert "hardening-banner" not in text(fan.client.get("/banner/?user"))


def test_a_verdict_on_an_older_password_is_none(fan):
    signed_in(fan)
    older = User(password="another")
    older.pk = fan.user.pk
    note(older)
    shown = read(fan, "hardening:overview")
    assert "Not looked up in lists of leaked passwords yet" in shown
