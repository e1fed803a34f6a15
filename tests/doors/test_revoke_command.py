"""`hardening_revoke`, as an operator types it."""

from __future__ import annotations

import io
import json

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import CommandError, call_command

from hardening.audit import Event
from hardening.management import people
from hardening.models import Account, SecurityEvent, SiteState
from tests.doors.conftest import name_shown

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments, **options):
    """Return what the command wrote to standard output."""
    out = io.StringIO()
    call_command("hardening_revoke", *arguments, stdout=out, **options)
    return out.getvalue()


def revoked():
    """Return the names of those whose epoch has moved on."""
    return set(Account.objects.filter(epoch=1).values_list("user__username", flat=True))


@pytest.fixture
def answer(monkeypatch):
    """Return `answer(text)`: what the operator says when asked; without it nobody is asked."""

    def nobody(_question):
        raise AssertionError("nobody was to be asked")

    monkeypatch.setattr("builtins.input", nobody)

    def says(text):
        monkeypatch.setattr("builtins.input", lambda _question: text)

    return says


@pytest.fixture
def crowd(clock, person):
    """Return three people at their browsers."""
    made = [person(name).user for name in ("ann", "bob", "cyd")]
    get_user_model().objects.filter(username="cyd").update(is_staff=True)
    return made


def test_one_user_is_signed_out_without_a_question(crowd, live, answer):
    ann, bob = live(crowd[0]), live(crowd[1])
    assert "1 signed out" in run("ann", "--reason", "a stolen laptop")
    assert ann.get("/reads-user/").url == "/security/login/"
    assert name_shown(bob) == "bob"
    whole = SecurityEvent.objects.get(event=Event.SESSIONS_REVOKED, target_pk="")
    assert whole.data["why"] == "a stolen laptop"
    assert [message.to for message in mail.outbox] == [["ann@example.com"]]


@pytest.mark.parametrize("by", ["username", "email", "pk"])
def test_a_user_is_named_in_any_way(crowd, answer, by):
    run(str(getattr(crowd[0], by)))
    assert revoked() == {"ann"}


def test_several_are_asked_about(crowd, answer):
    answer("n")
    with pytest.raises(CommandError, match="nothing was changed"):
        run("ann", "bob")
    assert revoked() == set()
    answer("y")
    assert "2 signed out" in run("ann", "bob")
    assert revoked() == {"ann", "bob"}


@pytest.mark.parametrize("flag", ["--yes", "--noinput", "--no-input"])
def test_nobody_is_asked_if_told_so(crowd, answer, flag):
    run("ann", "bob", flag)
    assert revoked() == {"ann", "bob"}


def test_one_unknown_name_stops_it_all(crowd, answer):
    with pytest.raises(CommandError, match="1 of those named do not exist: zoe;") as stopped:
        run("ann", "zoe", "--yes")
    assert stopped.value.returncode == 1
    assert revoked() == set()


def test_unknown_names_are_skipped_if_told_so(crowd, answer):
    assert "Nobody is called zoe\\x1b." in run("ann", "zoe\x1b", "--skip-unknown")
    assert revoked() == {"ann"}


def test_a_list_holds_names_and_keys(crowd, answer, tmp_path, monkeypatch):
    monkeypatch.setattr(people, "CHUNK", 2)
    listed = tmp_path / "list"
    listed.write_text(f"ann\n\n  {crowd[1].pk}  \nann\n", "utf-8")
    assert "2 signed out" in run("--list", str(listed), "--yes")
    assert revoked() == {"ann", "bob"}


def test_a_list_of_nonsense_names_nobody(crowd, answer, tmp_path):
    listed = tmp_path / "list"
    listed.write_text(f"nul\0\n{10**30}\n-1\nann@example.com\n", "utf-8")
    shown = run("--list", str(listed), "--skip-unknown", "--format", "json")
    assert json.loads(shown)["unknown"] == ["nul\0", str(10**30), "-1", "ann@example.com"]
    assert revoked() == set()


def test_a_long_list_of_unknown_names_is_cut(crowd, answer, tmp_path):
    listed = tmp_path / "list"
    listed.write_text("\n".join(f"stranger-{number}" for number in range(30)), "utf-8")
    with pytest.raises(CommandError, match=r"30 of those named .* stranger-19, …;"):
        run("--list", str(listed), "--yes")


def test_a_list_may_come_by_standard_input(crowd, answer, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\nbob\n"))
    with pytest.raises(CommandError, match="nobody can be asked"):
        run("--list", "-")
    run("--list", "-", "--yes")
    assert revoked() == {"ann", "bob"}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_list_that_cannot_be_read_stops_it(crowd, answer, tmp_path, content):
    listed = tmp_path / "list"
    if content is not None:
        listed.write_bytes(content)
    with pytest.raises(CommandError, match="cannot be read"):
        run("--list", str(listed), "--yes")


def test_a_role_is_signed_out(crowd, answer):
    assert "1 signed out" in run("--role", "staff")
    assert revoked() == {"cyd"}
    assert mail.outbox == []


def test_a_role_that_is_not_there_stops_it(crowd, answer):
    with pytest.raises(CommandError, match="no role 'nobles'"):
        run("--role", "nobles")


def test_everybody_is_signed_out(crowd, live, answer):
    ann = live(crowd[0])
    answer("y")
    assert "3 signed out" in run("--everybody")
    assert ann.get("/reads-user/").url == "/security/login/"
    assert SiteState.objects.get().epoch == 1
    assert mail.outbox == []


def test_whoever_is_to_be_told_is_told(crowd, answer):
    run("--everybody", "--yes", "--mail")
    assert {message.to[0] for message in mail.outbox} == {
        f"{one.username}@example.com" for one in crowd
    }


def test_a_dry_run_says_how_many(crowd, answer):
    assert "3 would be signed out. Nothing was changed (dry run)." in run(
        "--everybody", "--dry-run"
    )
    shown = json.loads(run("ann", "bob", "--dry-run", "--format", "json"))
    assert shown == {"dry_run": True, "users": 2, "unknown": []}
    assert (revoked(), SiteState.objects.count()) == (set(), 0)


@pytest.mark.parametrize(
    "arguments", [[], ["ann", "--everybody"], ["--role", "staff", "--everybody"]]
)
def test_it_says_whom_it_means_in_one_way_only(crowd, answer, arguments):
    with pytest.raises(CommandError, match="give users, or one of"):
        run(*arguments)


def test_two_of_one_name_are_no_one(crowd, answer, monkeypatch):
    pks = [one.pk for one in crowd[:2]]
    monkeypatch.setattr(people, "_by_name", lambda _names: {"ann": pks})
    assert people.keys_of(["ann"], lambda _count: None) == ([], ["ann"])
