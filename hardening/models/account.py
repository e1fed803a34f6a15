"""What the decision needs to know about an account and about the site, one row each.

These rows ride along in the query that loads the user (`hardening.facts`), so every fact is a
plain column here: confirmed factors are kept as one encoded text, written by whoever changes a
factor. An account without a row has epoch 0 and no factors.

The trap: `factors` repeats what the factor rows say. It is rewritten only by `rewrite_factors`,
inside the transaction that changed a factor and *after* `bump_epoch` has locked the row.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hardening.core import ended
from hardening.core.pwned import Finding, mark
from hardening.models.database import Row, WrittenQuerySet
from hardening.models.inserting import insert_missing

SITE_PK = 1
REVISION_BITS = 62  # fits a signed 64-bit column; random, so that a rolled-back one never returns
SOURCE_LENGTH, EDITION_LENGTH = 150, 64

UNCHECKED: dict[str, Any] = {
    "password_verdict": "",
    "password_mark": "",
    "password_checked_at": 0,
    "password_source": "",
    "password_corpus": "",
}


class AccountQuerySet(WrittenQuerySet["Account"]):
    """Queries that must be one statement to be right."""

    def of(self, user_pk: Any) -> Account:
        """Return the row of a user, made if it is missing."""
        try:
            return self.get(user_id=user_pk)
        except self.model.DoesNotExist:
            insert_missing(self, [self.model(user_id=user_pk)])
            return self.get(user_id=user_pk)

    def bump_epoch(self, user_pk: Any) -> int:
        """End every session of this account and lock its row for the transaction at hand.

        Returns:
            The new epoch.
        """
        if not self.filter(user_id=user_pk).update(epoch=F("epoch") + 1):
            insert_missing(self, [self.model(user_id=user_pk)])
            self.filter(user_id=user_pk).update(epoch=F("epoch") + 1)
        return self.values_list("epoch", flat=True).get(user_id=user_pk)

    def lock(self, user_pk: Any) -> None:
        """Lock the row until the transaction ends, by a write that every database locks for."""
        self.filter(user_id=user_pk).update(epoch=F("epoch"))

    def end_sessions(self, user_pk: Any, ids: dict[str, int], *, now: int) -> bool:
        """End sessions by their ids; the caller has opened a transaction.

        Args:
            user_pk: Whose.
            ids: Until when (Unix seconds) a session of each id might live.
            now: Unix seconds.

        Returns:
            False if there were too many to list: then all sessions of the account have ended.
        """
        self.of(user_pk)
        self.lock(user_pk)
        text = self.values_list("ended_sessions", flat=True).get(user_id=user_pk)
        listed = ended.added(text, ids, now=now)
        if listed is None:
            self.bump_epoch(user_pk)
            self.filter(user_id=user_pk).update(ended_sessions="")
            return False
        self.filter(user_id=user_pk).update(ended_sessions=listed)
        return True

    def freeze(self, user_pk: Any) -> bool:
        """Refuse every sign-in from now on; true for exactly one caller."""
        self.of(user_pk)
        return self.filter(user_id=user_pk, frozen=False).update(frozen=True) == 1

    def thaw(self, user_pk: Any, *, now: int) -> bool:
        """Let the account sign in again; true for exactly one caller. `now`: Unix seconds."""
        frozen = self.filter(user_id=user_pk, frozen=True)
        return frozen.update(frozen=False, thawed_at=now) == 1

    def rewrite_factors(self, user_pk: Any, encoded: str) -> None:
        """Store the encoded list of confirmed factors. The caller has bumped the epoch."""
        self.filter(user_id=user_pk).update(factors=encoded)

    def note_verdict(
        self, user_pk: Any, *, verdict: str, mark: str, checked_at: int, source: str, corpus: str
    ) -> bool:
        """Store what was found of a password; true for exactly one caller of the same hit.

        Args:
            user_pk: Whose.
            verdict: A `Finding`.
            mark: Of which password (`hardening.core.pwned.mark`).
            checked_at: Unix seconds.
            source: Who found it.
            corpus: In which edition, where there are such.
        """
        columns = {
            "password_verdict": verdict,
            "password_mark": mark,
            "password_checked_at": checked_at,
            # A source of the site's own may say anything, and PostgreSQL would refuse the row.
            "password_source": source[:SOURCE_LENGTH],
            "password_corpus": corpus[:EDITION_LENGTH],
        }
        if self._note(user_pk, columns):
            return True
        if self.filter(user_id=user_pk).exists():
            return False
        insert_missing(self, [self.model(user_id=user_pk)])
        return self._note(user_pk, columns)

    def _note(self, user_pk: Any, columns: dict[str, Any]) -> bool:
        rows = self.filter(user_id=user_pk)
        if columns["password_verdict"] == Finding.HIT:
            keys = ("password_verdict", "password_mark")
            rows = rows.exclude(**{key: columns[key] for key in keys})
        return rows.update(**columns) == 1

    def forget_verdict(self, user_pk: Any) -> None:
        """Erase what was found of a password that is another now."""
        self.filter(user_id=user_pk).update(**UNCHECKED)

    def changed_password(self, user_pk: Any) -> None:
        """Take note that the owner has set a new password: nothing is demanded any more."""
        self.filter(user_id=user_pk).update(must_change="", must_change_since=None, **UNCHECKED)

    def spend_recovery_code(self, user_pk: Any) -> None:
        """Count one recovery code less."""
        self.filter(user_id=user_pk, codes_left__gt=0).update(codes_left=F("codes_left") - 1)

    def issue_unlock(self, user_pk: Any, digest: str, *, expires_at: int) -> None:
        """Remember a new unlock link by its digest; the one before is void."""
        account = self.of(user_pk)
        self.filter(pk=account.pk).update(unlock_digest=digest, unlock_expires_at=expires_at)

    def unlockable(self, user_pk: Any, digests: list[str], *, now: int) -> AccountQuerySet:
        """Return the account's row if one of these is the digest of its link that still works."""
        return self.filter(user_id=user_pk, unlock_digest__in=digests, unlock_expires_at__gt=now)

    def spend_unlock(
        self, user_pk: Any, digests: list[str], *, account_epoch: int, now: int
    ) -> bool:
        """Use an unlock link up; true for exactly one caller."""
        unspent = self.unlockable(user_pk, digests, now=now).filter(epoch=account_epoch)
        return unspent.update(unlock_digest="", unlock_expires_at=0) == 1


class Account(Row):
    """The security side of one user."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    epoch = models.BigIntegerField(default=0)
    ended_sessions = models.TextField(default="", blank=True)  # hardening.core.ended
    factors = models.TextField(default="", blank=True)
    codes_left = models.PositiveSmallIntegerField(default=0)
    must_change = models.CharField(max_length=32, default="", blank=True)
    must_change_since = models.BigIntegerField(null=True, blank=True)  # Unix seconds
    password_verdict = models.CharField(max_length=8, default="", blank=True)  # "hit" or "clean"
    password_mark = models.CharField(max_length=32, default="", blank=True)  # of which password
    password_checked_at = models.BigIntegerField(default=0)  # Unix seconds
    password_source = models.CharField(max_length=SOURCE_LENGTH, default="", blank=True)
    password_corpus = models.CharField(max_length=EDITION_LENGTH, default="", blank=True)
    must_enrol = models.BooleanField(default=False)
    frozen = models.BooleanField(default=False)
    waivers = models.TextField(default="", blank=True)  # hardening.core.grace
    break_glass_until = models.BigIntegerField(default=0)  # Unix seconds
    email = models.TextField(default="", blank=True)  # sealed
    email_since = models.BigIntegerField(null=True, blank=True)  # Unix seconds; null: never changed
    previous_email = models.TextField(default="", blank=True)  # sealed
    name_key = models.CharField(max_length=32, default="", blank=True, db_index=True)  # a digest
    unlock_digest = models.CharField(max_length=64, default="", blank=True)
    unlock_expires_at = models.BigIntegerField(default=0)  # Unix seconds
    thawed_at = models.BigIntegerField(default=0)  # Unix seconds; older links to freeze it are void

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("account security")
        verbose_name_plural = _("account security")
        permissions = [
            ("view_password_verdict", _("Can see whose password is in a breach")),
            ("revoke_sessions", _("Can end the sessions of other people")),
            ("freeze_account", _("Can freeze an account and thaw it")),
            ("send_reset", _("Can send somebody a link to a new password")),
        ]

    def __str__(self) -> str:
        return f"account {self.user_id}"

    def verdict_on(self, stored: str) -> Finding | None:
        """Return what was found of the password that is `stored`; `None` where nobody looked."""
        if not self.password_verdict or self.password_mark != mark(stored):
            return None
        return Finding(self.password_verdict)


class SiteStateQuerySet(WrittenQuerySet["SiteState"]):
    """One row for the whole site."""

    def bump_epoch(self) -> int:
        """End every session of everybody with one write; return the new epoch."""
        self._write(epoch=F("epoch") + 1)
        return self.values_list("epoch", flat=True).get(pk=SITE_PK)

    def lock(self) -> None:
        """Lock the row until the transaction ends, by a write that every database locks for."""
        self._write(epoch=F("epoch"))

    def touch_policies(self) -> None:
        """Tell every process that policies have changed.

        A random revision instead of a counter: after a rollback a counter would hand out a
        number again that some process already holds for other policies.
        """
        self._write(policy_revision=secrets.randbits(REVISION_BITS))

    def begin_attack(self, *, until: int, now: int) -> bool:
        """Begin attack mode, true for exactly one caller; prolong it where it is on."""
        if self.filter(pk=SITE_PK, attack_until__gt=now).update(attack_until=until):
            return False
        insert_missing(self, [self.model(pk=SITE_PK)])
        return self.filter(pk=SITE_PK, attack_until__lte=now).update(attack_until=until) == 1

    def lapse_attack(self, *, now: int) -> bool:
        """Take note that attack mode is over; true for exactly one caller."""
        over = self.filter(pk=SITE_PK, attack_until__gt=0, attack_until__lte=now)
        return over.update(attack_until=0) == 1

    def end_attack(self) -> bool:
        """End attack mode; true for exactly one caller."""
        return self.filter(pk=SITE_PK, attack_until__gt=0).update(attack_until=0) == 1

    def _write(self, **values: Any) -> None:
        if not self.filter(pk=SITE_PK).update(**values):
            insert_missing(self, [self.model(pk=SITE_PK)])
            self.filter(pk=SITE_PK).update(**values)


class SiteState(Row):
    """Epoch and policy revision of the site; pk is always 1, no row means zeros."""

    # Not counted up by the database: MariaDB takes no constraint on a column that is.
    id = models.PositiveSmallIntegerField(primary_key=True, default=SITE_PK)
    epoch = models.BigIntegerField(default=0)
    policy_revision = models.BigIntegerField(default=0)
    attack_until = models.BigIntegerField(default=0)  # Unix seconds; while later than now

    objects: SiteStateQuerySet = SiteStateQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("site state")
        verbose_name_plural = _("site state")
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=SITE_PK), name="hardening_one_site_row")
        ]

    def __str__(self) -> str:
        return "site state"


__all__ = ["SITE_PK", "Account", "AccountQuerySet", "SiteState", "SiteStateQuerySet"]
