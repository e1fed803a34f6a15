"""What Backstage remembers: people, artists, their pages, their teams, each change of a page.

A page's content is what the public sees. It is written in one place, `publishing.publish`, which
leaves a `Revision`; nothing else may save it, or the history would lie.

The trap: `Membership.role` decides who needs a second factor (see `roles.py`). Its values are part
of that promise; the database refuses any other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

NAME_LENGTH = 80
HEADLINE_LENGTH = 120
BIOGRAPHY_LENGTH = 5000


class User(AbstractUser):
    """A person with an account: fan, team member or staff."""

    follows: models.ManyToManyField[Artist, models.Model] = models.ManyToManyField(
        "Artist", blank=True, related_name="followers", verbose_name=_("follows")
    )


class Motif(models.TextChoices):
    """The picture on an artist's page: one of a few drawings that come with the site."""

    TRAM = "tram", _("Tram at night")
    TIDE = "tide", _("Tide")
    AERIAL = "aerial", _("Aerial")
    RAIN = "rain", _("Rain")


class Palette(models.TextChoices):
    """The colours of the picture."""

    AMBER = "amber", _("Amber")
    TEAL = "teal", _("Teal")
    ROSE = "rose", _("Rose")
    SLATE = "slate", _("Slate")


@dataclass(frozen=True, slots=True)
class Content:
    """All that the public reads on an artist's page, as one value."""

    headline: str = ""
    biography: str = ""
    motif: str = Motif.TRAM.value
    palette: str = Palette.AMBER.value

    def as_json(self) -> dict[str, str]:
        """Return the value in the shape in which a revision keeps it."""
        return asdict(self)


class Artist(models.Model):
    """A musician or a band."""

    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    slug = models.SlugField(_("slug"), unique=True, max_length=NAME_LENGTH)

    class Meta:
        """Artists are listed by name."""

        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(name="") & ~models.Q(slug=""), name="backstage_artist_named"
            ),
        ]

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of the public page."""
        return reverse("backstage:artist", args=[self.slug])


class ArtistPage(models.Model):
    """What the public sees of an artist; changed only by `publishing.publish`."""

    artist = models.OneToOneField(Artist, on_delete=models.CASCADE, related_name="page")
    headline = models.CharField(_("headline"), max_length=HEADLINE_LENGTH, blank=True)
    biography = models.TextField(_("biography"), max_length=BIOGRAPHY_LENGTH, blank=True)
    motif = models.CharField(_("picture"), max_length=16, choices=Motif.choices, default=Motif.TRAM)
    palette = models.CharField(
        _("colours"), max_length=16, choices=Palette.choices, default=Palette.AMBER
    )
    version = models.PositiveIntegerField(_("version"), default=0, editable=False)

    class Meta:
        """The database refuses a picture that does not exist."""

        constraints = [
            models.CheckConstraint(
                condition=models.Q(motif__in=Motif.values), name="backstage_page_motif_known"
            ),
            models.CheckConstraint(
                condition=models.Q(palette__in=Palette.values), name="backstage_page_palette_known"
            ),
        ]

    def __str__(self) -> str:
        """Return the artist's name."""
        return self.artist.name

    @property
    def content(self) -> Content:
        """What the page says now."""
        return Content(self.headline, self.biography, self.motif, self.palette)

    @property
    def motif_template(self) -> str:
        """The drawing's template."""
        return f"backstage/motifs/{Motif(self.motif).value}.svg"


class Membership(models.Model):
    """A person in the team of an artist."""

    class Role(models.TextChoices):
        """What the person is in the team."""

        MANAGER = "manager", _("Manager")
        EDITOR = "editor", _("Editor")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="artist_memberships")
    artist = models.ForeignKey(Artist, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)

    class Meta:
        """One role per person and artist."""

        ordering = ["artist__name", "role", "user__username"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "artist"], name="backstage_membership_once_per_artist"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["manager", "editor"]),
                name="backstage_membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        """Return the role in words."""
        return str(self.get_role_display())


class Revision(models.Model):
    """One change of a page: who, when, what it said before and after.

    The name of the author is kept beside the link, so that deleting an account does not take the
    evidence along.
    """

    page = models.ForeignKey(ArtistPage, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField(_("number"))
    at = models.DateTimeField(_("time"))
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    author_name = models.CharField(_("author"), max_length=150)
    before = models.JSONField(_("before"))
    after = models.JSONField(_("after"))
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="undone_by"
    )

    class Meta:
        """Newest first; numbers count from one without repetition."""

        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["page", "number"], name="backstage_revision_number"),
            models.CheckConstraint(
                condition=models.Q(number__gte=1), name="backstage_revision_counts_from_one"
            ),
        ]

    def __str__(self) -> str:
        """Return the number."""
        return f"#{self.number}"

    @property
    def content_before(self) -> Content:
        """What the page said before the change."""
        return Content(**self.before)

    @property
    def content_after(self) -> Content:
        """What the page said after the change."""
        return Content(**self.after)
