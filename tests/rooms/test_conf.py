"""Settings: every key known, every mistake said at once, nothing secret in what is said."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from hardening import conf as module
from hardening.conf import Conf, FloorPolicy, conf, problems, site_secrets

SECRET = "a-vault-key-that-nobody-should-ever-read"


def told(**given: object) -> list[str]:
    """What is said about these settings."""
    with override_settings(HARDENING=given):
        return problems()


def test_a_site_that_sets_nothing_gets_the_defaults(settings) -> None:
    del settings.HARDENING
    assert conf() == Conf()
    assert problems() == []


def test_staff_and_superusers_are_covered_by_default() -> None:
    with override_settings(HARDENING={}):
        assert conf().ENFORCE is True
        floor = conf().POLICIES
        assert floor == (FloorPolicy("staff"), FloorPolicy("superuser"))


def test_every_key_of_conf_can_be_set_and_no_other() -> None:
    names = {field.name for field in dataclasses.fields(Conf)}
    assert names == set(module._READERS)
    policy = {field.name for field in dataclasses.fields(FloorPolicy)}
    assert policy == set(module._POLICY_READERS)


def test_every_default_is_a_value_one_could_set() -> None:
    defaults = dataclasses.asdict(Conf())
    with override_settings(HARDENING=defaults):
        assert conf() == Conf()


def test_what_is_set_is_what_is_read() -> None:
    given = {
        "ENFORCE": False,
        "ISSUER": "Backstage",
        "POLICIES": [{"role": "everyone", "strength": "phishing-resistant", "due": "2027-01-31"}],
        "VAULT_KEYS": [SECRET],
        "PARKED_LOGIN_SECONDS": 60,
        "STEP_UP_SECONDS": 30,
        "MAIL_FROM": "Backstage <security@example.com>",
        "BASE_TEMPLATE": "base.html",
        "SUPPORT": "Ask at the box office.\nOr call.",
    }
    due = int(datetime(2027, 1, 31, tzinfo=UTC).timestamp())
    with override_settings(HARDENING=given):
        read = conf()
    floor = read.POLICIES
    assert floor == (FloorPolicy("everyone", "phishing-resistant", due),)
    assert read.VAULT_KEYS == (SECRET,)
    for key in set(given) - {"POLICIES", "VAULT_KEYS"}:
        assert getattr(read, key) == given[key]


def test_an_empty_floor_is_a_choice() -> None:
    with override_settings(HARDENING={"POLICIES": []}):
        assert conf().POLICIES == ()


def test_a_test_may_override_and_the_old_settings_come_back() -> None:
    before = conf()
    with override_settings(HARDENING={"STEP_UP_SECONDS": 7}):
        assert conf().STEP_UP_SECONDS == 7
        with override_settings(HARDENING={"STEP_UP_SECONDS": 8}):
            assert conf().STEP_UP_SECONDS == 8
        assert conf().STEP_UP_SECONDS == 7
    assert conf() == before


def test_other_settings_do_not_make_it_read_again() -> None:
    before = conf()
    with override_settings(SITE_ID=7):
        assert conf() is before


def test_repr_shows_no_key() -> None:
    with override_settings(HARDENING={"VAULT_KEYS": [SECRET]}):
        assert SECRET not in repr(conf())
        assert "VAULT_KEYS" not in repr(conf())


def test_conf_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        conf().ENFORCE = False


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize("given", [None, [], "ENFORCE", True])
def test_settings_that_are_no_dict_are_an_error(given) -> None:
    with override_settings(HARDENING=given):
        assert len(problems()) == 1
        assert problems()[0].startswith("HARDENING must be a dict, not ")
        with pytest.raises(ImproperlyConfigured):
            conf()


@pytest.mark.parametrize(
    "typo, meant",
    [
        ("POLICY", "POLICIES"),
        ("ENFORCED", "ENFORCE"),
        ("enforce", "ENFORCE"),
        ("Vault_Key", "VAULT_KEYS"),
    ],
)
def test_a_typo_is_an_error_with_a_suggestion(typo: str, meant: str) -> None:
    assert told(**{typo: True}) == [
        f"HARDENING has an unknown key {typo!r}. Did you mean {meant!r}?"
    ]


@pytest.mark.parametrize("key", ["XYZZY", 7, None, ("ENFORCE",)])
def test_a_key_like_no_other_is_answered_with_the_list(key: object) -> None:
    with override_settings(HARDENING={key: True}):
        (said,) = problems()
    assert "unknown key" in said
    if key == "XYZZY":
        assert "Known are: ENFORCE, ISSUER, " in said


def test_a_key_of_a_later_release_is_no_silent_promise() -> None:
    assert told(THROTTLE_STORE="database")


WRONG = [
    ("ENFORCE", "False", "must be True or False, not a value of type str"),
    ("ENFORCE", 0, "must be True or False, not a value of type int"),
    ("ENFORCE", None, "must be True or False, not None"),
    ("ISSUER", 7, "must be a string, not a value of type int"),
    ("ISSUER", "", "must not be empty"),
    ("ISSUER", " : ", "must not be empty"),
    ("ISSUER", "Back\nstage", "without control characters"),
    ("POLICIES", {"role": "staff"}, "must be a list of dicts, not a value of type dict"),
    (
        "POLICIES",
        ["staff"],
        '[0] must be a dict such as {"role": "staff"}, not a value of type str',
    ),
    ("POLICIES", [{}], '[0] must name a "role"'),
    ("POLICIES", [{"role": ""}], '[0]["role"] must not be empty'),
    ("POLICIES", [{"role": None}], '[0]["role"] must be a string, not None'),
    ("POLICIES", [{"role": "staff", "strength": "none"}], "must be one of any, phishing-resistant"),
    ("POLICIES", [{"role": "staff", "strength": ["any"]}], '["strength"] must be one of any'),
    ("POLICIES", [{"role": "staff", "due": "soon"}], '["due"] must be a date'),
    ("POLICIES", [{"role": "staff", "due": "2027-02-30"}], '["due"] must be a date'),
    (
        "POLICIES",
        [{"role": "staff", "due": 1}],
        '["due"] must be a string, not a value of type int',
    ),
    ("POLICIES", [{"role": "a", "strenght": "any"}], "Did you mean 'strength'?"),
    ("VAULT_KEYS", SECRET, "must be a list of strings, not a value of type str"),
    ("VAULT_KEYS", [SECRET, None], "[1] must be a string, not None"),
    ("VAULT_KEYS", [SECRET, SECRET.encode()], "[1] must be a string, not a value of type bytes"),
    ("VAULT_KEYS", ["k" * 31], "[0] must have 32 characters or more"),
    ("VAULT_PROVIDER", "keys", "must be a dotted path"),
    ("VAULT_PROVIDER", "site..keys", "must be a dotted path"),
    ("VAULT_PROVIDER", len, "must be a string"),
    ("PARKED_LOGIN_SECONDS", "600", "must be a whole number of seconds, not a value of type str"),
    ("PARKED_LOGIN_SECONDS", 600.0, "must be a whole number of seconds, not a value of type float"),
    ("PARKED_LOGIN_SECONDS", True, "must be a whole number of seconds, not a value of type bool"),
    ("PARKED_LOGIN_SECONDS", 0, "must be from 1 to 3600 seconds"),
    ("STEP_UP_SECONDS", -1, "must be from 1 to 86400 seconds"),
    ("STEP_UP_SECONDS", 10**9, "must be from 1 to 86400 seconds"),
    ("MAIL_FROM", "", "must not be empty"),
    ("MAIL_FROM", "a@example.com\nBcc: b@example.com", "without control characters"),
    ("BASE_TEMPLATE", None, "must be a string, not None"),
    ("BASE_TEMPLATE", " ", "must not be empty"),
    ("SUPPORT", None, "must be a string, not None"),
]


@pytest.mark.parametrize("key, value, said", WRONG)
def test_a_wrong_value_is_named_with_its_key(key: str, value: object, said: str) -> None:
    (mistake,) = told(**{key: value})
    assert mistake.startswith(f'HARDENING["{key}"]')
    assert said in mistake
    with override_settings(HARDENING={key: value}), pytest.raises(ImproperlyConfigured):
        conf()


def test_every_mistake_is_said_at_once() -> None:
    given = {
        "ENFORCE": "yes",
        "ENFROCE": True,
        "POLICIES": [
            {"role": "staff", "strength": "some", "due": "soon", "grace": 3},
            {"strength": "any"},
        ],
        "VAULT_KEYS": ["short", "brief"],
        "STEP_UP_SECONDS": 0,
    }
    said = told(**given)
    assert len(said) == 9
    with override_settings(HARDENING=given), pytest.raises(ImproperlyConfigured) as raised:
        conf()
    assert str(raised.value).splitlines() == said


def test_what_is_said_about_a_vault_key_does_not_show_it() -> None:
    given = {"VAULT_KEYS": ["a-short-secret", SECRET, 712_045], "VAULT_PROVIDER": SECRET}
    said = "\n".join(told(**given))
    assert said
    for secret in ("a-short-secret", SECRET, "712045"):
        assert secret not in said


def test_two_sources_of_vault_keys_are_one_too_many() -> None:
    (said,) = told(VAULT_KEYS=[SECRET], VAULT_PROVIDER="site.vault.keys")
    assert "keep one of them" in said
    assert not told(VAULT_KEYS=[], VAULT_PROVIDER="site.vault.keys")


@pytest.mark.parametrize(
    "due, moment",
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T12:30:00", datetime(2027, 1, 31, 12, 30, tzinfo=UTC)),
        ("2027-01-31T12:30:00Z", datetime(2027, 1, 31, 12, 30, tzinfo=UTC)),
        ("2027-01-31T12:30:00+02:00", datetime(2027, 1, 31, 10, 30, tzinfo=UTC)),
        ("2027-03-28 02:30", datetime(2027, 3, 28, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_utc_unless_it_says(due: str, moment: datetime) -> None:
    with override_settings(HARDENING={"POLICIES": [{"role": "staff", "due": due}]}):
        floor = conf().POLICIES
        assert floor == (FloorPolicy("staff", due=int(moment.timestamp())),)


def test_a_deadline_of_none_is_at_once() -> None:
    with override_settings(HARDENING={"POLICIES": [{"role": "staff", "due": None}]}):
        floor = conf().POLICIES
        assert floor == (FloorPolicy("staff"),)


# ---------------------------------------------------------------- SECRET_KEY


def test_the_sites_own_secrets_come_newest_first() -> None:
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old", b"older"]):
        assert site_secrets() == (b"new", b"old", b"older")


def test_an_empty_fallback_is_no_key() -> None:
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["", b""]):
        assert site_secrets() == (b"new",)


def test_a_site_without_secret_key_is_an_error() -> None:
    with override_settings(SECRET_KEY=""), pytest.raises(ImproperlyConfigured):
        site_secrets()
