"""Backstage in Django's admin: people, artists and their teams. History is for reading only.

The content of a page is not edited here: it would leave no revision. Whoever may change people,
groups or teams may make a publisher of anybody, so all of them ask for a fresh proof of a factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group

from hardening.admin import HardeningUserAdminMixin
from hardening.admin.fresh import FreshProofMixin
from project.backstage.models import Artist, ArtistPage, Membership, Revision, User

if TYPE_CHECKING:
    from django.forms import ModelForm
    from django.http import HttpRequest

admin.site.site_header = "Backstage"
admin.site.site_title = "Backstage"


@admin.register(User)
class UserAdmin(FreshProofMixin, HardeningUserAdminMixin, DjangoUserAdmin):
    """People: who has a second factor, by when one must be there, and what helps whom.

    Those columns and filters come with the mixin, for whoever may see compliance. Names that
    nobody here fills in make room for them.
    """

    list_display = ["username", "email"]
    list_filter = ["is_staff", "is_active"]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(FreshProofMixin, DjangoGroupAdmin):
    """Groups, and what their members may do."""


class MembershipInline(admin.TabularInline):
    """The team of an artist."""

    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Artist)
class ArtistAdmin(FreshProofMixin, admin.ModelAdmin):
    """Artists and their teams."""

    list_display = ["name", "slug"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]

    def save_model(
        self,
        request: HttpRequest,
        obj: Artist,
        form: ModelForm,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Give a new artist an empty page, which the team then fills."""
        super().save_model(request, obj, form, change)
        ArtistPage.objects.get_or_create(artist=obj)


@admin.register(Revision)
class RevisionAdmin(admin.ModelAdmin):
    """The history of all pages, read-only."""

    list_display = ["page", "number", "at", "author_name"]
    list_filter = ["page__artist"]
    list_select_related = ["page__artist"]
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: history is made by publishing."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        """Refuse: history does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        """Refuse: history does not vanish, except with the artist."""
        return False
