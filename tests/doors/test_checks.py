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
from hardening.checks import CHECKS, DEPLOY_CHECKS, configuration, site, wiring
from hardening.checks.wiring import AUTH_MIDDLEWARE, MIDDLEWARE
from hardening.host import MODEL_BACKEND, OUR_BACKEND
from tests.mailers import send_by

EVERY_CHECK = (*CHECKS, *DEPLOY_CHECKS)
VAULT_KEY = "k" * 40
ACTIONS = ("Add", "Correct", "Install", "Move", "Put", "Register", "Remove", "Route", "Set")


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


def an_api_that_asks_nothing(settings):
    settings.ROOT_URLCONF = "tests.host.unasked_urls"


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
    (an_api_that_asks_nothing, "hardening.E011"),
    (no_mail, "hardening.W001"),
    (djangos_mail_unset, "hardening.W001"),
    (the_kill_switch, "hardening.W003"),
    (no_request_in_templates, "hardening.W005"),
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


def test_the_default_key_of_the_vault_is_remarked_on_at_deployment_only(settings):
    found = told(deploy=True)
    assert set(found) == {"hardening.W002"}
    assert found["hardening.W002"].hint.startswith(ACTIONS)
    settings.HARDENING = {"VAULT_KEYS": [VAULT_KEY]}
    assert not keys.is_default()
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
    sources = map(inspect.getsource, (configuration, site, wiring))
    return re.findall(r'id="(hardening\.[EW]\d{3})"', "".join(sources))


def test_each_id_belongs_to_one_check():
    ids = ids_in_source()
    assert len(ids) == len(set(ids)) == len(EVERY_CHECK)


def test_the_docstring_of_each_check_begins_with_its_id():
    for check in EVERY_CHECK:
        number = check.__doc__[:4]
        assert f'id="hardening.{number}"' in inspect.getsource(check)


def test_every_check_is_in_this_table():
    apart = {f"hardening.{short}" for short in ("E012", "W002", "W004", "W006")}
    here = {name for _, name in MISTAKES} | apart
    assert here == set(ids_in_source())


def test_every_check_is_registered_once():
    names = [
        check.__name__ for check in registry.registry.get_checks(include_deployment_checks=True)
    ]
    for check in EVERY_CHECK:
        assert names.count(check.__name__) == 1
