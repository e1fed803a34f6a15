"""Tokens for links to a new password that a revocation ends.

Django's own token dies with the password, with a sign-in, and with time
(``PASSWORD_RESET_TIMEOUT``). This one dies as well when the account's or the site's epoch moves on
(a revocation, any change of factors), and none is good for an account that is frozen or closed.

For a site that keeps its own reset views::

    PasswordResetView.as_view(token_generator=EpochTokenGenerator())
    PasswordResetConfirmView.as_view(token_generator=EpochTokenGenerator())

The trap: both views must have it, or each link is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator

from hardening import facts

if TYPE_CHECKING:
    from hardening.core.values import Who


class EpochTokenGenerator(PasswordResetTokenGenerator):
    """Django's generator, bound to the epochs of account and site."""

    key_salt = "hardening.tokens.EpochTokenGenerator"

    def check_token(self, user: Any, token: str | None) -> bool:
        """Say whether a token is this user's, still good, and she may choose a password at all.

        Raises:
            FactsError: If nobody can tell.
            NotMigratedError: If our tables are missing.
        """
        return super().check_token(user, token) and may_reset(_who(user))

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        who = _who(user)
        mine = super()._make_hash_value(user, timestamp)
        return f"{mine} {who.account_epoch} {who.site_epoch}"


def may_reset(who: Who) -> bool:
    """Say whether an account has a password that its owner may choose anew."""
    return who.active and not who.frozen and who.has_password


def _who(user: Any) -> Who:
    return facts.fresh(user).who()
