"""What every page of an admin shouts, whatever templates the host has put in their place."""

from __future__ import annotations

import pytest
from django.contrib import messages
from django.template.response import TemplateResponse
from django.test import RequestFactory

from hardening import alarms, testing
from hardening.middleware import HardeningMiddleware

pytestmark = pytest.mark.django_db(transaction=True)
SHOUT = "The kill switch is on: nobody is asked for a second factor"


@pytest.fixture
def boss(clock, person, settings):
    """Return a superuser who is signed in while the kill switch is on."""
    settings.HARDENING = {"ENFORCE": False}
    visitor = person("boss", is_staff=True, is_superuser=True)
    visitor.sign_in()
    return visitor


def shown(visitor, name, *args):
    return visitor.get(name, *args).content.decode()


@pytest.mark.parametrize(
    "page",
    [
        *("admin:index", "admin:auth_user_changelist", "admin:auth_user_add"),
        *("admin:hardening_throttlecell_changelist", "admin:password_change"),
    ],
)
def test_the_kill_switch_shouts_on_every_page_and_each_time(boss, page):
    for _ in range(2):
        assert shown(boss, page).count(SHOUT) == 1


def test_once_it_is_off_nothing_was_stored_up(boss, settings):
    shown(boss, "admin:index")
    settings.HARDENING = {"POLICIES": []}
    assert SHOUT not in shown(boss, "admin:index")


def test_the_admins_own_messages_stay_and_are_read_once(boss):
    done = boss.post("admin:auth_group_add", {"name": "press", "_save": "Save"})
    assert done.status_code == 302
    page = shown(boss, "admin:index")
    assert "was added successfully" in page
    assert page.index(SHOUT) < page.index("was added successfully")
    assert "was added successfully" not in shown(boss, "admin:index")


def test_another_admin_site_shouts_too(boss, settings):
    settings.ROOT_URLCONF = "tests.host.office"
    assert SHOUT in shown(boss, "office:index")


def test_strangers_and_people_outside_the_admin_read_nothing(boss, client):
    assert SHOUT not in client.get("/admin/login/").content.decode()
    assert SHOUT not in shown(boss, "hardening:overview")


def test_somebody_who_is_no_staff_reads_nothing(boss, person):
    fan = person("fan")
    fan.sign_in()
    answer = fan.client.get("/admin/login/")
    assert SHOUT not in answer.content.decode()


def test_nothing_shouts_where_all_is_well(clock, person):
    visitor = person("calm", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    assert "messagelist" not in shown(visitor, "admin:index")


def test_a_host_that_puts_its_own_base_in_place_still_shows_it(boss, settings):
    base = "{% for message in messages %}[{{ message.level_tag }}: {{ message }}]{% endfor %}"
    engine = dict(settings.TEMPLATES[0])
    loaders = [
        ("django.template.loaders.locmem.Loader", {"admin/index.html": base}),
        "django.template.loaders.app_directories.Loader",
    ]
    engine |= {"APP_DIRS": False, "OPTIONS": {**engine["OPTIONS"], "loaders": loaders}}
    settings.TEMPLATES = [engine]
    assert shown(boss, "admin:index").startswith("[error: The kill switch is on")


def test_what_is_no_template_response_goes_by(boss):
    request = RequestFactory().get("/nowhere/")
    request.resolver_match = None
    response = TemplateResponse(request, "admin/index.html")
    middleware = HardeningMiddleware(lambda _request: None)
    assert middleware.process_template_response(request, response).context_data is None
    assert alarms.break_glass_until(request) == 0
    assert messages.get_messages(request) == []
