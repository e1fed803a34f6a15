"""The record that step pages work on: found anew with each request, or over."""

from __future__ import annotations

import pytest

from hardening import facts, host, sessions, testing
from hardening.backends import HardeningBackend
from hardening.core.values import Proof, ProofKind, Verdict
from hardening.flows import enrol, login, record, rows
from hardening.flows.record import RecordGoneError
from hardening.models import Account, ParkedLogin
from tests.actors import HERE, NOW, found, new_session, parked, reread, signed_in

MAILBOX_PROOF = Proof(ProofKind.MAILBOX, NOW, 0)


def beside(user, *proofs):
    """Return a live session with an enrolment beside it."""
    session = signed_in(user, *proofs)
    enrol.open_beside(session, user, backend=host.OUR_BACKEND, now=NOW)
    session.save()
    return session


def beside_found(session, user):
    return record.enrolling(session, user, now=NOW)


# --- looking it up ---------------------------------------------------------------------------


def test_a_session_without_a_handle_has_nothing_waiting(db, clock):
    assert found(new_session()) is None


@pytest.mark.parametrize("handle", ["0" * 32, "", 7, None, ["list"]])
def test_a_handle_that_names_no_record_finds_nothing(member, handle):
    session = parked(member)
    session[sessions.PARKED_KEY] = handle
    session.save()
    assert found(session) is None


def test_a_record_lives_for_ten_minutes(member):
    session = parked(member)
    assert found(session, now=NOW + 599) is not None
    assert found(session, now=NOW + 600) is None


def test_a_record_dies_with_its_fifth_wrong_proof(member):
    session = parked(member)
    ParkedLogin.objects.update(failures=4)
    assert found(session) is not None
    ParkedLogin.objects.update(failures=5)
    assert found(session) is None


def test_a_record_dies_when_the_password_changes(member):
    session = parked(member)
    member.set_password("another pond")
    member.save()
    assert found(session) is None
    assert ParkedLogin.objects.get().finished_at == NOW


def test_a_record_outlives_a_rotation_of_the_sites_key(member, settings):
    session = parked(member)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, newer and just as long as the one before it was"
    session_again = new_session()
    session_again[sessions.PARKED_KEY] = session[sessions.PARKED_KEY]
    assert record.waiting(session_again, now=NOW) is not None


def test_a_record_whose_owner_the_backend_does_not_show_is_over(member, monkeypatch):
    """A default manager hides whom it hides, on the step pages as in a live session."""
    session = parked(member)
    monkeypatch.setattr(HardeningBackend, "get_user", lambda *_args: None)
    assert found(session) is None
    assert ParkedLogin.objects.get().finished_at == NOW


def test_a_record_of_a_backend_that_is_no_longer_configured_is_over(member, settings):
    session = parked(member)
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend"]
    assert found(session) is None
    assert ParkedLogin.objects.get().finished_at == NOW


@pytest.mark.parametrize("fault", [ConnectionError, facts.FactsError])
def test_an_owner_who_cannot_be_loaded_is_a_fault_and_the_record_stays(member, fault, monkeypatch):
    def broken(*_args):
        raise fault("the directory is away")

    session = parked(member)
    monkeypatch.setattr(HardeningBackend, "get_user", broken)
    with pytest.raises(facts.FactsError):
        found(session)
    assert ParkedLogin.objects.get().finished_at is None


@pytest.mark.parametrize(
    "change",
    [{"frozen": True}, {"epoch": 99}],
    ids=["frozen", "revoked"],
)
def test_a_record_ends_with_what_would_end_a_session(member, change):
    session = parked(member)
    Account.objects.update(**change)
    assert found(session) is None
    assert ParkedLogin.objects.get().finished_at == NOW


def test_without_facts_a_record_is_neither_found_nor_ended(member, no_facts):
    session = parked(member)
    no_facts()
    with pytest.raises(facts.FactsError):
        found(session)
    assert ParkedLogin.objects.get().finished_at is None


def test_a_user_model_without_session_hashes_has_none_to_compare():
    assert rows.auth_hash(object()) == ""


# --- enrolments beside a live session --------------------------------------------------------


def test_what_a_live_session_has_proven_counts_for_the_enrolment_beside_it(fan):
    factor = testing.enrol(fan)
    session = beside(fan, (ProofKind.FACTOR, factor.pk))
    waiting = beside_found(session, fan)
    assert waiting.enrolling
    assert waiting.may_enrol
    assert {proof.kind for proof in waiting.session.proofs} == {"factor"}  # no password: it is old


def test_an_enrolment_of_somebody_else_is_nobodys(fan, newcomer):
    session = beside(fan)
    assert beside_found(session, newcomer) is None
    assert beside_found(signed_in(fan), fan) is None


def test_an_enrolment_ends_with_what_would_end_the_session(fan):
    session = beside(fan)
    Account.objects.of(fan.pk)
    Account.objects.bump_epoch(fan.pk)
    assert beside_found(session, fan) is None
    assert ParkedLogin.objects.get().finished_at == NOW


def test_a_proof_for_the_enrolment_is_added_to_those_of_the_session(fan):
    session = beside(fan)
    again = Proof(ProofKind.PASSWORD, NOW, 0)
    record.add_proof(beside_found(session, fan), again, now=NOW)
    waiting = record.add_proof(beside_found(session, fan), MAILBOX_PROOF, now=NOW)
    assert waiting.decision.allowed
    assert {proof.kind for proof in waiting.session.proofs} == {"password", "mailbox"}
    assert sessions.read(session, fan.pk).session().has(ProofKind.MAILBOX) is False


# --- adding proofs ---------------------------------------------------------------------------


def test_each_proof_asks_the_decision_again(newcomer):
    session = parked(newcomer)
    waiting = record.add_proof(found(session), MAILBOX_PROOF, now=NOW)
    assert waiting.decision.verdict is Verdict.ENROL
    assert found(session).decision == waiting.decision


def test_a_proof_added_meanwhile_by_another_tab_is_kept(newcomer):
    session = parked(newcomer)
    first, second = found(session), found(session)
    record.add_proof(first, MAILBOX_PROOF, now=NOW)
    record.add_proof(second, Proof(ProofKind.TICKET, NOW, 0), now=NOW)
    assert {proof.kind for proof in found(session).session.proofs} == {
        "password",
        "mailbox",
        "ticket",
    }


def test_a_proof_for_a_record_that_ended_is_not_kept(newcomer):
    session = parked(newcomer)
    waiting = found(session)
    login.cancel(session, now=NOW, where=HERE)
    with pytest.raises(RecordGoneError):
        record.add_proof(waiting, MAILBOX_PROOF, now=NOW)


def test_a_write_that_never_goes_through_is_given_up(newcomer, monkeypatch):
    waiting = found(parked(newcomer))
    queryset = type(ParkedLogin.objects.all())
    monkeypatch.setattr(queryset, "swap_proofs", lambda *_args, **_kwargs: False)
    tries = []
    monkeypatch.setattr(sessions, "add_proof", lambda proofs, proof: tries.append(1) or proofs)
    with pytest.raises(RecordGoneError):
        record.add_proof(waiting, MAILBOX_PROOF, now=NOW)
    assert len(tries) == record.MAX_PROOF_WRITES


# --- where it leads, what it holds -----------------------------------------------------------


def test_where_a_person_was_going_is_remembered(member):
    session = parked(member)
    for url in ("/team/", "", "/team/"):
        record.head_for(found(session), url)
        assert found(session).row.next == "/team/"


def test_dropping_says_whether_the_session_may_hold_somebody_elses_data(member, newcomer):
    assert record.drop(new_session(), now=NOW, owner=newcomer) is False
    assert record.drop(parked(member), now=NOW) is False
    assert record.drop(parked(member), now=NOW, owner=member) is False
    assert record.drop(parked(member), now=NOW, owner=newcomer) is True
    stray = new_session()
    stray[sessions.PARKED_KEY] = "0" * 32
    assert record.drop(stray, now=NOW, owner=newcomer) is True


def test_sealed_data_opens_for_its_own_record_only(member):
    first, second = (ParkedLogin(handle=handle) for handle in ("a" * 64, "b" * 64))
    first.data = second.data = rows.seal_data(first.handle, {"secret": "data"})
    assert "secret" not in first.data
    assert rows.open_data(first) == {"secret": "data"}
    assert rows.open_data(second) is None


def test_proofs_on_a_record_are_read_again_from_the_row(newcomer):
    session = parked(newcomer)
    before = found(session)
    record.add_proof(found(session), MAILBOX_PROOF, now=NOW)
    before.row.refresh_from_db()
    assert record.refreshed(before, before.row, now=NOW).decision.verdict is Verdict.ENROL
    assert reread(newcomer).pk == before.user.pk


@pytest.mark.parametrize(
    "damage",
    [
        {"proofs": '[["soothsaying", 1, 0, null]]'},
        {"proofs": "not JSON"},
        {"circumstances": '{"shoe_size": 44}'},
    ],
)
def test_a_record_that_another_version_wrote_is_over(member, damage):
    session = parked(member)
    ParkedLogin.objects.update(**damage)
    assert found(session) is None
    assert ParkedLogin.objects.get().finished_at == NOW


# ---------------------------------------------------------------- renewed by each proof


def test_a_renewed_record_is_found_by_its_new_handle_alone_and_keeps_its_data(member):
    session = parked(member)
    row = found(session).row
    row.data = rows.seal_data(row.handle, {"basket": "kept"})
    row.save()
    copied, key = dict(session.items()), session.session_key
    waiting = found(session)
    record.renew(session, waiting)
    assert session.session_key != key
    assert found(session).row.pk == row.pk
    assert rows.open_data(waiting.row) == rows.open_data(found(session).row) == {"basket": "kept"}
    copy = new_session()
    copy.update(copied)
    assert found(copy) is None


def test_of_two_tabs_that_renew_at_once_the_second_leaves_the_session_alone(member):
    session = parked(member)
    first, second = found(session), found(session)
    other = new_session()
    other.update(dict(session.items()))
    record.renew(session, first)
    before = dict(other.items())
    record.renew(other, second)
    assert dict(other.items()) == before
    assert found(session) is not None


def test_data_that_do_not_open_are_missed_at_completion_and_not_before(member):
    session = parked(member)
    ParkedLogin.objects.update(data="broken")
    record.renew(session, found(session))
    assert rows.open_data(found(session).row) is None
