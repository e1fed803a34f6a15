"""What operators type: each command's words, its exit status, and what it changes."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from hardening import keys, testing, vault
from hardening.audit import Event
from hardening.breach import building, reading
from hardening.breach import corpus as read_corpus
from hardening.keys import Purpose
from hardening.management import calibration
from hardening.models import (
    Account,
    EnrolmentTicket,
    Factor,
    ParkedLogin,
    RecoveryCode,
    RolePolicy,
    SecurityEvent,
)
from hardening.models.policy import Mode
from hardening.moments import moment
from hardening.throttle import hashgate
from tests.verdicts import note
from tests.visitor import DAY

pytestmark = pytest.mark.django_db(transaction=True)

OLD_KEY = "o" * 40
NEW_KEY = "n" * 40


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def run(name, *arguments, stderr=None):
    """Return what a command wrote to (stdout, stderr)."""
    out, err = io.StringIO(), stderr or io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def mia(clock, person):
    """Return a staff member with an authenticator, recovery codes and a remembered address."""
    visitor = person("mia", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    visitor.codes = list(testing.recovery_codes(visitor.user))
    return visitor


# --- hardening_status ------------------------------------------------------------------------


def test_status_prints_wiring_policies_and_counts(mia, person):
    person("bare", is_staff=True)
    RolePolicy.objects.create(role="everyone", mode=Mode.REPORT, starts_at=moment(0), grace_days=7)
    shown, _ = run("hardening_status")
    headings = ("Wiring", "Policies", "Counts", "Breached passwords", "Attention", "Not covered")
    for heading in headings:
        assert heading in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "staff settings enforce any at once enforce 2 1" in lines
    assert "superuser settings enforce any at once enforce 1 0" in lines
    assert "everyone admin report any 1970-01-08 report 2 1" in lines
    assert "active users 2" in lines
    assert "with a second factor 1" in lines
    assert "unused recovery codes 10" in lines


def test_status_in_json_holds_the_same(mia):
    shown, _ = run("hardening_status", "--format", "json")
    report = json.loads(shown)
    parts = {"checks", "policies", "counts", "breached_passwords", "attention", "not_covered"}
    assert set(report) == parts
    assert report["counts"]["with a second factor"] == 1
    assert [p["role"] for p in report["policies"]] == ["staff", "superuser"]
    assert report["policies"][0]["without_factor"] == 0
    assert {check["id"] for check in report["checks"]} == {
        *("hardening.W002", "hardening.W009"),
        "hardening.W020",  # this folder's site has a reset view of Django's
    }


def test_status_does_not_count_people_who_left(mia):
    mia.user.is_active = False
    mia.user.save()
    report = json.loads(run("hardening_status", "--format", "json")[0])
    assert report["counts"]["active users"] == 0
    assert report["policies"][0]["members"] == 0


def test_status_fails_where_a_check_finds_an_open_door(mia, settings):
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "hardening" not in m]
    shown = io.StringIO()
    with pytest.raises(CommandError, match="1 of the checks"):
        call_command("hardening_status", stdout=shown)
    assert "hardening.E001" in shown.getvalue()
    assert "Add 'hardening.middleware.HardeningMiddleware'" in shown.getvalue()


def test_status_does_not_fail_for_what_only_weakens(mia, settings):
    settings.HARDENING = {"ENFORCE": False}
    shown, _ = run("hardening_status")
    assert "hardening.W003" in shown


def test_status_counts_passwords_by_what_was_found_and_names_nobody(mia, person):
    for name, verdict in (("ann", "hit"), ("bob", "hit"), ("eve", "clean")):
        note(person(name).user, verdict)
    gone = person("gone", is_active=False)
    note(gone.user)
    elsewhere = person("elsewhere")
    elsewhere.user.set_unusable_password()
    elsewhere.user.save()
    changed = person("changed")
    note(changed.user)
    Account.objects.filter(user_id=changed.user.pk).update(password_mark="of another")
    shown, _ = run("hardening_status")
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "passwords in a leaked list 2" in lines
    assert "passwords in no list 1" in lines
    assert "passwords not looked up 2" in lines
    for name in ("ann", "bob", "eve", "changed"):
        assert not re.search(rf"\b{name}\b", shown)


def test_status_says_who_is_asked_about_passwords(mia, settings):
    settings.HARDENING = {"BREACHED_PASSWORDS": "report", "BREACH_SOURCES": ["local", "api"]}
    lines = [" ".join(line.split()) for line in run("hardening_status")[0].splitlines()]
    assert "done for everybody report" in lines
    assert "who is asked, in order local, api" in lines
    assert not [line for line in lines if line.startswith("corpus")]


@pytest.fixture
def corpus(tmp_path, settings):
    """Return the path of a corpus built from a word list; the settings name it."""
    path, words = str(tmp_path / "leaked.corpus"), tmp_path / "words"
    words.write_text("trombone\nsaxophone\n")
    settings.HARDENING = {"BREACH_CORPUS": path, "BREACH_SOURCES": ["corpus"]}
    building.build(path, reading.WordList(str(words)))
    return path


def test_status_says_of_when_the_corpus_is(mia, corpus, clock):
    date = read_corpus.current().header.source_date
    clock.move_to(date + 3 * DAY + 5)
    lines = [" ".join(line.split()) for line in run("hardening_status")[0].splitlines()]
    edition = read_corpus.current().edition
    assert "who is asked, in order local, corpus" in lines
    assert f"corpus {edition}, not the whole list" in lines
    assert "age of the corpus 3 days" in lines
    report = json.loads(run("hardening_status", "--format", "json")[0])["breached_passwords"]
    assert report == {
        "for_everybody": "warn",
        "sources": ["local", "corpus"],
        "corpus": {"edition": edition, "entries": 2, "age_days": 3, "complete": False},
        "corpus_refused": None,
    }


def test_status_says_which_corpus_is_refused_and_why(mia, corpus):
    Path(corpus).unlink()
    Path(corpus).write_bytes(b"no corpus")
    read_corpus.forget()
    out = io.StringIO()
    with pytest.raises(CommandError, match="open door"):
        call_command("hardening_status", stdout=out)
    shown = out.getvalue()
    assert re.search(r"who is asked, in order +local\n", shown)
    assert re.search(rf"corpus that is refused +{re.escape(corpus)}: ", shown)


@pytest.fixture
def _quickly(monkeypatch):
    """Measure for a moment only; the costs are what they are."""
    monkeypatch.setattr(calibration, "ALONE_SECONDS", 0.01)
    monkeypatch.setattr(calibration, "TOGETHER_SECONDS", 0.01)


@pytest.mark.usefixtures("_quickly")
def test_calibrating_measures_the_sites_hasher_and_the_sources():
    shown, progress = run("hardening_status", "--calibrate", stderr=Terminal())
    lines = [line.split() for line in shown.splitlines()]
    (ours,) = [line for line in lines if line[:2] == ["this", "site"]]
    assert ours[2] == "md5"
    assert ours[-3:] == ["next", "to", "none"]
    (rfc,) = [line for line in lines if line[:1] == ["RFC_9106_SECOND"]]
    assert rfc[1] == "hardening_argon2id"
    assert rfc[-2:] == ["64", "MiB"]
    assert "Recommended:" in shown
    assert f"{calibration.STEPS}/{calibration.STEPS}" in progress
    assert "Wiring" not in shown


@pytest.mark.usefixtures("_quickly")
def test_calibrating_in_json_holds_the_same(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    shown, progress = run("hardening_status", "--calibrate", "--format", "json")
    report = json.loads(shown)["calibration"]
    measured = {one["name"]: one for one in report["measured"]}
    assert list(measured) == ["RFC_9106_SECOND", "OWASP_MINIMUM", "this site"]
    assert [one["memory_kib"] for one in measured.values()] == [65_536, 19_456, 16_384]
    assert measured["this site"]["algorithm"] == "scrypt"
    for one in measured.values():
        assert one["seconds"] > 0
        assert one["per_second"] > 0
    assert report["processors"] == hashgate.processors()
    assert report["recommended"] in {"RFC_9106_SECOND", "OWASP_MINIMUM"}
    assert progress == ""


def test_calibrating_begins_nothing_when_its_time_is_over():
    found = calibration.calibrate(step=lambda: None, most_seconds=0)
    assert {(one.seconds, one.per_second) for one in found.measured} == {(None, None)}
    assert found.recommended == "OWASP_MINIMUM"
    most = calibration.MOST_SECONDS
    assert most + calibration.STEPS < 20  # what is under way then is finished


def test_calibrating_says_so_where_its_time_was_over(monkeypatch):
    monkeypatch.setattr(calibration.calibrate, "__kwdefaults__", {"most_seconds": 0})
    shown, _ = run("hardening_status", "--calibrate")
    assert shown.count("not measured") == calibration.STEPS


@pytest.mark.parametrize(
    "seconds,threads,memory,recommended",
    [
        (0.1, 2, 8 * 2**20, "RFC_9106_SECOND"),
        (0.1, 2, None, "RFC_9106_SECOND"),
        (0.1, 4, 2**20, "RFC_9106_SECOND"),  # 256 MiB of 1 GiB: just a quarter
        (0.1, 5, 2**20, "OWASP_MINIMUM"),
        (0.6, 2, 8 * 2**20, "OWASP_MINIMUM"),
        (None, 2, 8 * 2**20, "OWASP_MINIMUM"),
    ],
)
def test_the_strongest_costs_that_a_machine_bears_are_recommended(
    seconds, threads, memory, recommended
):
    rfc = calibration.Measured("RFC_9106_SECOND", "hardening_argon2id", 65_536, seconds, 1.0)
    name, why = calibration.recommend([rfc], threads=threads, memory=memory)
    assert name == recommended
    assert why


@pytest.mark.parametrize("missing", [AttributeError, ValueError, OSError])
def test_a_system_that_does_not_tell_its_memory_is_no_fault(monkeypatch, missing):
    def fails(name):
        raise missing(name)

    monkeypatch.setattr(calibration.os, "sysconf", fails)
    assert calibration.calibrate(step=lambda: None, most_seconds=0).memory_kib is None


# --- hardening_reset -------------------------------------------------------------------------


def test_reset_removes_factors_and_codes_and_ends_sessions(mia):
    shown, _ = run("hardening_reset", "mia", "--noinput", "--reason", "phone in the lake")
    assert "Test authenticator" in shown
    assert "Removed 1." in shown
    assert not Factor.objects.confirmed().exists()
    assert not RecoveryCode.objects.exists()
    assert not mia.is_signed_in()
    assert Account.objects.get().must_enrol
    event = SecurityEvent.objects.get(event=Event.FACTORS_RESET)
    assert event.target_name == "mia"
    assert event.data["why"] == "phone in the lake"


def test_a_dry_reset_says_what_it_would_do_and_does_nothing(mia):
    shown, _ = run("hardening_reset", "mia", "--dry-run", "--reason", "x")
    assert "Test authenticator" in shown
    assert "recovery codes left: 10" in shown
    assert "Nothing was changed" in shown
    assert Factor.objects.confirmed().count() == 1
    assert mia.is_signed_in()
    assert not SecurityEvent.objects.filter(event=Event.FACTORS_RESET).exists()


@pytest.mark.parametrize("answer", ["", "n", "no", "Yes, of course"])
def test_reset_asks_first_and_anything_but_y_changes_nothing(mia, monkeypatch, answer):
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    with pytest.raises(CommandError, match="nothing was changed"):
        run("hardening_reset", "mia", "--reason", "x")
    assert Factor.objects.confirmed().count() == 1


def test_reset_goes_on_after_a_yes(mia, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    run("hardening_reset", "mia", "--reason", "x")
    assert not Factor.objects.confirmed().exists()


def test_reset_demands_a_reason(mia):
    with pytest.raises(CommandError, match="--reason"):
        run("hardening_reset", "mia", "--noinput")


@pytest.mark.parametrize("command", ["hardening_reset", "hardening_ticket"])
def test_an_unknown_user_is_said_to_be_unknown(mia, command):
    more = ("--noinput", "--reason", "x") if command == "hardening_reset" else ()
    with pytest.raises(CommandError, match="no user has the name or e-mail address 'nobody'"):
        run(command, "nobody", *more)


@pytest.mark.parametrize("command", ["hardening_reset", "hardening_ticket"])
def test_an_address_of_several_users_is_refused(mia, person, command):
    person("other", email="MIA@example.com")
    more = ("--noinput", "--reason", "x") if command == "hardening_reset" else ()
    with pytest.raises(CommandError, match="several users have"):
        run(command, "mia@example.com", *more)
    assert Factor.objects.confirmed().count() == 1
    assert not EnrolmentTicket.objects.exists()


def test_an_address_of_one_user_finds_her(mia):
    run("hardening_reset", "Mia@Example.com", "--noinput", "--reason", "x")
    assert not Factor.objects.confirmed().exists()


def test_a_name_wins_over_somebody_elses_address(mia, person):
    person("other", email="shared@example.com")
    named = person("shared@example.com", email="")
    run("hardening_ticket", "shared@example.com")
    assert EnrolmentTicket.objects.get().user == named.user


def test_an_empty_address_is_nobody(mia, person):
    person("silent", email="")
    with pytest.raises(CommandError, match="no user has"):
        run("hardening_ticket", "")


# --- hardening_ticket ------------------------------------------------------------------------


def test_a_ticket_is_printed_alone_and_explained_beside(mia):
    out, err = run("hardening_ticket", "mia")
    assert len(out.strip().split("-")) == 6
    assert out.count("\n") == 1
    assert "valid for 24 hours" in err
    assert out.strip() not in err


def test_a_ticket_is_kept_as_a_digest_and_recorded(mia):
    printed = run("hardening_ticket", "mia")[0].strip()
    row = EnrolmentTicket.objects.get()
    assert printed.replace("-", "") not in row.digest.upper()
    event = SecurityEvent.objects.get(event=Event.TICKET_ISSUED)
    assert event.target_name == "mia"
    assert printed not in json.dumps(event.data)


# --- hardening_rekey -------------------------------------------------------------------------


@pytest.fixture
def old_ring(settings):
    settings.HARDENING = {"VAULT_KEYS": [OLD_KEY]}


@pytest.fixture
def sealed(old_ring, mia):
    """Return somebody whose secret and address are sealed with the old key."""
    run("hardening_ticket", "mia")
    return mia


@pytest.fixture
def both_keys(sealed, settings):
    settings.HARDENING = {"VAULT_KEYS": [NEW_KEY, OLD_KEY]}
    return sealed


def current_key():
    return keys.current(Purpose.VAULT).id


def test_rekey_seals_everything_with_the_newest_key(both_keys):
    secret = testing.secret_of(Factor.objects.get())
    shown, _ = run("hardening_rekey")
    assert "Sealed anew: 2" in shown
    assert vault.sealed_by(Factor.objects.get().secret) == current_key()
    assert vault.sealed_by(Account.objects.get().email) == current_key()
    assert testing.secret_of(Factor.objects.get()) == secret


def test_after_rekey_the_old_key_may_go_and_codes_still_work(both_keys, settings, clock):
    run("hardening_rekey")
    settings.HARDENING = {"VAULT_KEYS": [NEW_KEY]}
    other = both_keys.again()
    other.secret = testing.secret_of(Factor.objects.get())
    clock.shift(30)
    other.sign_in_fully()
    assert other.is_signed_in()


def test_before_rekey_the_old_key_must_stay(sealed, settings):
    settings.HARDENING = {"VAULT_KEYS": [NEW_KEY]}
    with pytest.raises(vault.Unsealable):
        testing.secret_of(Factor.objects.get())


def test_rekey_may_be_run_again_and_finds_nothing_to_do(both_keys):
    run("hardening_rekey")
    before = Factor.objects.get().secret
    shown, _ = run("hardening_rekey")
    assert "Sealed anew: 0" in shown
    assert Factor.objects.get().secret == before


def test_rekey_resumes_where_it_was_interrupted(both_keys, person):
    testing.enrol(person("later").user)  # sealed with the newest key already
    assert "Sealed anew: 2" in run("hardening_rekey")[0]


def test_a_dry_rekey_counts_and_changes_nothing(both_keys):
    before = Factor.objects.get().secret
    shown, _ = run("hardening_rekey", "--dry-run")
    assert "To seal anew: 2" in shown
    assert Factor.objects.get().secret == before
    assert not SecurityEvent.objects.filter(event=Event.VAULT_RESEALED).exists()


def test_what_no_key_opens_is_counted_left_alone_and_fails(both_keys, person):
    broken = testing.enrol(person("broken").user)
    Factor.objects.filter(pk=broken.pk).update(secret="v1.nonsense")
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 values open with no key"):
        call_command("hardening_rekey", stdout=out, stderr=io.StringIO())
    assert "Sealed anew: 2" in out.getvalue()
    assert Factor.objects.get(pk=broken.pk).secret == "v1.nonsense"
    event = SecurityEvent.objects.get(event=Event.VAULT_RESEALED)
    assert event.data["unopened"] == 1


def test_a_dry_rekey_finds_what_no_key_opens_too(both_keys, person):
    broken = testing.enrol(person("broken").user)
    Factor.objects.filter(pk=broken.pk).update(secret="v1.nonsense")
    with pytest.raises(CommandError, match="1 values open with no key"):
        run("hardening_rekey", "--dry-run")


def test_rekey_says_how_many_codes_and_tickets_still_need_an_old_key(both_keys):
    shown, _ = run("hardening_rekey")
    assert "still need an old key: 11." in shown
    event = SecurityEvent.objects.get(event=Event.VAULT_RESEALED)
    assert event.data == {"changed": 2, "unopened": 0, "pinned": 11}


def test_codes_of_the_old_key_work_as_long_as_it_is_on_the_ring(both_keys, clock):
    run("hardening_rekey")
    other = both_keys.again()
    other.sign_in()
    assert other.use_recovery_code().status_code == 302
    assert RecoveryCode.objects.unused(both_keys.user.pk).count() == 9


def test_nothing_is_said_of_old_keys_where_none_is_needed(both_keys):
    EnrolmentTicket.objects.all().delete()
    testing.recovery_codes(both_keys.user)
    assert "old key" not in run("hardening_rekey")[0]


def test_progress_is_silent_where_nobody_watches_and_drawn_on_a_terminal(both_keys):
    assert run("hardening_rekey")[1] == ""
    drawn = run("hardening_rekey", stderr=Terminal())[1]
    assert "2/2" in drawn
    assert drawn.endswith("\n")


# --- hardening_prune -------------------------------------------------------------------------


def test_prune_deletes_what_is_long_over_and_nothing_else(mia, clock, person):
    old = person("old", is_staff=True)
    old.sign_in()
    run("hardening_ticket", "mia")
    clock.shift(2 * DAY + 601)
    person("fresh", is_staff=True).sign_in()
    run("hardening_ticket", "old")
    out, _ = run("hardening_prune")
    assert "tickets: 1" in out
    assert EnrolmentTicket.objects.get().user == old.user
    assert {row.user.get_username() for row in ParkedLogin.objects.all()} == {"fresh"}


def test_pruning_twice_finds_nothing_the_second_time(mia, clock):
    clock.shift(3 * DAY)
    run("hardening_prune")
    assert run("hardening_prune")[0].splitlines() == [
        "sign-ins: 0",
        "tickets: 0",
        "throttle counters: 0",
        "policy snapshots: 0",
        "sessions: 0",
        "used links: 0",
        "security events: 0",
        "policies counted today: 0",
    ]
