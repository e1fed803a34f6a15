"""Facts: the query that loads the user loads everything the decision needs.

Account row, site row and one boolean per role that a policy names come along as scalar
subqueries of the query that Django makes anyway; a guarded page therefore costs no query more,
and nothing is cached, so nothing is stale. Reads go to the database that is written.

The query itself, and when its SQL is kept, is in `query`. Where the default manager is the site's
own, or a session came by another backend, the facts cost one query of values.

The trap: a revision that differs from the policies this process holds means that the booleans
answered an old question. The policies are read anew and the query runs again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import Error, connections, router, transaction
from django.db.migrations.recorder import MigrationRecorder

from hardening import policies
from hardening.core import ended
from hardening.core.grace import decode, personal
from hardening.core.pwned import Finding, mark
from hardening.core.values import Who
from hardening.factors import registry
from hardening.factors.mailbox import email_of
from hardening.facts import query
from hardening.models import Account
from hardening.moments import unix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hardening.core.values import Requirement
    from hardening.policies import PolicySet

ATTRIBUTE = "_hardening_facts"
# What fields that hold no text raise, or their lookups.
NO_NAME = (ValueError, OverflowError, ValidationError, EmptyResultSet)
MAX_READS = 3  # policies edited between the two reads of one request, again and again: a fault

log = logging.getLogger("hardening")


class FactsError(Exception):
    """The facts about somebody could not be read. Callers answer 503, for everybody."""


class NotMigratedError(Exception):
    """Our tables do not exist yet: the code was deployed before ``migrate``. Tolerated, loudly."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything about one account and the site, as of one query."""

    user: Any
    columns: dict[str, Any]
    policies: PolicySet

    @property
    def member_of(self) -> frozenset[str]:
        """The roles, among those a policy names, that this user is in."""
        listed = enumerate(self.policies.roles)
        return frozenset(role for index, role in listed if self.columns[f"role_{index}"])

    @property
    def requirement(self) -> Requirement:
        """What policies ask of this very person, with her own deadlines."""
        merged = self.policies.requirement(self.member_of)
        return personal(merged, decode(self.columns["account_waivers"]), created(self.user))

    @property
    def account(self) -> Account | None:
        """The account's row as far as its e-mail address goes; `None` where none was recorded."""
        sealed = self.columns["account_email"]
        if not sealed:
            return None
        return Account(
            user_id=self.user.pk,
            email=sealed,
            previous_email=self.columns["account_previous_email"],
            email_since=self.columns["account_email_since"],
        )

    @property
    def name_key(self) -> str:
        """Under which digest the account's name is remembered; empty where it is not yet."""
        kept: str = self.columns["account_name_key"]
        return kept

    def with_account(self, values: dict[str, Any]) -> Facts:
        """Return the same facts but for these columns of the account's row, just written."""
        columns = {f"account_{name}": value for name, value in values.items()}
        return replace(self, columns={**self.columns, **columns})

    @property
    def password_verdict(self) -> Finding | None:
        """What was found of the password that is stored now; `None` where nobody has looked."""
        columns = self.columns
        verdict: str = columns["account_password_verdict"]
        # A verdict on an older password, however that was replaced, is none.
        if not verdict or columns["account_password_mark"] != mark(self.user.password):
            return None
        return Finding(verdict)

    @property
    def password_checked_at(self) -> int:
        """When it was found, in Unix seconds."""
        at: int = self.columns["account_password_checked_at"]
        return at

    @property
    def attack_until(self) -> int:
        """Until when unknown browsers are asked for more than a password, in Unix seconds."""
        until: int = self.columns["site_attack_until"]
        return until

    def who(self, *, known_browser: bool = True) -> Who:
        """Return the decision's view; some factors work from known browsers only."""
        columns = self.columns
        return Who(
            active=bool(getattr(self.user, "is_active", True)),
            frozen=bool(columns["account_frozen"]),
            factors=registry.decode(columns["account_factors"], known_browser=known_browser),
            recovery_codes_left=columns["account_codes_left"],
            requirement=self.requirement,
            has_password=self.user.has_usable_password(),
            password_breached=self.password_verdict is Finding.HIT,
            must_change=bool(columns["account_must_change"]),
            must_enrol=bool(columns["account_must_enrol"]),
            mailbox_usable=bool(email_of(self.user)),
            account_epoch=columns["account_epoch"],
            site_epoch=columns["site_epoch"],
            ended_sessions=ended.decode(columns["account_ended_sessions"]),
            # For superusers only, so whoever is none any more is stopped at once.
            break_glass=(
                columns["account_break_glass_until"]
                if getattr(self.user, "is_superuser", False)
                else 0
            ),
        )


def created(user: Any) -> int | None:
    """Return when an account was made, in Unix seconds; `None` where the user does not say."""
    joined = getattr(user, "date_joined", None)
    return unix(joined) if isinstance(joined, datetime) else None


def load_user(pk: Any) -> Any:
    """Return the user with her facts attached; `None` if there is no such user.

    One query where the default manager is Django's own, else two.

    Raises:
        FactsError: If the facts cannot be read.
        NotMigratedError: If our tables are missing.
    """
    return _loaded(query.load, pk)


def load_user_by_name(name: Any) -> Any:
    """Do the same for a name that somebody typed; what no name can be (of a number) is nobody's.

    Raises:
        FactsError: If the facts cannot be read.
        NotMigratedError: If our tables are missing.
    """
    return _loaded(query.load_by_name, name, *NO_NAME)


def _loaded(
    load: Callable[..., tuple[Any, dict[str, Any]]], key: Any, *missing: type[Exception]
) -> Any:
    model = get_user_model()
    alias = _alias()

    def ask(held: PolicySet) -> tuple[Any, dict[str, Any]]:
        return load(model, alias, held, key)

    found = _read(ask, model.DoesNotExist, *missing)
    if found is None:
        return None
    user, columns, held = found
    setattr(user, ATTRIBUTE, Facts(user, columns, held))
    return user


def of(user: Any) -> Facts:
    """Return the facts that came along with this user, once; else read them.

    Raises:
        FactsError: If the facts cannot be read.
        NotMigratedError: If our tables are missing.
    """
    attached: Facts | None = user.__dict__.pop(ATTRIBUTE, None)
    return attached or fresh(user)


def attached(user: Any) -> Facts:
    """Return the facts that came along with this user, and leave them to whoever comes next."""
    found: Facts = user.__dict__[ATTRIBUTE]
    return found


def fresh(user: Any) -> Facts:
    """Read the facts about a user who is already loaded, by one query of values.

    Raises:
        FactsError: If the facts cannot be read, or the user is gone.
        NotMigratedError: If our tables are missing.
    """
    model = get_user_model()
    alias = _alias()

    def ask(held: PolicySet) -> tuple[Any, dict[str, Any]]:
        return user, query.read(model, alias, held, user.pk)

    found = _read(ask, model.DoesNotExist)
    if found is None:
        message = "the account is gone"
        raise FactsError(message)
    return Facts(*found)


def imagined(users: Sequence[Any], held: PolicySet) -> dict[Any, Facts]:
    """Read the facts about several people as if these policies held, by one query of values.

    Args:
        users: Who; those who are gone meanwhile are left out.
        held: Policies that may be nobody's yet, for a preview.

    Returns:
        The facts by primary key.

    Raises:
        FactsError: If the facts cannot be read.
        NotMigratedError: If our tables are missing.
    """
    people = {user.pk: user for user in users}
    ask = partial(query.read_many, get_user_model(), _alias(), held, people)
    return {pk: Facts(people[pk], columns, held) for pk, columns in _guarded(ask).items()}


def _alias() -> str:
    return router.db_for_write(get_user_model())


def _read(
    ask: Callable[[PolicySet], tuple[Any, dict[str, Any]]], *missing: type[Exception]
) -> tuple[Any, dict[str, Any], PolicySet] | None:
    for _ in range(MAX_READS):
        held = _guarded(policies.current)
        try:
            subject, columns = _guarded(partial(ask, held))
        except missing:
            return None
        if columns["site_policy_revision"] == held.revision:
            return subject, columns, held
        _guarded(policies.read)
    message = "the policies changed faster than they could be read"
    raise FactsError(message)


_tables_seen: set[str] = set()  # aliases; until then queries get a savepoint (see `_guarded`)


def _guarded(run: Callable[[], Any]) -> Any:
    """Run a query of ours; tell missing tables apart from every other fault.

    A failed query takes PostgreSQL's transaction along, so until our tables have been seen once
    in this process the query runs under a savepoint; afterwards it costs nothing extra.
    """
    alias = _alias()
    connection = connections[alias]
    try:
        if alias not in _tables_seen and connection.in_atomic_block:
            with transaction.atomic(using=alias):
                result = run()
        else:
            result = run()
    except Error as fault:
        if alias not in _tables_seen and _tables_missing(alias):
            log.critical("hardening guards nothing: its tables are missing, run 'migrate'")
            raise NotMigratedError from fault
        message = "the facts about an account could not be read"
        raise FactsError(message) from fault
    _tables_seen.add(alias)
    return result


def _tables_missing(alias: str) -> bool:
    """True only where our migrations never ran; tables merely out of sight are a fault."""
    connection = connections[alias]
    try:
        if Account._meta.db_table in connection.introspection.table_names():  # noqa: SLF001
            return False
        applied = MigrationRecorder(connection).applied_migrations()
    except Error:
        return False
    return not any(app_label == "hardening" for app_label, _ in applied)
