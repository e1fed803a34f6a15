"""Which account a typed name means, for counting: spelled otherwise it is the same account.

A name that no account bears exactly may still be guessed at through another backend (by e-mail,
or without regard to case). It is counted against the account that it means, if that is one and
only one: by a spelling that an index finds, by the digest of its canonical form, or by e-mail.

The trap: this runs for names that nobody has as well, by one statement whatever it finds, and
`hardening.flows.attempts` runs it for known names where the time it takes would tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from hardening.core.names import canonical, variants
from hardening.models import Account
from hardening.models.database import alias
from hardening.throttle import subjects

if TYPE_CHECKING:
    from django.db.models import QuerySet

BIGGEST = 2**63 - 1  # a signed 64-bit column


def resolve(name: str) -> tuple[Any, str] | None:
    """Return the primary key and the stored password of the one account that `name` means."""
    found = list(_meant(name)[:2])
    return found[0] if len(found) == 1 else None


def may_mean_another(name: str, user_pk: Any) -> bool:
    """Return whether `name` may mean somebody else than the account that bears it exactly.

    Django's own user names may hold an "@": whoever takes somebody's e-mail address for a name
    would have what another backend guesses at her charged to an account of his own.
    """
    return any(pk != user_pk for pk, _password in _meant(name)[:2])


def _meant(name: str) -> QuerySet[Any, Any]:
    model: Any = get_user_model()
    people = model._default_manager.using(alias())  # noqa: SLF001 - as ModelBackend does
    plain = people.order_by()
    field = model._meta.get_field(model.USERNAME_FIELD)  # noqa: SLF001 - Django's documented API
    spelled = {f"{field.name}__in": [form for form in variants(name) if _can_be(field, form)]}
    asked = [plain.filter(**spelled).values_list("pk", "password")]
    digest = subjects.name(canonical(name))
    remembered = Account.objects.filter(name_key=digest).values("user_id")
    asked.append(plain.filter(pk__in=remembered).values_list("pk", "password"))
    email = model.get_email_field_name()
    if "@" in canonical(name) and email != model.USERNAME_FIELD and _has_field(model, email):
        asked.append(
            plain.filter(**{f"{email}__iexact": canonical(name)}).values_list("pk", "password")
        )
    first, *others = asked
    together: QuerySet[Any, Any] = first.union(*others)
    return together


def _can_be(field: Any, form: str) -> bool:
    """Return whether a column could hold this: a name may be a number, or a UUID."""
    try:
        value = field.to_python(form)
    except ValidationError:
        return False
    return not isinstance(value, int) or abs(value) <= BIGGEST


def _has_field(model: Any, name: str) -> bool:
    return any(field.name == name for field in model._meta.concrete_fields)  # noqa: SLF001
