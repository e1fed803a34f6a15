"""What anybody sees of Backstage, and the headers that every page bears."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from project.backstage.models import ArtistPage

INLINE = re.compile(
    rb"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE
)

PUBLIC = ["/", "/artists/night-trams/", "/mailbox/"]
OF_A_MANAGER = [
    "/my/artists/",
    "/my/follows/",
    "/artists/night-trams/edit/",
    "/artists/night-trams/history/",
]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_reads_neither_user_nor_session(client, seeded, path):
    response = client.get(path)
    assert response.status_code == 200
    assert "Cookie" not in response.headers.get("Vary", "")
    assert not response.cookies


def test_a_public_page_looks_the_same_to_its_manager(client, browser_of):
    path = "/artists/night-trams/"
    seen_by_manager = browser_of("manager").get(path)
    assert seen_by_manager.content == client.get(path).content
    assert "Cookie" not in seen_by_manager.headers.get("Vary", "")


@pytest.mark.parametrize("path", ["/", "/artists/night-trams/"])
def test_a_public_page_costs_one_query(client, seeded, django_assert_num_queries, path):
    with django_assert_num_queries(1):
        client.get(path)


def test_the_home_page_links_every_artist(client, seeded):
    content = client.get("/").content.decode()
    for page in ArtistPage.objects.select_related("artist"):
        assert page.artist.get_absolute_url() in content
        assert page.artist.name in content


def test_a_page_shows_mark_up_as_text(client, night_trams):
    ArtistPage.objects.filter(pk=night_trams().pk).update(biography="<script>x</script>")
    content = client.get("/artists/night-trams/").content.decode()
    assert "&lt;script&gt;x&lt;/script&gt;" in content
    assert "<script" not in content


def test_an_unknown_artist_is_not_found(client, seeded):
    assert client.get("/artists/nobody/").status_code == 404


@pytest.mark.parametrize("path", [*PUBLIC, "/artists/nobody/", "/admin/login/", "/my/artists/"])
def test_every_answer_bears_the_content_security_policy(client, seeded, path):
    policy = client.get(path).headers["Content-Security-Policy"]
    assert policy == django_settings.CONTENT_SECURITY_POLICY
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", [*PUBLIC, *OF_A_MANAGER])
def test_no_page_holds_inline_style_or_script(browser_of, path):
    response = browser_of("manager").get(path)
    assert response.status_code == 200
    assert not INLINE.search(response.content)


@pytest.mark.parametrize("path", [*PUBLIC, *OF_A_MANAGER])
def test_no_page_loads_anything_from_elsewhere(browser_of, path):
    content = browser_of("manager").get(path).content.decode()
    for address in re.findall(
        r'<(?:link|script|img|source|use)\b[^>]*(?:href|src)="([^"]*)"', content
    ):
        assert address.startswith("/static/")


@pytest.mark.parametrize("path", [*PUBLIC, *OF_A_MANAGER])
def test_every_page_has_language_main_and_one_heading(browser_of, path):
    content = browser_of("manager").get(path).content.decode()
    assert '<html lang="en-gb"' in content
    assert content.count("<main") == content.count("<h1") == 1
    assert 'href="#main"' in content


def test_the_site_leads_to_sign_in_and_security(client, seeded):
    content = client.get("/").content.decode()
    assert f'href="{reverse("hardening:login")}"' in content
    assert f'href="{reverse("hardening:overview")}"' in content
