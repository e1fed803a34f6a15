"""Pages of long lists: the last page of a million is as near as the first.

A database walks over every row before the page, with all that is asked about it. So first only the
keys of the page are read, from the nearer end; then what is to be shown, of those alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator

if TYPE_CHECKING:
    from collections.abc import Sequence


class KeyPaginator(Paginator):
    """Pages of a queryset with an order that is total, as lists of keys."""

    def page(self, number: Any) -> Page[Any]:
        """Return one page; its keys are read."""
        number = self.validate_number(number)
        return Page(self.keys(number), number, self)

    def keys(self, number: int) -> Sequence[Any]:
        """Return the keys of one page, in order."""
        rows: Any = self.object_list
        keys = rows.values_list("pk", flat=True)
        first = (number - 1) * self.per_page
        last = min(first + self.per_page, self.count)
        if first + last <= self.count:
            return list(keys[first:last])
        return list(keys.reverse()[self.count - last : self.count - first])[::-1]


class RowPaginator(KeyPaginator):
    """The same as querysets of those rows, for Django's list of objects."""

    def page(self, number: Any) -> Page[Any]:
        """Return one page, to be read."""
        number = self.validate_number(number)
        rows: Any = self.object_list
        return Page(rows.filter(pk__in=self.keys(number)), number, self)
