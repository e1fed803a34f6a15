"""What lies in a session: stamps, handles, and telling apart what a login wrote."""

from __future__ import annotations

import json

import pytest
from django.contrib.sessions.backends.db import SessionStore

from hardening import sessions
from hardening.core.values import Proof, ProofKind
from hardening.sessions import Stamp
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

PASSWORD = Proof(ProofKind.PASSWORD, NOW, 3)
FACTOR = Proof(ProofKind.FACTOR, NOW, 3, factor_id=7)
STAMP = Stamp(
    user_pk="5",
    id="name",
    account_epoch=3,
    site_epoch=2,
    proofs=(PASSWORD, FACTOR),
    started=NOW,
    known_browser=False,
    next="/there/",
)


@pytest.fixture
def session():
    return SessionStore()


# ---------------------------------------------------------------- stamps


def test_a_stamp_comes_back_as_it_was_written(session) -> None:
    sessions.write(session, STAMP)
    assert sessions.read(session, 5) == STAMP


def test_a_stamp_survives_the_hosts_json(session) -> None:
    sessions.write(session, STAMP)
    session.save()
    assert sessions.read(SessionStore(session.session_key), 5) == STAMP
    json.dumps(dict(session.items()))


def test_the_decision_sees_what_the_stamp_says() -> None:
    seen = STAMP.session()
    assert seen.proofs == STAMP.proofs
    assert (seen.account_epoch, seen.site_epoch, seen.id) == (3, 2, "name")
    assert (seen.started, seen.known_browser, seen.signing_in) == (NOW, False, False)


def test_a_session_from_before_the_app_has_proven_a_password_nobody_knows_when(session) -> None:
    stamp = sessions.read(session, 5)
    assert stamp.proofs == (Proof(ProofKind.PASSWORD, None, 0),)
    assert (stamp.account_epoch, stamp.site_epoch, stamp.started) == (0, 0, None)
    assert stamp.known_browser


def test_somebody_elses_stamp_proves_nothing_and_matches_no_epoch(session) -> None:
    sessions.write(session, STAMP)
    stamp = sessions.read(session, 6)
    assert stamp.proofs == ()
    assert stamp.account_epoch < 0
    assert stamp.site_epoch < 0


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"user": "5"},
        {"proofs": [["password", None]]},
        {"proofs": [["telepathy", NOW, 0, None]]},
        {"proofs": 7},
        {"epochs": [1]},
        {"epochs": None},
    ],
    ids=str,
)
def test_a_stamp_that_cannot_be_read_ends_the_session(session, damage) -> None:
    sessions.write(session, STAMP)
    session[sessions.STAMP_KEY] = {**session[sessions.STAMP_KEY], **damage} if damage else {}
    stamp = sessions.read(session, 5)
    if damage == {"user": "5"}:
        assert stamp == STAMP
    else:
        assert stamp.proofs == ()
        assert stamp.account_epoch < 0


def test_a_newer_proof_takes_the_place_of_the_older_one_of_its_kind_and_factor() -> None:
    newer = Proof(ProofKind.FACTOR, NOW + 9, 3, factor_id=7)
    tablet = Proof(ProofKind.FACTOR, NOW, 3, factor_id=8)
    assert sessions.add_proof((PASSWORD, FACTOR), newer) == (PASSWORD, newer)
    assert sessions.add_proof((FACTOR,), tablet) == (FACTOR, tablet)


def test_a_stamp_moves_to_another_epoch_only_when_told() -> None:
    assert STAMP.with_proof(FACTOR).account_epoch == 3
    assert STAMP.with_proof(FACTOR, epoch=4).account_epoch == 4


def test_proofs_that_are_none_are_refused() -> None:
    assert sessions.proofs_from(sessions.proofs_to(STAMP.proofs)) == STAMP.proofs
    with pytest.raises(ValueError, match="telepathy"):
        sessions.proofs_from([["telepathy", NOW, 0, None]])


# ---------------------------------------------------------------- handles and names


def test_the_session_holds_a_handle_and_the_row_its_digest(session) -> None:
    digest = sessions.new_handle(session, sessions.PARKED_KEY)
    handle = session[sessions.PARKED_KEY]
    assert len(bytes.fromhex(handle)) == 16
    assert digest == sessions.handle_digest(session, sessions.PARKED_KEY)
    assert handle not in digest
    assert sessions.new_handle(session, sessions.PARKED_KEY) != digest


@pytest.mark.parametrize("held", [None, 7, ["a"]])
def test_what_is_no_handle_has_no_digest(session, held) -> None:
    session[sessions.PARKED_KEY] = held
    assert sessions.handle_digest(session, sessions.PARKED_KEY) is None
    assert sessions.handle_digest(session, sessions.ENROL_KEY) is None


def test_events_name_a_session_without_giving_its_key_away(session) -> None:
    assert sessions.name_of(None) == ""
    assert sessions.name_of(session) == ""
    session.save()
    name = sessions.name_of(session)
    assert len(name) == 32
    assert session.session_key not in name


def test_ids_of_sessions_differ() -> None:
    assert len({sessions.new_id() for _ in range(100)}) == 100
