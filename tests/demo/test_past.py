"""The demo's made-up past: events that verify, plots with something in them, sessions, mails."""

from __future__ import annotations

import io
import re

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from hardening.models import AuditSeal, SecurityEvent, UserSession
from project.backstage import demo_past
from project.backstage.management.commands.seed_backstage import seed
from project.backstage.models import User

SITE = "http://testserver"
LINK = re.compile(r"http://testserver(/\S+)")
pytestmark = pytest.mark.django_db(transaction=True)


def draw():
    now = timezone.now()
    with demo_past.oldest_first():
        seed(now=now)
        demo_past.draw(now=now, site=SITE)


@pytest.fixture
def drawn():
    draw()


def mailed(address, words):
    """Return the paths that a mail leads to."""
    sent = [one for one in mail.outbox if one.to == [address] and words in one.subject]
    assert len(sent) == 1
    return LINK.findall(sent[0].body)


def test_the_log_is_sealed_whole_and_nothing_in_it_is_odd(drawn):
    printed = io.StringIO()
    call_command("hardening_audit", "verify", stdout=printed, stderr=io.StringIO())
    assert len(printed.getvalue().splitlines()) == 1
    assert AuditSeal.objects.exists()
    assert not SecurityEvent.objects.filter(seal=None).exists()
    times = list(SecurityEvent.objects.order_by("pk").values_list("at", flat=True))
    assert times == sorted(times)
    assert times[-1] <= timezone.now()


def test_the_plots_have_something_in_them(drawn, browser_of):
    shown = browser_of("staff").get("/admin/hardening/securityevent/", {"period": "30"})
    assert shown.status_code == 200
    totals = {plot.name: plot.total for plot in shown.context["plots"]}
    assert min(totals[name] for name in ("completed", "failed", "refused", "challenged")) > 10
    worst = max(bar.count for plot in shown.context["plots"] for bar in plot.bars)
    assert worst > 1000  # the attack stands out


def test_people_see_other_browsers_of_theirs(drawn):
    fan = Client()
    given = {"username": "fan", "password": "kelp-orbit-71-saffron"}
    assert fan.post("/security/login/", given).url == "/my/"
    shown = fan.get("/security/sessions/").content.decode()
    assert "Firefox on Windows" in shown
    assert "Chrome on Android" in shown
    assert "198.51.100.61" in shown


def test_the_mail_of_the_newer_browser_has_a_link_that_freezes(drawn):
    (link,) = mailed("fan@backstage.example", "new browser")
    stranger = Client()
    shown = stranger.get(link)
    assert "Chrome on Android" in shown.content.decode()
    done = stranger.post("/security/disown/", {"token": shown.context["token"]})
    assert done.status_code == 200
    given = {"username": "fan", "password": "kelp-orbit-71-saffron"}
    assert stranger.post("/security/login/", given).status_code == 400


def test_the_mail_of_the_last_change_leads_to_the_page_that_undoes_it(drawn, browser_of):
    undo, history = mailed("editor@backstage.example", "Night Trams")
    editor = browser_of("editor")
    assert "On tour from March" in editor.get(undo).content.decode()
    assert editor.get(history).status_code == 200


def test_drawing_again_adds_nothing(drawn):
    events, sessions = SecurityEvent.objects.count(), UserSession.objects.count()
    mails = len(mail.outbox)
    draw()
    assert SecurityEvent.objects.count() == events
    assert UserSession.objects.count() == sessions == len(demo_past.SESSIONS)
    assert len(mail.outbox) == mails


def test_a_password_that_was_changed_ends_them(drawn):
    user = User.objects.get(username="fan")
    user.set_password("mortar-clover-65-tundra")
    user.save()
    fan = Client()
    fan.post("/security/login/", {"username": "fan", "password": "mortar-clover-65-tundra"})
    assert "Firefox on Windows" not in fan.get("/security/sessions/").content.decode()
