"""The list below the bars: who is chosen, page by page or as a file.

The trap: a table for a spreadsheet is a program to it. A user name may begin with ``=``, ``+``,
``-`` or ``@``, so every cell that does is written with an apostrophe before it (OWASP, "CSV
injection").
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import compliance
from hardening.admin import charts, standing
from hardening.admin.paging import KeyPaginator
from hardening.compliance import Status
from hardening.core.cells import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.models import QuerySet

    from hardening.admin.standing import Standing
    from hardening.compliance import Person
    from hardening.policies import Policy

SEARCH_LENGTH = 254  # of an e-mail address
NEAREST = 2000  # keys that are read before anybody counts


class Chosen(forms.Form):
    """What the list is about; what makes no sense counts as not chosen."""

    policy = forms.ChoiceField(label=gettext_lazy("Policy"), required=False)
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[("", gettext_lazy("All")), *((s.value, w) for s, w in charts.WORDS.items())],
    )
    q = forms.CharField(
        label=gettext_lazy("Name or e-mail address"), required=False, max_length=SEARCH_LENGTH
    )

    def __init__(self, data: Any, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(data)
        self.fields["policy"].choices = choices  # type: ignore[attr-defined]
        self.full_clean()
        self.picked = {name: self.cleaned_data.get(name, "") for name in self.fields}
        self.picked["policy"] = self.picked["policy"] or (choices[0][0] if choices else "")
        # What is shown is what was chosen, also where that is the first one of the list.
        self.data = self.picked

    @property
    def only(self) -> Status | None:
        """The chosen status; `None`: all."""
        return Status(self.picked["status"]) if self.picked["status"] else None

    @property
    def address(self) -> str:
        """The chosen, for the end of an address."""
        return urlencode({name: value for name, value in self.picked.items() if value})


class KnownPaginator(KeyPaginator):
    """Pages of a list whose length is known already; no query counts it again.

    Where it is not, as of a search, the first keys are read: mostly they are all there are, so the
    people are searched once.
    """

    def __init__(self, rows: Any, per_page: int, *, length: int | None) -> None:
        super().__init__(rows, per_page)
        self._length = length

    @cached_property
    def count(self) -> int:
        """How many there are."""
        if self._length is not None:
            return self._length
        return len(self._nearest) if len(self._nearest) < NEAREST else len_of(self.object_list)

    @cached_property
    def _nearest(self) -> list[Any]:
        """The first keys."""
        rows: Any = self.object_list
        return list(rows.values_list("pk", flat=True)[:NEAREST])

    def keys(self, number: int) -> Sequence[Any]:
        """Return the keys of one page, in order."""
        first = (number - 1) * self.per_page
        if self._length is None and min(first + self.per_page, self.count) <= len(self._nearest):
            return self._nearest[first : first + self.per_page]
        return super().keys(number)


def len_of(rows: Any) -> int:
    """Count rows without what only their page needs."""
    return int(rows.order_by().count())


def people(policy: Policy, chosen: Chosen, *, now: int) -> QuerySet[Any]:
    """Return the members that the filters leave, in a fixed order, with nothing about them."""
    return _found(compliance.ordered(policy, now=now, status=chosen.only), chosen)


def _found(users: QuerySet[Any], chosen: Chosen) -> QuerySet[Any]:
    words = chosen.picked["q"].strip()
    if not words:
        return users
    model: Any = users.model
    email = getattr(model, "get_email_field_name", lambda: "email")()
    fields = {field.name for field in model._meta.get_fields()}  # noqa: SLF001
    found = Q(pk__in=[])
    for name in {model.USERNAME_FIELD, email} & fields:
        found |= Q(**{f"{name}__icontains": words})
    return users.filter(found)


def everyone(policy: Policy, chosen: Chosen, *, now: int) -> Iterator[Standing]:
    """Yield every row of the list, a chunk at a time in memory."""
    found: Iterator[Person]
    if chosen.picked["q"].strip():
        users = _found(compliance.listed(policy, now=now, status=chosen.only), chosen)
        read = users.iterator(chunk_size=compliance.CHUNK)
        found = (compliance.person(user, policy) for user in read)
    else:
        found = compliance.every(policy, now=now, status=chosen.only)
    return (standing.Standing(person) for person in found)


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """Return it."""
        return text


def lines(policy: str, rows: Iterable[Standing]) -> Iterator[str]:
    """Yield the lines of the file; `policy` is what its first column says."""
    write = csv.writer(_Echo()).writerow
    heads = (_("Policy"), _("User"), _("E-mail address"), _("Status"), _("Date"))
    yield write([harmless(str(head)) for head in heads])
    for one in rows:
        at = one.until.isoformat() if one.until else ""
        cells = (policy, one.name, one.email, str(charts.WORDS[one.status]), at)
        yield write([harmless(cell) for cell in cells])
