"""hardening.E011: each configured authentication class that asks no decision is named."""

from __future__ import annotations

import io
import json

import pytest
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.urls import include, path
from rest_framework import authentication, routers, viewsets
from rest_framework.decorators import action, api_view, authentication_classes
from rest_framework.permissions import IsAuthenticated

from hardening.contrib import drf
from hardening.flows import unguarded
from tests.sites.drf import views
from tests.sites.drf.urls import urlpatterns as site
from tests.sites.drf.views import DeclaredSigned, Exempt, Expiring, Here, Signed, here

SETTING = "REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES']"
DRFS_OWN = "rest_framework.authentication"


class Lenient(authentication.SessionAuthentication):
    """A session class of a host that decides for itself who is there."""

    def authenticate(self, request):
        """Let the first one in."""


class Hasty(drf.TokenAuthentication):
    """Made of ours, and finds people in its own way."""

    def authenticate(self, request):
        """Let the first one in."""


class Lax(drf.MeetsPolicy):
    """Made of ours, and asks nothing."""

    def has_permission(self, request, view):
        """Let everybody in."""
        return True


class OldTokens(authentication.TokenAuthentication):
    """Tokens as a host had them."""


def found():
    """Return (class, places) for each message of the check."""
    messages = [m for m in run_checks(tags=[Tags.security]) if m.id == "hardening.E011"]
    return {m.msg.partition(" ")[0]: m for m in messages}


@pytest.fixture
def wired(settings, request):
    """Return `wired(*patterns)`: put them beside the site's own addresses."""

    def put(*patterns):
        module = type("Wired", (), {"urlpatterns": [*patterns, *site]})
        settings.ROOT_URLCONF = module

    return put


def defaults(settings, *classes, permissions=("rest_framework.permissions.IsAuthenticated",)):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": list(classes),
        "DEFAULT_PERMISSION_CLASSES": list(permissions),
    }


# --- the setting -------------------------------------------------------------------------------


def test_nothing_is_said_about_the_site_of_the_how_to():
    assert found() == {}


def test_without_the_setting_the_frameworks_own_defaults_are_named(settings):
    settings.REST_FRAMEWORK = {}
    assert set(found()) == {f"{DRFS_OWN}.BasicAuthentication"}  # its session class is fine
    message = found()[f"{DRFS_OWN}.BasicAuthentication"]
    assert SETTING in message.msg
    assert message.hint == "Put 'hardening.contrib.drf.BasicAuthentication' in its place."


@pytest.mark.parametrize(
    "listed, hint",
    [
        (f"{DRFS_OWN}.BasicAuthentication", "Put 'hardening.contrib.drf.BasicAuthentication'"),
        (f"{DRFS_OWN}.TokenAuthentication", "Put 'hardening.contrib.drf.TokenAuthentication'"),
        (f"{__name__}.OldTokens", "Put 'hardening.contrib.drf.TokenAuthentication'"),
        (f"{DRFS_OWN}.RemoteUserAuthentication", "Add 'hardening.contrib.drf.MeetsPolicy'"),
        (f"{__name__}.Lenient", "Add 'hardening.contrib.drf.MeetsPolicy'"),
        (f"{__name__}.Hasty", "Put 'hardening.contrib.drf.TokenAuthentication'"),
        ("tests.sites.drf.views.Signed", "Add 'hardening.contrib.drf.MeetsPolicy'"),
    ],
)
def test_a_default_that_asks_nothing_is_named_with_what_to_do(listed, hint, settings):
    defaults(settings, listed)
    assert set(found()) == {listed}
    assert found()[listed].hint.startswith(hint)
    assert SETTING in found()[listed].msg


@pytest.mark.parametrize(
    "listed",
    [
        f"{DRFS_OWN}.SessionAuthentication",
        "hardening.contrib.drf.SessionAuthentication",
        "hardening.contrib.drf.BasicAuthentication",
        "hardening.contrib.drf.TokenAuthentication",
        "tests.sites.drf.views.DeclaredSigned",
        "tests.sites.drf.views.Expiring",
        "tests.sites.drf.views.Exempt",
    ],
)
def test_a_default_that_asks_is_fine(listed, settings):
    defaults(settings, listed)
    assert found() == {}


@pytest.mark.parametrize("permission", ["MeetsPolicy", "HasFreshProof"])
def test_a_default_permission_that_asks_makes_up_for_it(permission, settings):
    asking = (f"hardening.contrib.drf.{permission}",)
    defaults(settings, "tests.sites.drf.views.Signed", permissions=asking)
    assert found() == {}


# --- views -------------------------------------------------------------------------------------


@api_view(["GET"])
@authentication_classes([Signed])
def by_function(request):
    """A view made of a function."""


class Records(viewsets.ViewSet):
    """A set of views, one of which authenticates in its own way."""

    def list(self, request):
        """Show."""

    @action(detail=False, authentication_classes=[Signed])
    def upload(self, request):
        """Take."""


router = routers.SimpleRouter()
router.register("records", Records, basename="record")

GUARDED = [
    here(Signed, drf.MeetsPolicy),
    here(Signed, IsAuthenticated & drf.MeetsPolicy),
    here(Signed, drf.MeetsPolicy & IsAuthenticated),
    here(Signed, views.LastMinute),
    here(DeclaredSigned),
    here(Expiring),
    here(Exempt),
    Here.as_view(authentication_classes=[]),
]
UNGUARDED = [
    (path("one/", here(Signed)), f"{Here.__module__}.Here"),
    (path("deep/", include([path("er/", here(Signed))])), f"{Here.__module__}.Here"),
    (path("function/", by_function), f"{__name__}.by_function"),
    (path("", include(router.urls)), f"{__name__}.Records"),
    (path("or/", here(Signed, drf.MeetsPolicy | IsAuthenticated)), f"{Here.__module__}.Here"),
    (path("not/", here(Signed, ~drf.MeetsPolicy)), f"{Here.__module__}.Here"),
    (path("lax/", here(Signed, Lax)), f"{Here.__module__}.Here"),
]


@pytest.mark.parametrize("view", GUARDED)
def test_a_view_that_asks_is_fine(view, wired):
    wired(path("one/", view))
    assert found() == {}


@pytest.mark.parametrize("pattern, name", UNGUARDED)
def test_a_view_that_asks_nothing_is_named(pattern, name, wired):
    wired(pattern)
    (message,) = found().values()
    assert message.msg == (
        f"tests.sites.drf.views.Signed authenticates requests and asks no decision, in {name}."
    )
    assert message.hint.startswith("Add 'hardening.contrib.drf.MeetsPolicy'")
    assert "asks_decision = True" in message.hint


def test_what_is_no_class_is_named_by_what_it_is(wired):
    wired(path("one/", Here.as_view(authentication_classes=[Signed()])))
    assert set(found()) == {"tests.sites.drf.views.Signed"}


def test_a_view_on_the_defaults_is_not_named_beside_them(settings, wired):
    defaults(settings, "tests.sites.drf.views.Signed")
    wired(path("one/", here(Signed)), path("two/", here(Signed, drf.MeetsPolicy)))
    assert found()["tests.sites.drf.views.Signed"].msg.endswith(f", in {SETTING}.")


def test_a_view_that_takes_the_defaults_but_drops_their_permission_is_named(settings, wired):
    defaults(
        settings, "tests.sites.drf.views.Signed", permissions=["hardening.contrib.drf.MeetsPolicy"]
    )
    wired(path("one/", here(Signed)), path("two/", here(Signed, drf.MeetsPolicy)))
    assert found()["tests.sites.drf.views.Signed"].msg.endswith("in tests.sites.drf.views.Here.")


def test_many_places_are_not_all_listed(wired):
    made = [type(f"Here{number}", (Here,), {"__module__": "shop"}) for number in range(7)]
    wired(*(path(one.__name__, one.as_view(authentication_classes=[Signed])) for one in made))
    text = found()["tests.sites.drf.views.Signed"].msg
    assert text.endswith("in shop.Here0, shop.Here1, shop.Here2, shop.Here3, shop.Here4, ….")


def test_a_site_that_does_not_install_the_framework_has_no_defaults(monkeypatch):
    monkeypatch.setattr("hardening.host.apps.is_installed", lambda name: False)
    assert unguarded.find() == {}


# --- hardening_status --------------------------------------------------------------------------


@pytest.mark.django_db
def test_status_lists_what_asks_nothing_and_counts_it(settings):
    settings.REST_FRAMEWORK = {}
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("hardening_status", "--format", "json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["counts"]["API authentication classes that ask nothing"] == 1
    assert report["not_covered"][0] == f"{DRFS_OWN}.BasicAuthentication, in {SETTING}: no decision."


@pytest.mark.django_db
def test_status_says_so_where_all_of_them_ask():
    out = io.StringIO()
    call_command("hardening_status", "--format", "json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["counts"]["API authentication classes that ask nothing"] == 0
    assert not [line for line in report["not_covered"] if "rest_framework" in line]
