"""Whether links to a new password, of the host's own views, end with a revocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import PasswordResetConfirmView
from django.core.checks import CheckMessage
from django.core.checks import Warning as Caution
from django.urls import URLResolver, get_resolver

from hardening.tokens import EpochTokenGenerator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def links_end_with_a_revocation(**_: Any) -> Iterable[CheckMessage]:
    """W020: whoever has the mailbox's old mails chooses a password after a revocation.

    Looks at the views that take a link, made of Django's; those that ask for one, such as
    ``admin_password_reset``, open nothing. Views of other packages are not seen.
    """
    for view, route in _views(get_resolver(), ""):
        if not isinstance(_generator(view), EpochTokenGenerator):
            yield Caution(
                f"The links to a new password at {route!r} outlive a revocation.",
                hint="Remove the view: hardening.urls has its own, named "
                "'hardening:password_reset'. Or give it, and the view that mails the link, "
                "token_generator=hardening.tokens.EpochTokenGenerator().",
                id="hardening.W020",
            )


def _views(resolver: URLResolver, begins: str) -> Iterator[tuple[Any, str]]:
    for entry in resolver.url_patterns:
        route = f"{begins}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from _views(entry, route)
            continue
        view = getattr(entry.callback, "view_class", None)
        if isinstance(view, type) and issubclass(view, PasswordResetConfirmView):
            yield entry.callback, route


def _generator(view: Any) -> Any:
    options: dict[str, Any] = getattr(view, "view_initkwargs", {})
    return options.get("token_generator", view.view_class.token_generator)
