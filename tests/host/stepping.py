"""Pages that ask for a proof of the last minute, made in every way that `hardening` offers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.generic import View

from hardening.access import RequiresMixin, admin_requires, refusal, requires
from hardening.admin.fresh import FreshProofMixin
from hardening.core.values import Strength
from tests.doors.site import urlpatterns as doors

AGE = 60  # seconds
SHOWN = b"the minute"
done: list[str] = []  # what was done, to be emptied by whoever looks


@requires(max_age=AGE)
def function(request: HttpRequest) -> HttpResponse:
    """Show it."""
    done.append("function")
    return HttpResponse(SHOWN)


@requires(max_age=AGE)
async def coroutine(request: HttpRequest) -> HttpResponse:
    """Show it."""
    done.append("coroutine")
    return HttpResponse(SHOWN)


class Page(View):
    """Show it, by a class with methods of the usual make."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        done.append("class")
        return HttpResponse(SHOWN)

    post = get


class AsyncPage(View):
    """Show it, by a class with coroutines as methods."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        done.append("async class")
        return HttpResponse(SHOWN)

    post = get


class Mixed(RequiresMixin, Page):
    """By the mixin."""

    max_age = AGE


class AsyncMixed(RequiresMixin, AsyncPage):
    """By the mixin."""

    max_age = AGE


@method_decorator(requires(max_age=AGE), name="dispatch")
class Decorated(Page):
    """By Django's decorator for methods."""


@method_decorator(requires(max_age=AGE), name="dispatch")
class AsyncDecorated(AsyncPage):
    """By Django's decorator for methods."""


class Methods(View):
    """By Django's decorator, on one of its methods."""

    @method_decorator(requires(max_age=AGE))
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        done.append("method")
        return HttpResponse(SHOWN)

    post = get


@requires(max_age=AGE, strength=Strength.PHISHING_RESISTANT)
def strong(request: HttpRequest) -> HttpResponse:
    """Show it to whoever has proven a factor that resists phishing."""
    return HttpResponse(SHOWN)


def unless_none(request: HttpRequest) -> HttpResponse:
    """Ask those for a proof who can give one."""
    return refusal(request, max_age=AGE, enrolled_only=True) or HttpResponse(SHOWN)


class Insisting(Mixed):
    """Even while the kill switch is on."""

    always = True


@admin.action
@admin_requires(max_age=AGE)
def by_function(modeladmin: Any, request: HttpRequest, queryset: Any) -> None:
    """Do it to the chosen groups."""
    done.append("action function")


class GroupAdmin(admin.ModelAdmin):
    """Groups, with an action and a view of their own."""

    actions = ("by_method", by_function)

    @admin.action
    @admin_requires(max_age=AGE)
    def by_method(self, request: HttpRequest, queryset: Any) -> None:
        """Do it to the chosen groups."""
        done.append("action method")

    def get_urls(self) -> list[Any]:
        """Add a page."""
        return [path("own/", self.admin_site.admin_view(self.own)), *super().get_urls()]

    @admin_requires(max_age=AGE)
    def own(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        done.append("admin view")
        return HttpResponse(SHOWN)


class GuardedUserAdmin(FreshProofMixin, UserAdmin):
    """Django's own user admin, where each change asks for a proof."""


class Station(admin.AdminSite):
    """An admin site with a page of its own."""

    def get_urls(self) -> list[Any]:
        """Add a page."""
        return [path("plan/", self.admin_view(self.plan)), *super().get_urls()]

    @admin_requires(max_age=AGE)
    def plan(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        done.append("site view")
        return HttpResponse(SHOWN)


station = Station(name="station")
station.register(Group, GroupAdmin)
station.register(User, GuardedUserAdmin)

urlpatterns = [
    path("fresh/function/", function),
    path("fresh/coroutine/", coroutine),
    path("fresh/mixed/", Mixed.as_view()),
    path("fresh/async-mixed/", AsyncMixed.as_view()),
    path("fresh/decorated/", Decorated.as_view()),
    path("fresh/async-decorated/", AsyncDecorated.as_view()),
    path("fresh/methods/", Methods.as_view()),
    path("fresh/strong/", strong),
    path("fresh/unless-none/", unless_none),
    path("fresh/insisting/", Insisting.as_view()),
    path("station/", station.urls),
    *doors,
]
