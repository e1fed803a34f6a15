"""Pages for everybody. None of them reads `request.user`, so each stays cacheable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from project.backstage.mailbox import newest_mails
from project.backstage.models import Artist, ArtistPage

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

MAILS_SHOWN = 50


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """List the artists."""
    artists = Artist.objects.select_related("page").filter(page__isnull=False)
    return render(request, "backstage/home.html", {"artists": artists})


@require_safe
def artist(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an artist's public page."""
    page = get_object_or_404(ArtistPage.objects.select_related("artist"), artist__slug=slug)
    return render(request, "backstage/artist.html", {"page": page, "artist": page.artist})


@never_cache
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that the site has sent; exists in the demo only."""
    if not settings.DEMO:
        raise Http404
    mails = newest_mails(Path(settings.MAIL_DIR), limit=MAILS_SHOWN)
    return render(request, "backstage/mailbox.html", {"mails": mails, "shown": MAILS_SHOWN})
