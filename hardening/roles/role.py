"""What a role is: a name, a label and a `Q` over the user model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Q
    from django.db.models.expressions import Combinable


@dataclass(frozen=True, slots=True)
class Role:
    """A set of users. `label` may be lazy; `q` is a filter over the user model.

    `within` says the same of one row of users, where that can be said without joining them anew.
    """

    key: str
    label: Any
    q: Q
    publishes_publicly: bool = False
    within: Combinable | None = None
