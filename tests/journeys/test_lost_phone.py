"""A lost phone: a recovery code, the authenticator replaced, and nothing beyond that.

Acceptance row 4, and row 5 of the decision.
"""

from __future__ import annotations

import pytest
from django.contrib.auth import hashers
from django.core import mail
from django.core.management import call_command

from hardening import testing
from hardening.audit import Event
from hardening.core import otp
from hardening.models import Account, Factor, RecoveryCode, SecurityEvent
from hardening.moments import moment
from tests.visitor import NOW, STEP, address, leads_to, mails

pytestmark = pytest.mark.django_db(transaction=True)


def with_a_recovery_code(visitor):
    """Sign in by password and recovery code; the new phone is empty."""
    visitor.sign_in()
    answer = visitor.use_recovery_code()
    visitor.secret = b""
    return answer


def names():
    return set(Factor.objects.confirmed().values_list("name", flat=True))


# --- somebody whose role needs a factor ------------------------------------------------------


def test_a_mandated_person_is_led_from_the_code_to_a_new_authenticator(member):
    lost = Factor.objects.get()
    assert leads_to(with_a_recovery_code(member), "hardening:enrol")
    assert not member.is_signed_in()
    assert leads_to(member.start(), "hardening:enrol_totp")
    answer = member.confirm(name="New phone", remove=[lost.pk])
    assert answer.status_code == 302
    assert member.is_signed_in()
    assert member.get("admin:index").status_code == 200
    assert names() == {"New phone"}
    lost.refresh_from_db()
    assert lost.secret == ""


def test_the_lost_authenticator_may_be_kept(member):
    with_a_recovery_code(member)
    member.start()
    member.confirm(name="New phone")
    assert names() == {"New phone", "Test authenticator"}
    assert member.is_signed_in()


def test_the_page_offers_the_lost_ones_for_removal_ticked(member):
    with_a_recovery_code(member)
    member.start()
    form = member.get("hardening:enrol_totp").context["form"]
    lost = Factor.objects.confirmed().get()
    assert form.fields["remove"].choices == [(lost.pk, lost.name)]
    assert form.fields["remove"].initial == [lost.pk]


def test_the_code_does_not_let_a_mandated_person_into_the_admin_by_itself(member):
    with_a_recovery_code(member)
    assert leads_to(member.get("admin:index"), "hardening:enrol")
    assert not member.is_signed_in()


def test_whoever_finds_the_phone_after_all_proves_it_instead(member):
    member.sign_in(next="/admin/")
    member.use_recovery_code()
    assert member.get("hardening:verify").status_code == 200
    member.verify()
    assert member.is_signed_in()
    assert names() == {"Test authenticator"}


def test_replacing_ends_other_sessions_and_is_told_by_mail(member, clock):
    member.sign_in_fully()
    thief = member
    assert thief.is_signed_in()
    clock.shift(STEP)
    owner = member.again()
    with_a_recovery_code(owner)
    owner.start()
    owner.confirm(remove=[Factor.objects.confirmed().get(name="Test authenticator").pk])
    assert not thief.is_signed_in()
    assert owner.is_signed_in()
    for subject in ("a recovery code was used", "was added", "was removed"):
        assert [to for to, _ in mails(subject)] == ["member@example.com"]


def test_only_ones_own_authenticators_can_be_ticked_as_lost(member, person):
    other = person("other").user
    foreign = testing.enrol(other)
    with_a_recovery_code(member)
    member.start()
    assert member.confirm(remove=[foreign.pk]).status_code == 400
    foreign.refresh_from_db()
    assert foreign.removed_at is None


def test_without_a_recovery_code_nothing_is_removed_by_enrolling(careful_fan):
    careful_fan.sign_in_fully()
    first = Factor.objects.confirmed().get()
    careful_fan.start()
    careful_fan.confirm(name="Second phone", remove=[first.pk])
    first.refresh_from_db()
    assert first.removed_at is None


# --- somebody with a factor of her own accord ------------------------------------------------


def test_a_person_without_mandate_is_signed_in_and_led_to_her_security_page(careful_fan):
    answer = with_a_recovery_code(careful_fan)
    assert leads_to(answer, "hardening:overview")
    assert careful_fan.is_signed_in()
    assert careful_fan.get("hardening:overview").status_code == 200


def test_she_replaces_the_authenticator_at_once(careful_fan):
    with_a_recovery_code(careful_fan)
    lost = Factor.objects.get()
    assert leads_to(careful_fan.start(), "hardening:enrol_totp")
    careful_fan.confirm(name="New phone", remove=[lost.pk])
    assert names() == {"New phone"}
    assert careful_fan.is_signed_in()


def test_the_code_is_a_fresh_proof_for_one_enrolment_only(careful_fan, clock):
    with_a_recovery_code(careful_fan)
    careful_fan.start()
    careful_fan.confirm(name="New phone")
    clock.shift(301)
    assert leads_to(careful_fan.post("hardening:enrol"), "hardening:step_up")


def test_the_code_is_a_fresh_proof_for_a_quarter_of_an_hour_only(careful_fan, clock):
    with_a_recovery_code(careful_fan)
    clock.shift(15 * 60 + 1)
    assert leads_to(careful_fan.post("hardening:enrol"), "hardening:step_up")


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head"])
def test_nothing_else_that_needs_a_fresh_proof_opens(careful_fan, method):
    with_a_recovery_code(careful_fan)
    row = Factor.objects.get()
    before = set(RecoveryCode.objects.values_list("digest", flat=True))
    tried = {
        address("hardening:factor", row.pk): {"action": "remove", "name": "Mine"},
        address("hardening:recovery_codes"): {"action": "make"},
    }
    for door, fields in tried.items():
        answer = getattr(careful_fan.client, method)(door, fields)
        if method == "post":
            assert leads_to(answer, "hardening:step_up")
    row.refresh_from_db()
    assert (row.removed_at, row.name) == (None, "Test authenticator")
    assert set(RecoveryCode.objects.values_list("digest", flat=True)) == before


# --- the codes themselves --------------------------------------------------------------------


def test_a_code_works_once(careful_fan, clock):
    code = careful_fan.codes[0]
    careful_fan.sign_in()
    careful_fan.use_recovery_code(code)
    assert careful_fan.is_signed_in()
    other = careful_fan.again()
    other.sign_in()
    assert other.use_recovery_code(code).status_code == 400
    assert not other.is_signed_in()
    assert RecoveryCode.objects.unused(careful_fan.user.pk).count() == 9


def test_a_code_is_taken_however_it_is_typed(careful_fan):
    careful_fan.sign_in()
    typed = careful_fan.codes[0].replace("-", "  ").lower()
    careful_fan.use_recovery_code(typed)
    assert careful_fan.is_signed_in()


def test_another_persons_code_opens_nothing(careful_fan, member):
    careful_fan.sign_in()
    assert careful_fan.use_recovery_code(member.codes[0]).status_code == 400
    assert RecoveryCode.objects.unused(member.user.pk).count() == 10


def test_a_code_without_the_password_opens_nothing(careful_fan):
    assert careful_fan.use_recovery_code(careful_fan.codes[0]).status_code == 410
    assert RecoveryCode.objects.unused(careful_fan.user.pk).count() == 10


def test_using_a_code_is_told_with_how_many_are_left(careful_fan):
    with_a_recovery_code(careful_fan)
    told = [m for m in mail.outbox if "recovery code was used" in m.subject]
    assert [m.to for m in told] == [["careful@example.com"]]
    assert "9 recovery codes left" in told[0].body
    events = SecurityEvent.objects.filter(event=Event.PROOF_ACCEPTED, reason="recovery")
    assert events.count() == 1


@pytest.fixture
def nearly_spent(member):
    """Return the member with two recovery codes left."""
    spent = RecoveryCode.objects.order_by("pk").values_list("pk", flat=True)[2:]
    RecoveryCode.objects.filter(pk__in=list(spent)).update(used_at=moment(NOW))
    Account.objects.filter(user_id=member.user.pk).update(codes_left=2)
    member.codes = member.codes[:2]
    return member


def test_how_few_are_left_is_said_on_the_security_page(nearly_spent):
    nearly_spent.sign_in_fully()
    assert "2 of 10 left" in nearly_spent.get("hardening:overview").content.decode()


def test_a_fresh_set_comes_with_the_replacement_when_few_are_left(nearly_spent):
    old = nearly_spent.codes[0]
    with_a_recovery_code(nearly_spent)
    nearly_spent.start()
    nearly_spent.confirm()
    assert len(nearly_spent.codes) == 10
    assert old not in nearly_spent.codes
    assert RecoveryCode.objects.count() == 10
    nearly_spent.keep_codes()
    assert nearly_spent.is_signed_in()


def test_a_dump_of_the_database_holds_no_code_and_no_key(newcomer, tmp_path):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.enrol()
    dump = tmp_path / "dump.json"
    call_command("dumpdata", output=str(dump), verbosity=0)
    text = dump.read_text(encoding="utf-8").upper()
    assert "HARDENING.RECOVERYCODE" in text
    assert len(newcomer.codes) == 10
    for code in newcomer.codes:
        assert code not in text
        assert code.replace("-", "") not in text
    for form in (otp.base32(newcomer.secret), newcomer.secret.hex().upper()):
        assert form not in text


def test_trying_a_code_costs_no_slow_hash(careful_fan, monkeypatch):
    careful_fan.sign_in()
    hashes = []
    for name in ("make_password", "check_password", "verify_password"):
        monkeypatch.setattr(hashers, name, lambda *a, _n=name, **k: hashes.append(_n))
    careful_fan.use_recovery_code("2345-6789-ABCD-EFGH-JKLM-NPQR")
    assert hashes == []
