"""API views that authenticate a request by themselves and ask no decision about it.

Found by walking the URLconf for views that list ``authentication_classes``, as Django REST
framework's do. A class asks if it says so (``asks_decision = True``), or if it only reads the
session, which the middleware judges. A permission class that says so asks for its view. What a
class says stands for the method that it knew: whoever overrides that has to say it again.

The trap: this sees what is declared, not what runs. A view that overrides
``get_authenticators()`` or ``get_permissions()``, or one of another framework, is not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.urls import URLResolver, get_resolver

from hardening import host

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEFAULTS = "REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES']"
THEIRS = "rest_framework.authentication"
ADAPTER = "hardening.contrib.drf"
REPLACED = ("BasicAuthentication", "TokenAuthentication")  # the adapter has them under these names


class _Door(NamedTuple):
    """Something that names authentication classes, and the permissions that stand behind them."""

    name: str
    authenticators: tuple[Any, ...]
    permissions: tuple[Any, ...]


def find() -> dict[Any, list[str]]:
    """Return each authentication class that asks nothing, with the doors that name it."""
    found: dict[Any, list[str]] = {}
    defaults = _Door(DEFAULTS, *host.api_defaults())
    views = [view for view in _views(get_resolver()) if view[1:] != defaults[1:]]
    for door in (defaults, *views):
        if any(_permission_asks(one) for one in door.permissions):
            continue
        for one in door.authenticators:
            if not asks(one) and door.name not in found.setdefault(one, []):
                found[one].append(door.name)
    return found


def asks(authenticator: Any) -> bool:
    """True if an authentication class asks the decision, or leaves that to the middleware."""
    return says_so(authenticator, "authenticate") or reads_the_session(authenticator)


def says_so(listed: Any, method: str) -> bool:
    """True if a class says that it asks, and nothing below it has replaced `method` since."""
    classes = getattr(listed, "__mro__", None) or type(listed).__mro__
    for one in classes:
        if "asks_decision" in vars(one):
            return bool(vars(one)["asks_decision"])
        if method in vars(one):
            return False
    return False


def reads_the_session(authenticator: Any) -> bool:
    """True if an authentication class finds whom Django's session names, and nobody else."""
    classes = getattr(authenticator, "__mro__", ())
    owner = next((one for one in classes if "authenticate" in vars(one)), None)
    names = (f"{THEIRS}.SessionAuthentication", f"{ADAPTER}.SessionAuthentication")
    return owner is not None and path(owner) in names


def replacement(authenticator: Any) -> str | None:
    """Return the path of our class that does the same and asks; `None` if there is none."""
    made_of = {path(one) for one in getattr(authenticator, "__mro__", ())}
    return next((f"{ADAPTER}.{name}" for name in REPLACED if f"{THEIRS}.{name}" in made_of), None)


def path(listed: Any) -> str:
    """Return the dotted path of a class, or of whatever is listed in place of one."""
    named = listed if hasattr(listed, "__qualname__") else type(listed)
    return f"{named.__module__}.{named.__qualname__}"


def _permission_asks(permission: Any) -> bool:
    if getattr(permission, "operator_class", None) is not None:  # `one & other`
        both = permission.operator_class.__name__ == "AND"
        return both and (
            _permission_asks(permission.op1_class) or _permission_asks(permission.op2_class)
        )
    return says_so(permission, "has_permission")


def _views(resolver: URLResolver) -> Iterator[_Door]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _views(entry)
            continue
        view = getattr(entry.callback, "cls", None) or getattr(entry.callback, "view_class", None)
        if hasattr(view, "authentication_classes"):
            yield _door(view, getattr(entry.callback, "initkwargs", {}))


def _door(view: Any, options: dict[str, Any]) -> _Door:
    def listed(name: str) -> tuple[Any, ...]:
        classes: Iterable[Any] = options.get(name, getattr(view, name, None)) or ()
        return tuple(classes)

    name = f"{view.__module__}.{view.__name__}"  # a view made of a function has no other
    return _Door(name, listed("authentication_classes"), listed("permission_classes"))
