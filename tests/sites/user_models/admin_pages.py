"""What sites have that have Django's admin: a page for each person, groups, the password reset."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.urls import reverse
from django.utils.html import escape

from hardening import testing
from hardening.audit import Event
from hardening.models import Account, RolePolicy, SecurityEvent
from hardening.moments import moment
from tests.sites.user_models.people import People
from tests.visitor import DAY, NOW, leads_to

NEW_PASSWORD = "forty paper boats, upstream"


def page_of(user, view):
    """Return the URL name of a page of the user's admin."""
    return f"admin:{user._meta.app_label}_{user._meta.model_name}_{view}"


class AdminPages(People):
    """The admin, roles by group and permission, and a reset by mail."""

    def test_the_admin_opens_by_two_steps_and_shows_her(self, member):
        hers = reverse(page_of(member.user, "change"), args=[quote(member.user.pk)])
        assert leads_to(member.sign_in("admin:login", next=hers), "hardening:verify")
        assert not member.is_signed_in()
        assert member.verify().headers["Location"] == hers
        assert member.get(hers).status_code == 200
        assert member.get(page_of(member.user, "changelist")).status_code == 200

    def test_the_admin_demands_a_new_password(self, member, fan):
        testing.login(member.client, member.user)
        fields = {"action": "demand_password_change", "_selected_action": [fan.user.pk]}
        assert member.post(page_of(fan.user, "changelist"), fields).status_code == 302
        assert Account.objects.get(user_id=fan.user.pk).must_change == "operator"
        event = SecurityEvent.objects.get(event=Event.PASSWORD_CHANGE_DEMANDED)
        assert event.target_pk == str(fan.user.pk)
        assert event.actor_pk == str(member.user.pk)

    def test_the_admin_mails_her_a_reset(self, member, fan):
        testing.login(member.client, member.user)
        hers = reverse(page_of(fan.user, "change"), args=[quote(fan.user.pk)])
        page = reverse(page_of(fan.user, "send_reset"), args=[quote(fan.user.pk)])
        assert f'href="{escape(page)}"' in member.get(hers).content.decode()
        mail.outbox.clear()
        assert member.post(page).headers["Location"] == hers
        assert [message.to for message in mail.outbox] == [[fan.user.email]]
        event = SecurityEvent.objects.get(event=Event.PASSWORD_RESET_SENT)
        assert (event.target_pk, event.actor_pk) == (str(fan.user.pk), str(member.user.pk))
        link = re.search(r"http://testserver(/security/reset/\S+)", mail.outbox[-1].body)[1]
        form = fan.client.get(link).headers["Location"]
        done = fan.post(form, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
        assert leads_to(done, "hardening:password_reset_complete")
        fan.sign_in(password=NEW_PASSWORD)
        assert fan.is_signed_in()

    def test_the_compliance_page_leads_to_her(self, member, fan):
        row = RolePolicy.objects.create(
            role="everyone", mode="enforce", starts_at=moment(NOW - DAY)
        )
        testing.login(member.client, member.user)
        query = {"policy": f"row:{row.pk}", "status": "overdue"}
        answer = member.get("admin:hardening_rolepolicy_compliance", **query)
        (listed,) = answer.context["people"]
        assert listed["person"].name == fan.user.get_username()
        hers = reverse(page_of(fan.user, "change"), args=[quote(fan.user.pk)])
        assert f'href="{escape(hers)}"' in answer.content.decode()

    @pytest.mark.parametrize("role", ["group:editors", "perm:auth.change_group"])
    def test_a_policy_covers_whoever_joins_the_group(self, fan, role):
        RolePolicy.objects.create(role=role, mode="enforce", starts_at=moment(NOW - DAY))
        group = Group.objects.create(name="editors")
        group.permissions.add(Permission.objects.get(codename="change_group"))
        fan.sign_in()
        assert fan.is_signed_in()
        fan.user.groups.add(group)
        assert leads_to(fan.get("members"), "hardening:mailbox")

    def test_a_password_that_was_reset_still_meets_the_second_step(self, member):
        member.post("password_reset", {"email": member.user.email})
        link = re.search(r"http://testserver(/reset/\S+)", mail.outbox[-1].body)[1]
        form = member.client.get(link).headers["Location"]
        answer = member.post(form, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
        assert leads_to(answer, "hardening:verify")
        assert not member.is_signed_in()
        member.verify()
        assert member.is_signed_in()
