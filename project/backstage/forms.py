"""The form that edits an artist's page."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from project.backstage.models import ArtistPage, Content

LARGEST_VERSION = 2_147_483_647  # PositiveIntegerField


class ArtistPageForm(forms.ModelForm):
    """Edit what the public sees; `based_on` is the version the author was looking at.

    It never saves: `publishing.publish` does, with a revision.
    """

    based_on = forms.IntegerField(min_value=0, max_value=LARGEST_VERSION, widget=forms.HiddenInput)

    class Meta:
        """The four parts of a page's content."""

        model = ArtistPage
        fields = ["headline", "biography", "motif", "palette"]
        widgets = {
            "biography": forms.Textarea(attrs={"rows": 10}),
            "motif": forms.RadioSelect,
            "palette": forms.RadioSelect,
        }
        help_texts = {
            "headline": _("One line under the name, at most 120 characters."),
            "biography": _("Plain text. An empty line begins a new paragraph."),
        }

    def rebase(self, version: int) -> None:
        """Let the next attempt be based on `version`, with all that was typed kept."""
        self.data = dict(self.data.items()) | {self.add_prefix("based_on"): str(version)}

    @property
    def content(self) -> Content:
        """The content that was typed; only for a valid form."""
        data = self.cleaned_data
        return Content(
            headline=data["headline"],
            # Browsers send CRLF; one kind of line end, or every line would differ.
            biography=data["biography"].replace("\r\n", "\n"),
            motif=data["motif"],
            palette=data["palette"],
        )
