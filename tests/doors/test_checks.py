"""System checks: each fires on its own mistake, is silent where all is well, and says what to do.

A mistake is a change of settings (or of what is registered); each row of the table below makes
exactly one, and names the check it sets off.
"""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace

import pytest
from django.core.checks import Tags, registry, run_checks
from django.db.models import Q, UniqueConstraint
from psycopg import IsolationLevel

from hardening import keys, roles
from hardening.checks import (
    CHECKS,
    DEPLOY_CHECKS,
    breach,
    configuration,
    passwords,
    resets,
    site,
    stores,
    wiring,
)
from hardening.checks.wiring import AUTH_MIDDLEWARE, MIDDLEWARE
from hardening.host import MODEL_BACKEND, OUR_BACKEND
from tests import lists
from tests.mailers import send_by

EVERY_CHECK = (*CHECKS, *DEPLOY_CHECKS)
VAULT_KEY = "k" * 40
ACTIONS = ("Add", "Correct", "Install", "Move", "Put", "Register", "Remove", "Route", "Set")


@pytest.fixture(autouse=True)
def _hashes_as_a_site_does(settings):
    """Tests hash cheaply, which checks at deployment would remark on."""
    settings.PASSWORD_HASHERS = [passwords.OURS]
    settings.ROOT_URLCONF = "tests.urls"  # this folder's has a reset view of Django's


def told(*, deploy=False):
    """Return our messages by id."""
    found = run_checks(tags=[Tags.security], include_deployment_checks=deploy)
    return {m.id: m for m in found if (m.id or "").startswith("hardening.")}


def without_ours(settings):
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if m != MIDDLEWARE]


def ours_too_early(settings):
    rest = [m for m in settings.MIDDLEWARE if m != MIDDLEWARE]
    settings.MIDDLEWARE = [MIDDLEWARE, *rest]


def ours_too_late(settings):
    rest = [m for m in settings.MIDDLEWARE if m != MIDDLEWARE]
    settings.MIDDLEWARE = [*rest, MIDDLEWARE]


def only_djangos_backend(settings):
    settings.AUTHENTICATION_BACKENDS = [MODEL_BACKEND]


def ours_second(settings):
    other = "django.contrib.auth.backends.RemoteUserBackend"
    settings.AUTHENTICATION_BACKENDS = [other, OUR_BACKEND]


def djangos_after_ours(settings):
    settings.AUTHENTICATION_BACKENDS = [OUR_BACKEND, MODEL_BACKEND]


def a_typing_error(settings):
    settings.HARDENING = {"ENFROCE": True}


def no_urls(settings):
    settings.ROOT_URLCONF = "tests.host.no_urls"


def an_unknown_role(settings):
    settings.HARDENING = {"POLICIES": [{"role": "stafff"}]}


def an_unreachable_strength(settings):
    settings.HARDENING = {"POLICIES": [{"role": "staff", "strength": "device-bound"}]}


def another_database(settings):
    settings.DATABASE_ROUTERS = ["tests.host.routers.Elsewhere"]


def one_table_elsewhere(settings):
    settings.DATABASE_ROUTERS = ["tests.host.routers.CountersElsewhere"]


def another_table_elsewhere(settings):
    settings.DATABASE_ROUTERS = ["tests.host.routers.MinutesElsewhere"]


def an_api_that_asks_nothing(settings):
    settings.ROOT_URLCONF = "tests.host.unasked_urls"


def a_store_that_is_not_there(settings):
    settings.HARDENING = {"THROTTLE_STORE": "site.stores.Own"}


def a_store_that_cannot_count(settings):
    settings.HARDENING = {"THROTTLE_STORE": "tests.host.stores.OnlyTakes"}


def a_store_url_with_a_raw_slash(settings):
    settings.HARDENING = {"THROTTLE_STORE": "redis://:se/cret@127.0.0.1:6379/0"}


def a_cache_class(settings):
    settings.HARDENING = {"THROTTLE_STORE": "django.core.cache.backends.locmem.LocMemCache"}


def the_default_cache(settings):
    settings.HARDENING = {"THROTTLE_STORE": "django.core.cache.cache"}


def a_challenge_that_is_not_there(settings):
    settings.HARDENING = {"CHALLENGE": "site.challenges.Own"}


def a_challenge_that_cannot_verify(settings):
    settings.HARDENING = {"CHALLENGE": "tests.host.challenges.OnlyIssues"}


def no_mail(settings):
    send_by(settings, "django.core.mail.backends.dummy.EmailBackend")


def djangos_mail_unset(settings):
    send_by(settings, "django.core.mail.backends.smtp.EmailBackend", host="localhost")


def the_kill_switch(settings):
    settings.HARDENING = {"ENFORCE": False}


def no_request_in_templates(settings):
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": []},
        }
    ]


def axes_backend_beside_ours(settings):
    settings.AUTHENTICATION_BACKENDS = [OUR_BACKEND, "axes.backends.AxesStandaloneBackend"]


def defenders_middleware(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "defender.middleware.FailedLoginMiddleware"]


def nothing_that_refuses_leaked_passwords(settings):
    settings.AUTH_PASSWORD_VALIDATORS = []


def a_rule_of_composition(settings):
    symbols = {"NAME": "shop.validators.SymbolValidator"}
    settings.AUTH_PASSWORD_VALIDATORS = [*settings.AUTH_PASSWORD_VALIDATORS, symbols]


def a_corpus_that_is_not_there(settings):
    settings.HARDENING = {"BREACH_CORPUS": "/nowhere/list.corpus"}


def a_source_that_is_not_there(settings):
    settings.HARDENING = {"BREACH_SOURCES": ["corpus", "nowhere.Source"]}


def a_source_that_looks_nothing_up(settings):
    settings.HARDENING = {"BREACH_SOURCES": ["tests.host.hashers.Quick"]}


def a_source_that_is_no_class(settings):
    settings.HARDENING = {"BREACH_SOURCES": ["tests.settings.SECRET_KEY"]}


def a_cache_that_is_not_there(settings):
    settings.HARDENING = {"BREACH_CACHE": "breach"}


def an_api_in_the_clear(settings):
    settings.HARDENING = {"BREACH_API_URL": "http://pwned.example"}


def a_corpus_alone_that_no_setting_names(settings):
    settings.HARDENING = {"BREACH_SOURCES": ["local", "corpus"]}


def a_time_zone_of_nobody(settings):
    settings.HARDENING = {"TIME_ZONE_OF": "tests.host.nowhere.zone"}


def a_time_zone_that_cannot_be_asked(settings):
    settings.HARDENING = {"TIME_ZONE_OF": "tests.visitor.NOW"}


def a_reset_view_of_djangos(settings):
    settings.ROOT_URLCONF = "tests.doors.site"


MISTAKES = [
    (without_ours, "hardening.E001"),
    (ours_too_early, "hardening.E002"),
    (ours_too_late, "hardening.E002"),
    (only_djangos_backend, "hardening.E003"),
    (ours_second, "hardening.E004"),
    (djangos_after_ours, "hardening.E005"),
    (a_typing_error, "hardening.E006"),
    (no_urls, "hardening.E007"),
    (an_unknown_role, "hardening.E008"),
    (an_unreachable_strength, "hardening.E009"),
    (another_database, "hardening.E010"),
    (one_table_elsewhere, "hardening.E010"),
    (another_table_elsewhere, "hardening.E010"),
    (an_api_that_asks_nothing, "hardening.E011"),
    (a_store_that_is_not_there, "hardening.E013"),
    (a_store_that_cannot_count, "hardening.E013"),
    (a_store_url_with_a_raw_slash, "hardening.E013"),
    (a_cache_class, "hardening.E014"),
    (the_default_cache, "hardening.E014"),
    (a_challenge_that_is_not_there, "hardening.E016"),
    (a_challenge_that_cannot_verify, "hardening.E016"),
    (no_mail, "hardening.W001"),
    (djangos_mail_unset, "hardening.W001"),
    (the_kill_switch, "hardening.W003"),
    (no_request_in_templates, "hardening.W005"),
    (axes_backend_beside_ours, "hardening.W008"),
    (defenders_middleware, "hardening.W008"),
    (nothing_that_refuses_leaked_passwords, "hardening.W012"),
    (a_rule_of_composition, "hardening.W013"),
    (a_corpus_that_is_not_there, "hardening.E017"),
    (a_source_that_is_not_there, "hardening.E018"),
    (a_source_that_looks_nothing_up, "hardening.E018"),
    (a_source_that_is_no_class, "hardening.E018"),
    (a_cache_that_is_not_there, "hardening.W014"),
    (an_api_in_the_clear, "hardening.W015"),
    (a_corpus_alone_that_no_setting_names, "hardening.W017"),
    (a_time_zone_of_nobody, "hardening.W019"),
    (a_time_zone_that_cannot_be_asked, "hardening.W019"),
    (a_reset_view_of_djangos, "hardening.W020"),
]


def test_nothing_is_said_where_all_is_well():
    assert told() == {}


@pytest.mark.parametrize("mistake,name", MISTAKES)
def test_a_mistake_sets_off_its_check_and_no_other_with_an_action_as_its_hint(
    settings, mistake, name
):
    mistake(settings)
    found = told()
    assert set(found) == {name}
    assert found[name].hint.startswith(ACTIONS)


def test_a_redis_url_without_its_driver_is_an_error_of_its_own(settings, monkeypatch):
    settings.HARDENING = {"THROTTLE_STORE": "redis://127.0.0.1:6379/0"}
    assert told() == {}
    monkeypatch.setattr(stores, "find_spec", lambda name: None)
    found = told()
    assert set(found) == {"hardening.E015"}
    assert found["hardening.E015"].hint.startswith(ACTIONS)


def test_a_store_of_the_sites_own_is_accepted(settings):
    for path in ("tests.host.stores.Lenient", "tests.host.stores.lenient"):
        settings.HARDENING = {"THROTTLE_STORE": path}
        assert told() == {}


def test_a_challenge_of_the_sites_own_or_none_is_accepted(settings):
    for path in ("tests.host.challenges.Word", "tests.host.challenges.word", None):
        settings.HARDENING = {"CHALLENGE": path}
        assert told() == {}


def test_what_a_challenge_lacks_is_said(settings):
    a_challenge_that_cannot_verify(settings)
    assert "has no verify and no template_name" in str(told()["hardening.E016"])


def test_a_store_url_is_not_shown(settings):
    a_store_url_with_a_raw_slash(settings)
    assert "se" + "cret" not in str(told())


def test_the_default_key_of_the_vault_is_remarked_on_at_deployment_only(settings):
    found = told(deploy=True)
    assert set(found) == {"hardening.W002"}
    assert found["hardening.W002"].hint.startswith(ACTIONS)
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY]}
    assert not keys.is_default()
    assert told(deploy=True) == {}


@pytest.mark.parametrize(
    "first,said",
    [
        ("django.contrib.auth.hashers.PBKDF2PasswordHasher", "needs no memory"),
        ("django.contrib.auth.hashers.BCryptSHA256PasswordHasher", "needs no memory"),
        ("django.contrib.auth.hashers.MD5PasswordHasher", "billions of hashes"),
        ("tests.host.hashers.Quick", "billions of hashes"),
        ("tests.host.hashers.UnsaltedSHA1", "billions of hashes"),
        ("django.contrib.auth.hashers.Argon2PasswordHasher", None),
        ("django.contrib.auth.hashers.ScryptPasswordHasher", None),
        ("tests.host.hashers.TheirArgon2", None),
        ("tests.host.hashers.Sturdy", None),
        ("nowhere.Hasher", None),  # Django says so
    ],
)
def test_a_weak_first_hasher_is_remarked_on_at_deployment_only(settings, first, said):
    settings.PASSWORD_HASHERS = [first, passwords.OURS]
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY]}
    assert told() == {}
    found = told(deploy=True)
    assert set(found) == (set() if said is None else {"hardening.W009"})
    if said is not None:
        assert said in found["hardening.W009"].msg
        assert first.rpartition(".")[2] in found["hardening.W009"].msg
        assert found["hardening.W009"].hint.startswith(ACTIONS)


@pytest.mark.parametrize(
    "listed,silent",
    [
        ([passwords.OURS], True),
        (["tests.host.hashers.Sturdy"], True),
        (["django.contrib.auth.hashers.Argon2PasswordHasher", passwords.OURS], False),
        (["django.contrib.auth.hashers.ScryptPasswordHasher"], False),
        (["nowhere.Hasher"], True),
        ([], True),
    ],
)
def test_a_pepper_that_no_new_password_gets_is_remarked_on(settings, listed, silent):
    settings.PASSWORD_HASHERS = listed
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY]}
    assert told(deploy=True) == {}
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY], "PEPPER_KEYS": ["p" * 40]}
    found = told(deploy=True)
    assert set(found) == (set() if silent else {"hardening.W010"})
    assert silent or found["hardening.W010"].hint.startswith(ACTIONS)
    assert "p" * 40 not in str(found)


def test_hosts_that_nobody_named_are_remarked_on_at_deployment_only(settings):
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY]}
    settings.ALLOWED_HOSTS = ["shop.example.com", "*"]
    assert told() == {}
    found = told(deploy=True)
    assert set(found) == {"hardening.W011"}
    assert found["hardening.W011"].hint.startswith(ACTIONS)


def test_passwords_that_nobody_looks_up_are_remarked_on_at_deployment_only(settings):
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY], "BREACHED_PASSWORDS": "off"}
    assert told() == {}
    found = told(deploy=True)
    assert set(found) == {"hardening.W016"}
    assert found["hardening.W016"].hint.startswith(ACTIONS)
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY], "BREACHED_PASSWORDS": "report"}
    assert told(deploy=True) == {}


@pytest.mark.parametrize(
    "asked, has_file, ids",
    [
        (["api"], True, {"hardening.W017"}),
        ([], True, {"hardening.W017"}),
        (["corpus"], True, set()),
        (["corpus"], False, {"hardening.W017"}),
        (["corpus", "api"], False, set()),
        ([], False, set()),
    ],
)
def test_a_corpus_is_named_where_it_is_asked(settings, tmp_path, asked, has_file, ids):
    path = tmp_path / "leaked.corpus"
    path.write_bytes(lists.packed([]))
    settings.HARDENING = {
        "BREACH_SOURCES": asked,
        "BREACH_CORPUS": str(path) if has_file else None,
    }
    assert set(told()) == ids


def test_a_subclass_of_our_validator_counts_as_ours(settings):
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": "tests.host.validators.Ours"}]
    assert told() == {}


@pytest.mark.parametrize(
    "listed", [[{"NAME": "nowhere.Validator"}], [{"OPTIONS": {}}], ["text"]], ids=str
)
def test_a_validator_that_cannot_be_read_is_left_to_django(settings, listed):
    settings.AUTH_PASSWORD_VALIDATORS = listed
    assert set(told()) == {"hardening.W012"}


CHARACTERS = "django_password_validators.password_character_requirements.password_validation"
HISTORIES = "django_password_validators.password_history.password_validation"
DJANGOS = "django.contrib.auth.password_validation"


@pytest.mark.parametrize(
    "path,added",
    [
        (f"{CHARACTERS}.PasswordCharacterValidator", "composition rules"),
        (f"{HISTORIES}.UniquePasswordsValidator", "a history"),
        ("shop.validators.UppercaseValidator", "composition rules"),
        ("shop.validators.UpperCasePasswordValidator", "composition rules"),
        ("shop.validators.LetterCaseValidator", "composition rules"),
        ("shop.validators.SymbolsValidator", "composition rules"),
        ("shop.validators.NumberValidator", "composition rules"),
        ("shop.validators.MinDigitsValidator", "composition rules"),
        ("shop.validators.SpecialCharacterValidator", "composition rules"),
        ("shop.validators.PasswordComplexityValidator", "composition rules"),
        ("shop.validators.password_history", "a history"),
        ("shop.validators.PasswordHistoryValidator", "a history"),
        ("shop.validators.NoReuseValidator", "a history"),
        ("shop.validators.PreviousPasswordsValidator", "a history"),
        ("shop.validators.PasswordExpiryValidator", "an expiry"),
        ("shop.validators.MaximumAgeValidator", "an expiry"),
        (f"{DJANGOS}.UserAttributeSimilarityValidator", None),
        (f"{DJANGOS}.MinimumLengthValidator", None),
        (f"{DJANGOS}.CommonPasswordValidator", None),
        (f"{DJANGOS}.NumericPasswordValidator", None),
        ("hardening.validators.PasswordLengthValidator", None),
        ("shop.validators.LanguageValidator", None),
        ("shop.validators.MaximumLengthValidator", None),
        ("shop.history.LengthValidator", None),
        ("pwned_passwords_django.validators.PwnedPasswordsValidator", None),
    ],
)
def test_a_validator_that_asks_what_nist_forbids_is_known_by_its_name(settings, path, added):
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": path}]
    found = [message.msg for message in breach.validators_ask_nothing_forbidden()]
    assert [f"adds {added};" in msg for msg in found] == ([True] if added else [])
    assert all(path in msg for msg in found)


@pytest.mark.parametrize(
    "given",
    [
        {"BREACH_API_URL": "http://127.0.0.1:8001"},
        {"BREACH_API_URL": "http://[::1]:8001/mirror"},
        {"BREACH_API_URL": "http://localhost:8001"},
        {"BREACH_API_URL": "https://pwned.example"},
        {"BREACH_API_URL": "http://pwned.example", "BREACH_SOURCES": ["local"]},
        {"BREACH_CACHE": "default"},
        {"BREACH_SOURCES": ["tests.host.sources.Own", "tests.host.sources.own"]},
        {"BREACH_SOURCES": ["local", "corpus", "api"]},
        {"BREACH_SOURCES": []},
    ],
    ids=str,
)
def test_what_is_right_about_breached_passwords_is_accepted(settings, given):
    settings.HARDENING = given
    assert told() == {}


@pytest.mark.parametrize(
    "app,said",
    [
        ("axes", "django-axes"),
        ("axes.apps.AppConfig", "django-axes"),
        ("BruteBuster", "django-brute-buster"),
        ("defender", "django-defender"),
        ("axesome", None),
        ("shop.axes", None),
    ],
)
def test_another_app_that_locks_out_is_known_by_its_name(monkeypatch, settings, app, said):
    installed = SimpleNamespace(
        INSTALLED_APPS=[*settings.INSTALLED_APPS, app],
        AUTHENTICATION_BACKENDS=settings.AUTHENTICATION_BACKENDS,
        MIDDLEWARE=settings.MIDDLEWARE,
    )
    monkeypatch.setattr(site, "settings", installed)
    found = [message.msg for message in site.nobody_else_locks_out()]
    assert [msg.partition(" is ")[0] for msg in found] == ([said] if said else [])


@pytest.mark.parametrize(
    "name,value",
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
        ("USE_X_FORWARDED_PORT", True),
    ],
)
@pytest.mark.parametrize(
    "named", [{"TRUSTED_PROXIES": ["10.0.0.1"]}, {"TRUSTED_PROXY_COUNT": 1}], ids=str
)
def test_a_proxy_that_nobody_named_is_remarked_on_at_deployment_only(settings, name, value, named):
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY]}
    setattr(settings, name, value)
    assert told() == {}
    found = told(deploy=True)
    assert set(found) == {"hardening.W007"}
    assert name in found["hardening.W007"].msg
    assert found["hardening.W007"].hint.startswith(ACTIONS)
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY], **named}
    assert told(deploy=True) == {}


@pytest.mark.parametrize(
    "mailers,silent",
    [
        ({}, False),
        ({"marketing": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}, False),
        ({"default": {}}, False),  # SMTP, on this machine
        ({"default": {"OPTIONS": {"host": "mail.example.com"}}}, True),
        ({"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}, True),
    ],
)
def test_where_a_site_has_mailers_they_are_what_is_read(settings, mailers, silent):
    settings.MAILERS = mailers
    found = told()
    assert (found == {}) is silent
    assert silent or "MAILERS" in found["hardening.W001"].hint


def test_a_site_that_keeps_the_older_mail_settings_is_not_told_that_they_are_old(settings):
    if hasattr(settings, "MAILERS"):
        del settings.MAILERS
    assert set(told()) <= {"hardening.W001"}  # any warning would be an error here


def a_user_model(*, unique, constrained=False):
    """Stand in for a user model with a name that is unique or not."""
    names = [UniqueConstraint(fields=["name"], name="one_name")] if constrained else []
    meta = SimpleNamespace(
        total_unique_constraints=names, get_field=lambda name: SimpleNamespace(unique=unique)
    )
    return SimpleNamespace(USERNAME_FIELD="name", __name__="Member", _meta=meta)


def test_a_name_that_two_people_may_share_is_a_mistake(monkeypatch, settings):
    monkeypatch.setattr(site, "get_user_model", lambda: a_user_model(unique=False))
    (message,) = site.user_names_are_unique()
    assert message.id == "hardening.E012"
    assert message.hint.startswith(ACTIONS)
    settings.AUTHENTICATION_BACKENDS = ["tests.host.backends.Ours"]
    assert list(site.user_names_are_unique()) == []


@pytest.mark.parametrize("fields", [{"unique": True}, {"unique": False, "constrained": True}])
def test_a_name_that_the_database_keeps_unique_is_none(monkeypatch, fields):
    monkeypatch.setattr(site, "get_user_model", lambda: a_user_model(**fields))
    assert list(site.user_names_are_unique()) == []


@pytest.mark.parametrize(
    "vendor,options,silent",
    [
        ("mysql", {}, True),
        ("mysql", {"isolation_level": "Read Committed"}, True),
        ("mysql", {"isolation_level": "repeatable read"}, False),
        ("mysql", {"isolation_level": None}, False),  # the server's own: repeatable read
        ("postgresql", {}, True),
        ("postgresql", {"isolation_level": IsolationLevel.READ_COMMITTED}, True),
        ("postgresql", {"isolation_level": IsolationLevel.REPEATABLE_READ}, False),
        ("sqlite", {"isolation_level": "repeatable read"}, True),
    ],
)
def test_a_database_at_another_isolation_level_is_remarked_on(monkeypatch, vendor, options, silent):
    database = SimpleNamespace(vendor=vendor, settings_dict={"OPTIONS": options})
    monkeypatch.setattr(site, "connections", {"default": database})
    found = told()
    assert set(found) == (set() if silent else {"hardening.W006"})
    assert silent or found["hardening.W006"].hint.startswith(ACTIONS)


@pytest.fixture
def publisher():
    roles.register("publisher", "Publisher", Q(is_active=True), publishes_publicly=True)
    yield "publisher"
    roles.unregister("publisher")


def test_a_role_that_publishes_and_is_not_covered_is_remarked_on(publisher):
    message = told()["hardening.W004"]
    assert "publisher" in message.msg
    assert message.hint.startswith(ACTIONS)


@pytest.mark.parametrize("covering", ["publisher", "everyone"])
def test_a_role_that_the_floor_covers_is_not(publisher, settings, covering):
    settings.HARDENING = {"POLICIES": [{"role": covering}]}
    assert told() == {}


def test_a_quiet_role_needs_no_policy():
    roles.register("reader", "Reader", Q(is_active=True))
    try:
        assert told() == {}
    finally:
        roles.unregister("reader")


@pytest.mark.parametrize(
    "floor,said",
    [
        ([{"role": "staff"}, {"role": "superuser"}], None),
        ([{"role": "everyone"}], None),
        ([{"role": "staff"}, {"role": "superuser", "due": "2001-01-01"}], None),
        ([{"role": "staff"}, {"role": "superuser", "due": "2999-01-01"}], "does not yet ask"),
        ([{"role": "staff"}], "asks for no second factor"),
        (
            [{"role": "staff"}, {"role": "superuser", "breached_passwords": "warn"}],
            "does not demand a new password",
        ),
    ],
)
def test_a_floor_below_the_default_is_remarked_on_at_deployment(settings, floor, said):
    settings.HARDENING = {"POLICIES": floor, "VAULT_KEYS": [VAULT_KEY]}
    assert told() == {}
    found = told(deploy=True)
    assert set(found) == (set() if said is None else {"hardening.W018"})
    if said is not None:
        assert said in found["hardening.W018"].msg
        assert "'superuser'" in found["hardening.W018"].msg
        assert found["hardening.W018"].hint.startswith(ACTIONS)


def test_a_time_zone_that_can_be_asked_is_accepted(settings):
    settings.HARDENING = {"TIME_ZONE_OF": "tests.flows.test_reminders.zone"}
    assert told() == {}


def test_every_mistake_in_the_settings_is_said(settings):
    settings.HARDENING = {"ENFROCE": True, "STEP_UP_SECONDS": "soon"}
    texts = [m.msg for m in run_checks(tags=[Tags.security]) if m.id == "hardening.E006"]
    assert len(texts) == 2
    assert any("Did you mean 'ENFORCE'?" in text for text in texts)


def test_settings_that_are_not_understood_break_no_other_check(settings):
    settings.HARDENING = {"POLICIES": "staff", "ENFORCE": "yes"}
    assert set(told(deploy=True)) == {"hardening.E006"}


def test_a_subclass_of_our_backend_counts_as_ours(settings):
    settings.AUTHENTICATION_BACKENDS = ["tests.host.backends.Ours"]
    assert told() == {}


def test_a_subclass_of_djangos_authentication_middleware_counts_as_that(settings):
    settings.MIDDLEWARE = [
        "tests.host.backends.Authentication" if m == AUTH_MIDDLEWARE else m
        for m in settings.MIDDLEWARE
    ]
    assert told() == {}


def test_a_path_that_cannot_be_imported_is_left_to_django(settings):
    settings.AUTHENTICATION_BACKENDS = [OUR_BACKEND, "nowhere.Backend"]
    settings.MIDDLEWARE = ["nowhere.Middleware", *settings.MIDDLEWARE]
    assert told() == {}


def test_checks_never_ask_the_database():
    # No database mark on this module: pytest-django fails whatever touches it.
    assert told(deploy=True).keys() == {"hardening.W002"}


def ids_in_source():
    sources = map(
        inspect.getsource, (breach, configuration, passwords, resets, site, stores, wiring)
    )
    return re.findall(r'id="(hardening\.[EW]\d{3})"', "".join(sources))


def test_each_id_belongs_to_one_check():
    ids = ids_in_source()
    assert len(ids) == len(set(ids)) == len(EVERY_CHECK)


def test_the_docstring_of_each_check_begins_with_its_id():
    for check in EVERY_CHECK:
        number = check.__doc__[:4]
        assert f'id="hardening.{number}"' in inspect.getsource(check)


def test_every_check_is_in_this_table():
    apart = {
        f"hardening.{short}"
        for short in (
            *("E012", "E015", "W002", "W004", "W006", "W007", "W009", "W010", "W011", "W016"),
            "W018",
        )
    }
    here = {name for _, name in MISTAKES} | apart
    assert here == set(ids_in_source())


def test_every_check_is_registered_once():
    names = [
        check.__name__ for check in registry.registry.get_checks(include_deployment_checks=True)
    ]
    for check in EVERY_CHECK:
        assert names.count(check.__name__) == 1
