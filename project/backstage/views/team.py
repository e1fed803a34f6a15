"""Pages of an artist's team: the list of one's artists, editing, the history, undoing.

Whoever is not in the team gets a 403; that the artist exists is no secret. Whether a member needs a
second factor is not asked here: `hardening` lets nobody in as a user who still owes one.

What changes the public page asks for a proof younger than five minutes: a stolen session cookie
publishes nothing. The edit form asks before anybody types; whoever types for longer is asked once
more, and finds the text again afterwards.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from hardening.access import refusal, requires
from project.backstage import drafts
from project.backstage.differences import Difference, differences
from project.backstage.drafts import Draft
from project.backstage.forms import ArtistPageForm
from project.backstage.models import ArtistPage, Revision
from project.backstage.publishing import Change, PageMovedOnError, publish, tell_team

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from project.backstage.views import SignedInRequest

REVISIONS_PER_PAGE = 20
PUBLISH_SECONDS = 300  # how young a proof must be for what the public sees


def _own_page(request: SignedInRequest, slug: str) -> ArtistPage:
    """Return the page of an artist in whose team the user is, whatever the role there.

    Raises:
        Http404: If there is no such artist.
        PermissionDenied: If the user is not in the team.
    """
    page = get_object_or_404(ArtistPage.objects.select_related("artist"), artist__slug=slug)
    if not page.artist.memberships.filter(user=request.user).exists():
        raise PermissionDenied
    return page


@require_safe
@login_required
def my_artists(request: SignedInRequest) -> HttpResponse:
    """List the artists in whose team the user is."""
    memberships = request.user.artist_memberships.select_related("artist__page")
    return render(request, "backstage/my_artists.html", {"memberships": memberships})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: SignedInRequest, slug: str) -> HttpResponse:
    """Edit what the public sees of an artist."""
    page = _own_page(request, slug)
    if request.method == "POST":
        return _edited(request, page)
    return refusal(request, max_age=PUBLISH_SECONDS) or _form_shown(request, page)


def _form_shown(request: SignedInRequest, page: ArtistPage) -> HttpResponse:
    """Show the form, with the text that a request for a fresh proof had interrupted."""
    draft = drafts.find(request.session, page.artist.slug)
    initial: dict[str, object] = {"based_on": page.version}
    context: dict[str, object] = {}
    if draft is not None:
        initial |= draft.content.as_json()
        context["kept"] = datetime.fromtimestamp(draft.at, tz=UTC)
        context["kept_changes"] = differences(page.content, draft.content)
        context |= _meanwhile(page, draft.based_on)
    form = ArtistPageForm(instance=page, initial=initial)
    return render(
        request,
        "backstage/edit.html",
        {"form": form, "artist": page.artist, "page": page, **context},
    )


def _edited(request: SignedInRequest, page: ArtistPage) -> HttpResponse:
    """Publish what was typed, or keep it and say why it is not published."""
    slug = page.artist.slug
    if "discard" in request.POST:
        drafts.forget(request.session, slug)
        return redirect("backstage:edit", slug=slug)
    # A copy for the form: validating a ModelForm writes what was typed into its instance, and
    # `page` has to stay what the page says now.
    form = ArtistPageForm(request.POST, instance=ArtistPage.objects.get(pk=page.pk))
    context: dict[str, object] = {"form": form, "artist": page.artist, "page": page}
    if form.is_valid():
        based_on = form.cleaned_data["based_on"]
        refused = refusal(request, max_age=PUBLISH_SECONDS)
        if refused is not None:
            typed = Draft(form.content, based_on, int(timezone.now().timestamp()))
            drafts.keep(request.session, slug, typed)
            return refused
        if based_on == page.version and _published(request, page, form):
            drafts.forget(request.session, slug)
            return redirect("backstage:history", slug=slug)
        page.refresh_from_db()
        form.add_error(None, _moved_on_while_editing())
        form.rebase(page.version)
        context |= _meanwhile(page, based_on)
    return render(request, "backstage/edit.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _meanwhile(page: ArtistPage, based_on: int) -> dict[str, object]:
    """Return what others have changed since version `based_on`, for the edit page."""
    since = list(page.revisions.filter(number__gt=based_on).order_by("number"))
    changed: list[Difference] = []
    if since:
        changed = differences(since[0].content_before, page.content)
    return {"meanwhile": since, "meanwhile_changed": changed}


@require_safe
@login_required
def history(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show each change of a page, newest first, with what differs."""
    page = _own_page(request, slug)
    revisions = page.revisions.select_related("undoes")
    shown = Paginator(revisions, REVISIONS_PER_PAGE).get_page(request.GET.get("page"))
    entries = [
        (revision, differences(revision.content_before, revision.content_after))
        for revision in shown
    ]
    context = {"artist": page.artist, "page": page, "entries": entries, "shown": shown}
    return render(request, "backstage/history.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@requires(max_age=PUBLISH_SECONDS)
def undo(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    """Bring a page back to what it said before revision `number`; that is a revision too.

    Looking at the address changes nothing: it shows what undoing would change. The mails to the
    team lead there.
    """
    page = _own_page(request, slug)
    unwanted = get_object_or_404(Revision, page=page, number=number)
    if request.method != "POST":
        changed = differences(page.content, unwanted.content_before)
        context = {"artist": page.artist, "revision": unwanted, "changed": changed}
        return render(request, "backstage/undo.html", context)
    change = Change(
        unwanted.content_before, author=request.user, at=timezone.now(), undoes=unwanted
    )
    try:
        revision = publish(page, change)
    except PageMovedOnError:
        messages.error(
            request, _("Somebody else changed this page just now. Look again before you undo.")
        )
    else:
        _say(request, page, revision)
    return redirect("backstage:history", slug=slug)


def _published(request: SignedInRequest, page: ArtistPage, form: ArtistPageForm) -> bool:
    """Publish what was typed; false if somebody else was quicker."""
    change = Change(form.content, author=request.user, at=timezone.now())
    try:
        revision = publish(page, change)
    except PageMovedOnError:
        return False
    _say(request, page, revision)
    return True


def _say(request: HttpRequest, page: ArtistPage, revision: Revision | None) -> None:
    """Tell the author what came of it, and the team by mail."""
    name = {"artist": page.artist.name}
    if revision is None:
        messages.info(request, _("Nothing to change: the page already says that."))
        return
    history_url = reverse("backstage:history", args=[page.artist.slug])
    undo_url = reverse("backstage:undo", args=[page.artist.slug, revision.number])
    tell_team(
        revision,
        history_url=request.build_absolute_uri(f"{history_url}#change-{revision.number}"),
        undo_url=request.build_absolute_uri(undo_url),
    )
    if revision.undoes is None:
        messages.success(request, _("The page of %(artist)s is published.") % name)
    else:
        messages.success(
            request, _("The page of %(artist)s is back to what it said before.") % name
        )


def _moved_on_while_editing() -> str:
    """Return the words for a page that somebody else has changed since the form was opened."""
    return _(
        "Somebody else changed this page while you were working on it. Nothing is published yet "
        "and your text is still here. What they changed is shown below; publishing again replaces "
        "it."
    )
