"""Pages of one's own: where a sign-in leads, and the artists that a fan follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from project.backstage.models import Artist

if TYPE_CHECKING:
    from django.http import HttpResponse

    from project.backstage.views import SignedInRequest


@require_safe
@login_required
def my(request: SignedInRequest) -> HttpResponse:
    """Lead members of a team to their artists, everybody else to the artists they follow."""
    in_a_team = request.user.artist_memberships.exists()
    return redirect("backstage:my_artists" if in_a_team else "backstage:my_follows")


@require_safe
@login_required
def my_follows(request: SignedInRequest) -> HttpResponse:
    """Show what the user follows, and what there is to follow."""
    artists = Artist.objects.select_related("page").filter(page__isnull=False)
    followed = artists.filter(followers=request.user)
    others = artists.exclude(followers=request.user)
    return render(request, "backstage/my_follows.html", {"followed": followed, "others": others})


@require_POST
@login_required
def follow(request: SignedInRequest, slug: str) -> HttpResponse:
    """Follow an artist."""
    artist = get_object_or_404(Artist, slug=slug)
    request.user.follows.add(artist)
    messages.success(request, _("You now follow %(artist)s.") % {"artist": artist.name})
    return redirect("backstage:my_follows")


@require_POST
@login_required
def unfollow(request: SignedInRequest, slug: str) -> HttpResponse:
    """Stop following an artist."""
    artist = get_object_or_404(Artist, slug=slug)
    request.user.follows.remove(artist)
    messages.success(request, _("You no longer follow %(artist)s.") % {"artist": artist.name})
    return redirect("backstage:my_follows")
