"""What was found of people's passwords, for lists of many: computed by the database, in one query.

A verdict is bound to the password as it is stored (`core.pwned.mark`). For one person the facts
compare that in Python; a list that is filtered, sorted or counted cannot, so here the database
computes the same digest.

The trap: an annotation names who has a bad password. Whoever adds it asks for the permission
``hardening.view_password_verdict`` first, or counts and names nobody.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, Count, Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import SHA256, Coalesce, Left

from hardening.core.pwned import MARK_DIGITS
from hardening.models.account import Account

VERDICT = "hardening_password_verdict"  # the annotation: a `Finding`, or empty

_User = TypeVar("_User", bound=Model)


class _Digest(SHA256):
    """SHA-256 without PostgreSQL's extension ``pgcrypto``, which Django's own asks for."""

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Write what PostgreSQL itself has."""
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return self.as_sql(compiler, connection, **{**extra, "template": template})


def with_verdicts(users: QuerySet[_User]) -> QuerySet[Any]:
    """Annotate users with `VERDICT`; empty where nobody has looked the present password up."""
    if not _has_passwords(users.model):
        return _annotated(users, Value("", CharField()))
    present = Left(_Digest(OuterRef("password")), MARK_DIGITS)
    about_it = Account.objects.filter(user_id=OuterRef("pk"), password_mark=present)
    verdict = Subquery(about_it.values("password_verdict")[:1])
    return _annotated(users, Coalesce(verdict, Value(""), output_field=CharField()))


def count_verdicts(users: QuerySet[Any]) -> dict[str, int]:
    """Return how many users there are of each verdict; those with no usable password are none."""
    if not _has_passwords(users.model):
        return {}
    usable = users.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return dict(with_verdicts(usable).order_by().values_list(VERDICT).annotate(Count("pk")))


def _annotated(users: QuerySet[_User], verdict: Value | Coalesce) -> QuerySet[Any]:
    annotated: QuerySet[Any] = users.annotate(**{VERDICT: verdict})
    return annotated


def _has_passwords(model: type[Model]) -> bool:
    """Whether this site keeps passwords at all; with single sign-on a model may have no column."""
    try:
        model._meta.get_field("password")  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return False
    return True
