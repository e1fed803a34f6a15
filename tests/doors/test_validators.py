"""New passwords at every door that asks the validators: refused where leaked, or too short."""

from __future__ import annotations

import io
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import AdminUserCreationForm, SetPasswordForm, UserCreationForm
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.password_validation import password_changed, validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from hardening import facts, policies, testing
from hardening.core.pwned import Finding, mark
from hardening.models import Account, RecoveryCode, RolePolicy
from hardening.moments import moment
from hardening.validators import BreachedPasswordValidator, PasswordLengthValidator
from tests.doors.conftest import PASSWORD, START

BREACHED = "Password123"  # in Django's list, however it is written
FRESH = "seven slow ferries to Skye"
TEXT = (
    "This password is in a list leaked from other websites, so attackers try it first. "
    "Please choose a different one."
)
User = get_user_model()

pytestmark = pytest.mark.usefixtures("clock")


def refusal(password, user=None, *validators):
    """Return codes and texts of what is wrong with a password."""
    try:
        validate_password(password, user, list(validators) or None)
    except ValidationError as error:
        return [(one.code, one.messages[0]) for one in error.error_list]
    return []


def codes(password, user=None, *validators):
    return [code for code, _ in refusal(password, user, *validators)]


# --- leaked ones ------------------------------------------------------------------------------


def test_a_leaked_password_is_refused_in_these_words():
    assert refusal(BREACHED) == [("password_breached", TEXT)]
    assert refusal(FRESH) == []


def test_a_refusal_does_not_repeat_the_password():
    with pytest.raises(ValidationError) as raised:
        validate_password(BREACHED)
    assert BREACHED not in repr(raised.value)
    assert raised.value.error_list[0].params is None


def test_the_rule_is_said_before_a_password_is_chosen():
    assert "leaked" in BreachedPasswordValidator().get_help_text()


@pytest.mark.parametrize(
    "user", [None, AnonymousUser(), SimpleNamespace(pk=1), User(username="new")], ids=repr
)
def test_it_needs_no_user_and_no_database(user):
    assert codes(BREACHED, user) == ["password_breached"]
    assert codes(FRESH, user) == []


def test_words_of_the_person_and_the_site_are_refused_like_leaked_ones(settings):
    settings.ALLOWED_HOSTS = ["www.records.example"]
    user = User(username="new", first_name="Grace", last_name="Hopper")
    for word in ("gracehopper", "Hopper Grace", "records.example"):
        assert codes(word, user) == ["password_breached"], word
    assert codes("gracehopper") == []


def test_sources_that_cannot_be_asked_refuse_nothing(settings, db):
    settings.HARDENING = {"BREACH_SOURCES": ["nowhere.Source"]}
    assert codes(FRESH) == []
    assert codes(BREACHED) == ["password_breached"]


def test_a_database_that_cannot_be_asked_refuses_nothing(unmigrate):
    unmigrate()
    assert codes(FRESH, User(username="new")) == []


# --- at which doors -------------------------------------------------------------------------


class Registration(forms.Form):
    """A registration of the host's own: there is no user when the password is validated."""

    password = forms.CharField()

    def clean_password(self):
        validate_password(self.cleaned_data["password"])
        return self.cleaned_data["password"]


def form_of(kind, user, password):
    twice = {"password1": password, "password2": password}
    new = {"new_password1": password, "new_password2": password}
    forms_by_kind = {
        "own": lambda: Registration({"password": password}),
        "registration": lambda: UserCreationForm({"username": "new", **twice}),
        "admin": lambda: AdminUserCreationForm(
            {"username": "new", "usable_password": "true", **twice}
        ),
        "reset": lambda: SetPasswordForm(user, new),
    }
    return forms_by_kind[kind]()


@pytest.mark.parametrize("kind", ["own", "registration", "admin", "reset"])
def test_a_form_refuses_it_and_takes_another(fan, kind):
    refused = form_of(kind, fan, BREACHED)
    assert TEXT in [message for messages in refused.errors.values() for message in messages]
    assert form_of(kind, fan, FRESH).is_valid()


@pytest.fixture
def operator(live, armed):
    """Return the browser of a superuser."""
    return live(armed)


def test_the_admin_adds_nobody_with_it(operator):
    page = "/admin/auth/user/add/"
    new = {"username": "new", "usable_password": "true"}
    refused = operator.post(page, {**new, "password1": BREACHED, "password2": BREACHED})
    assert TEXT in refused.content.decode()
    assert not User.objects.filter(username="new").exists()
    added = operator.post(page, {**new, "password1": FRESH, "password2": FRESH})
    assert added.status_code == 302
    assert User.objects.get(username="new").check_password(FRESH)


def test_the_admin_sets_it_for_nobody_else(operator, fan):
    page = f"/admin/auth/user/{fan.pk}/password/"
    new = {"usable_password": "true"}
    refused = operator.post(page, {**new, "password1": BREACHED, "password2": BREACHED})
    assert TEXT in refused.content.decode()
    noted(fan)
    done = operator.post(page, {**new, "password1": FRESH, "password2": FRESH})
    assert done.status_code == 302
    assert verdict(fan) == ""


@pytest.mark.parametrize("path", ["/admin/password_change/", "/security/change-password/"])
def test_nobody_changes_to_it(settings, operator, armed, path):
    settings.HARDENING = {"POLICIES": [{"role": "staff", "breached_passwords": "report"}]}
    old = {"old_password": PASSWORD}
    refused = operator.post(path, {**old, "new_password1": BREACHED, "new_password2": BREACHED})
    assert TEXT in refused.content.decode()
    noted(armed)
    done = operator.post(path, {**old, "new_password1": FRESH, "new_password2": FRESH})
    assert done.status_code == 302
    assert verdict(armed) == ""
    assert User.objects.get(pk=armed.pk).check_password(FRESH)


def test_the_admins_other_pages_ask_for_no_password(operator, fan):
    fields = {"username": "renamed", "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    noted(fan)
    done = operator.post(f"/admin/auth/user/{fan.pk}/change/", fields)
    assert done.status_code == 302, done.context["errors"]
    assert User.objects.get(pk=fan.pk).username == "renamed"
    assert verdict(fan) == "hit"


class Terminal(io.StringIO):
    """Somebody sits at it."""

    def isatty(self):
        return True


def test_createsuperuser_refuses_it_and_asks_again(db, monkeypatch):
    typed = iter([BREACHED, BREACHED, FRESH, FRESH])
    monkeypatch.setattr("getpass.getpass", lambda *prompt: next(typed))
    monkeypatch.setattr("builtins.input", lambda *prompt: "n")  # bypass? no
    said = io.StringIO()
    named = {"username": "root", "email": "root@example.com"}
    call_command("createsuperuser", **named, stdin=Terminal(), stdout=io.StringIO(), stderr=said)
    assert TEXT in said.getvalue()
    assert User.objects.get(username="root").check_password(FRESH)


# --- a password that is another ------------------------------------------------------------------


def noted(user):
    """Let the password of a user be known as breached."""
    Account.objects.of(user.pk)
    stored = User.objects.get(pk=user.pk).password
    Account.objects.filter(user_id=user.pk).update(
        password_verdict="hit", password_mark=mark(stored), password_checked_at=START
    )
    assert facts.fresh(User.objects.get(pk=user.pk)).password_verdict is Finding.HIT


def verdict(user):
    return Account.objects.values_list("password_verdict", flat=True).get(user_id=user.pk)


def test_a_password_set_past_every_form_erases_the_verdict(fan):
    noted(fan)
    fan.set_password(FRESH)
    assert verdict(fan) == "hit"
    fan.save()
    assert verdict(fan) == ""


def test_saving_a_user_whose_password_stays_erases_nothing(fan):
    noted(fan)
    fan.first_name = "Fan"
    fan.save()
    User.objects.get(pk=fan.pk).save()
    assert verdict(fan) == "hit"


@pytest.mark.parametrize("who", ["nobody", "unsaved", "anonymous", "stranger"])
def test_what_is_no_user_of_the_site_erases_nobodys_verdict(fan, who):
    noted(fan)
    listed = {
        "nobody": None,
        "unsaved": User(username="new"),
        "anonymous": AnonymousUser(),
        "stranger": SimpleNamespace(pk=fan.pk),  # a profile of the host's, with an equal key
    }
    password_changed(FRESH, listed[who])
    assert verdict(fan) == "hit"


def test_before_migrate_a_password_is_set_in_a_transaction_all_the_same(fan, unmigrate):
    unmigrate()
    with transaction.atomic():
        fan.set_password(FRESH)
        fan.save()
        assert User.objects.get(pk=fan.pk).check_password(FRESH)


# --- long enough -------------------------------------------------------------------------------

LENGTH = PasswordLengthValidator()


@pytest.mark.parametrize(
    "length, told",
    [
        (0, ["password_too_short"]),
        (14, ["password_too_short"]),
        (15, []),
        (64, []),
        (4096, []),
        (4097, ["password_too_long"]),
    ],
)
@pytest.mark.parametrize("letter", ["a", " ", "\u0301", "\x00", "漢", "🎷"])
def test_code_points_are_counted_whatever_they_are(letter, length, told):
    password = letter * length
    assert codes(password, None, LENGTH) == told


def test_what_is_said_names_the_number():
    assert refusal("a" * 14, None, LENGTH)[0][1] == (
        "This password is too short. It must contain at least 15 characters."
    )
    assert refusal("a" * 4097, None, LENGTH)[0][1] == (
        "This password is too long. It can contain at most 4096 characters."
    )
    short = PasswordLengthValidator(min_length=1, max_length=1)
    assert refusal("", None, short)[0][1].endswith("at least 1 character.")
    assert refusal("ab", None, short)[0][1].endswith("at most 1 character.")


def test_the_rule_names_both_lengths_where_there_are_two():
    assert "15 characters, or 8 if" in LENGTH.get_help_text()
    one = PasswordLengthValidator(min_length=12, min_length_with_factor=12)
    assert one.get_help_text() == "Your password must contain at least 12 characters."


def test_a_factor_never_makes_a_password_longer(db, armed):
    odd = PasswordLengthValidator(min_length=10, min_length_with_factor=12)
    assert codes("a" * 10, armed, odd) == []


def floor(settings, *entries):
    settings.HARDENING = {"POLICIES": list(entries)}


DUE = {"role": "staff"}
LATER = {"role": "staff", "due": "2099-01-01"}
OTHERS = {"role": "group:press"}


@pytest.mark.parametrize(
    "entries, enrolled, least",
    [
        ([DUE], True, 8),
        ([DUE], False, 15),
        ([LATER], True, 15),
        ([DUE, LATER], True, 8),
        ([OTHERS], True, 15),
        ([], True, 15),
    ],
)
def test_eight_will_do_where_a_policy_forces_a_factor_and_there_is_one(
    settings, staff, entries, enrolled, least
):
    floor(settings, *entries)
    if enrolled:
        testing.enrol(staff)
    assert codes("a" * least, staff, LENGTH) == []
    short = "a" * (least - 1)
    assert codes(short, staff, LENGTH) == ["password_too_short"]
    assert str(least) in refusal(short, staff, LENGTH)[0][1]


def eight_will_do(user):
    return codes("a" * 8, user, LENGTH) == []


def test_a_policy_that_only_reports_forces_nothing(settings, staff):
    floor(settings)
    testing.enrol(staff)
    row = RolePolicy.objects.create(role="staff", mode="report", starts_at=moment(START))
    assert not eight_will_do(staff)
    row.mode = "enforce"
    row.save()
    policies.forget()
    assert eight_will_do(staff)


def test_the_kill_switch_forces_nothing(settings, armed):
    assert eight_will_do(armed)
    settings.HARDENING = {"ENFORCE": False}
    assert not eight_will_do(armed)


def test_recovery_codes_alone_are_no_factor(staff):
    RecoveryCode.objects.replace(staff.pk, [("k", "d" * 64)], now=START)
    Account.objects.of(staff.pk)
    Account.objects.update(codes_left=10)
    assert not eight_will_do(staff)


def test_a_factor_that_was_taken_away_shortens_nothing_any_more(armed):
    assert eight_will_do(armed)
    Account.objects.filter(user_id=armed.pk).update(factors="")
    assert not eight_will_do(armed)


@pytest.mark.parametrize("who", ["nobody", "unsaved", "gone", "anonymous", "stranger"])
def test_whoever_is_not_known_to_be_enrolled_needs_fifteen(armed, who):
    listed = {
        "nobody": None,
        "unsaved": User(username="new", is_staff=True),
        "gone": User(pk=armed.pk + 1, username="gone", is_staff=True),
        "anonymous": AnonymousUser(),
        "stranger": SimpleNamespace(pk=armed.pk),
    }
    assert not eight_will_do(listed[who])


@pytest.mark.parametrize("fault", [facts.FactsError, facts.NotMigratedError])
def test_facts_that_cannot_be_read_mean_fifteen(armed, monkeypatch, fault):
    def unreadable(user):
        raise fault

    monkeypatch.setattr(facts, "fresh", unreadable)
    assert not eight_will_do(armed)


def test_facts_that_make_no_sense_mean_fifteen(armed):
    Account.objects.filter(user_id=armed.pk).update(factors=f"nonsense {uuid4()}")
    assert not eight_will_do(armed)


def test_before_migrate_it_is_fifteen_and_the_transaction_goes_on(armed, unmigrate, monkeypatch):
    monkeypatch.setattr(facts, "_tables_seen", set())
    unmigrate()
    with transaction.atomic():
        assert not eight_will_do(armed)
        assert User.objects.filter(pk=armed.pk).exists()


def test_fifteen_and_more_ask_the_database_nothing(django_assert_num_queries, armed):
    with django_assert_num_queries(0):
        assert codes("a" * 15, armed, LENGTH) == []


def test_the_doors_go_by_it_too(settings, operator, armed):
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": "hardening.validators.PasswordLengthValidator"},
        *settings.AUTH_PASSWORD_VALIDATORS,
    ]
    page = "/security/change-password/"
    old = {"old_password": PASSWORD}
    shown = operator.get(page).content.decode()
    assert "at least 15 characters, or 8 if" in shown
    refused = operator.post(page, {**old, "new_password1": "s-Kye-7", "new_password2": "s-Kye-7"})
    assert "at least 8 characters" in refused.content.decode()
    done = operator.post(page, {**old, "new_password1": "s-Kye-77", "new_password2": "s-Kye-77"})
    assert done.status_code == 302
    anonymous = Client()
    assert anonymous.get("/reads-user/").status_code == 200
