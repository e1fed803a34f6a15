"""The pages of Backstage: public, personal, and those of an artist's team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from project.backstage.models import User


class SignedInRequest(HttpRequest):
    """A request behind `login_required`: there is a user. For annotations only."""

    user: User
