"""Tokens with evidence, as docs/howto/drf.md makes them: worth what their session was worth."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core import signing
from django.test import Client

from hardening import testing
from hardening.flows.sessionless import SALT
from hardening.models import Account, Factor, SiteState
from tests.sites.drf.models import ApiToken
from tests.sites.drf.people_table import STAFF, freeze
from tests.sites.drf.views import audit_log
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db

JSON = {"accept": "application/json"}
WRONG = (401, "login_required", None)


@pytest.fixture
def robin(clock, person):
    """Return a member of staff at a client, signed in with a factor a moment ago."""
    visitor = person("robin", **STAFF)
    visitor.client = Client(headers=JSON)
    testing.login(visitor.client, visitor.user)
    return visitor


def make_token(client):
    """Return the key of a token that a client makes for itself."""
    return client.post("/api/make-token/").json()["token"]


def use(key, path="/api/personal/"):
    """Return (status, code, reason) of a request with a token."""
    answer = Client(headers={**JSON, "authorization": f"Token {key}"}).get(path)
    said = answer.json()
    return answer.status_code, said.get("code"), said.get("reason")


def test_a_token_made_with_a_proven_factor_stands_for_it(robin):
    assert use(make_token(robin.client)) == (200, None, None)


def test_a_token_is_never_a_fresh_proof(robin):
    kept = signing.loads(ApiToken.objects.get(key=make_token(robin.client)).evidence, salt=SALT)
    assert [at for _kind, at, _epoch, _factor in kept["proofs"]] == [None, None]


def another_factor(user):
    testing.enrol(user)


def revoked(user):
    Account.objects.bump_epoch(user.pk)


def all_revoked(user):
    SiteState.objects.bump_epoch()


def deactivated(user):
    get_user_model().objects.update(is_active=False)


@pytest.mark.parametrize("happens", [another_factor, revoked, all_revoked, freeze, deactivated])
def test_a_token_ends_where_the_session_ends(happens, robin):
    key = make_token(robin.client)
    happens(robin.user)
    assert use(key) == WRONG


def test_another_password_ends_what_a_token_stood_for(robin):
    key = make_token(robin.client)
    user = get_user_model().objects.get(pk=robin.user.pk)
    user.set_password("another pond of lanterns")
    user.save()
    assert use(key) == (401, "verification_required", "factor_not_proven")


def test_a_new_secret_key_keeps_tokens_while_the_old_one_is_a_fallback(robin, settings):
    key = make_token(robin.client)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "n" * 60
    assert use(key) == (401, "verification_required", "factor_not_proven")
    settings.SECRET_KEY_FALLBACKS = [old]
    assert use(key) == (200, None, None)


def test_a_removed_factor_takes_its_tokens_along_whatever_the_epoch(robin):
    key = make_token(robin.client)
    Factor.objects.all().delete()
    Account.objects.rewrite_factors(robin.user.pk, "")
    assert use(key) == (401, "mailbox_required", "policy_requires_factor")


def test_a_token_outlives_the_sign_out_of_its_session(robin):
    key = make_token(robin.client)
    robin.client.logout()
    assert use(key) == (200, None, None)


def test_a_token_of_somebody_who_owed_nothing_falls_with_the_role(person, settings):
    settings.HARDENING = {"ENFORCE": False}  # the page asks for a factor
    client = Client(headers=JSON)
    client.force_login(person("fan").user)
    key = make_token(client)
    settings.HARDENING = {}
    assert use(key) == (200, None, None)
    get_user_model().objects.update(is_staff=True)
    assert use(key) == (401, "mailbox_required", "policy_requires_factor")


def signed_again(change, salt=SALT):
    """Return what makes other evidence, rightly signed, of what a token carries."""

    def make(evidence):
        kept = signing.loads(evidence, salt=SALT)
        change(kept)
        return signing.dumps(kept, salt=salt)

    return make


NO_EVIDENCE = {
    "none": lambda evidence: "",
    "forged": lambda evidence: f"{evidence[:-3]}AAA",
    "of an older version": signed_again(lambda kept: kept.pop("password")),
    "of a newer version": signed_again(lambda kept: kept.update(epochs=[0, 0, 0])),
    "of proofs nobody knows": signed_again(lambda kept: kept.update(proofs=[["spell"]])),
    "not even a table": lambda evidence: signing.dumps([], salt=SALT),
    "signed for something else": signed_again(lambda kept: None, salt="something.else"),
}


@pytest.mark.parametrize("spoil", NO_EVIDENCE.values(), ids=NO_EVIDENCE)
def test_what_is_no_evidence_of_ours_counts_as_none(spoil, robin):
    key = make_token(robin.client)
    token = ApiToken.objects.get(key=key)
    ApiToken.objects.filter(key=key).update(evidence=spoil(token.evidence))
    assert use(key) == (401, "verification_required", "factor_not_proven")


def test_evidence_about_somebody_else_counts_as_none(robin, person):
    evidence = ApiToken.objects.get(key=make_token(robin.client)).evidence
    ApiToken.objects.create(key="k", user=person("other", **STAFF).user, evidence=evidence)
    assert use("k") == (401, "mailbox_required", "policy_requires_factor")


def test_without_a_session_there_is_nothing_to_tell_of(robin, settings):
    # A request that is authenticated by a token, beside a session that has proven a factor.
    key = make_token(robin.client)
    header = {"authorization": f"Token {key}"}
    answer = robin.client.get("/api/evidence/", headers=header)
    assert answer.json() == {"evidence": ""}


def test_whoever_is_parked_makes_no_token(person):
    robin = person("robin", **STAFF)
    program = Visitor(robin.user, json_client=True)
    program.client.login(username="robin", password=program.password)
    answer = program.client.post("/api/make-token/")
    assert (answer.status_code, answer.json()["code"]) == (401, "mailbox_required")
    assert not ApiToken.objects.exists()


def test_a_subclass_that_says_it_asks_asks(robin, caplog):
    key = make_token(robin.client)
    with caplog.at_level("INFO", audit_log.name):
        assert use(key, "/api/logged/")[:2] == (401, "login_required")  # not one of its tokens
    assert "token used" not in caplog.text
