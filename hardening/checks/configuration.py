"""What ``settings.HARDENING`` says: that it is understood, its policies, its keys, its switch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution
from django.utils.module_loading import import_string

from hardening import keys, roles
from hardening.conf import Conf, conf, problems
from hardening.core.values import PasswordMode, Strength
from hardening.factors import registry
from hardening.throttle import challenge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hardening.conf import FloorPolicy


def settings_are_understood(**_: Any) -> Iterable[CheckMessage]:
    """E006: a setting that is not understood is never a default."""
    for problem in problems():
        yield Error(problem, hint="Correct it in settings.HARDENING.", id="hardening.E006")


def floor_names_known_roles(**_: Any) -> Iterable[CheckMessage]:
    """E008: an unknown role counts as "everybody is in it" until it is mended."""
    if problems():
        return
    for entry in conf().POLICIES:
        # Groups and permissions are looked up by name in the database: their form is enough.
        if roles.find(entry.role) is None:
            yield Error(
                f"HARDENING['POLICIES'] names the unknown role {entry.role!r}.",
                hint="Register it with hardening.roles.register, or correct the name.",
                id="hardening.E008",
            )


def floor_asks_what_can_be_reached(**_: Any) -> Iterable[CheckMessage]:
    """E009: nobody could meet a policy that no installed kind of factor reaches."""
    if problems():
        return
    best = registry.strongest()
    for entry in conf().POLICIES:
        if Strength.from_slug(entry.strength) > best:
            yield Error(
                f"HARDENING['POLICIES'] asks {entry.role!r} for {entry.strength!r}, "
                "which no installed kind of factor reaches.",
                hint="Install a stronger kind of factor, or ask for 'any'.",
                id="hardening.E009",
            )


def challenge_can_be_used(**_: Any) -> Iterable[CheckMessage]:
    """E016: one that is none is never offered: whoever owes it is asked for the mailbox."""
    path = None if problems() else conf().CHALLENGE
    said = None if path is None else _wrong_challenge(path)
    if said is not None:
        yield Error(
            f"HARDENING['CHALLENGE'] names {path!r}, which {said}.",
            hint="Correct it: the path of a class with the attribute and the methods of "
            "hardening.throttle.challenge.Challenge; None offers no challenge.",
            id="hardening.E016",
        )


def _wrong_challenge(path: str) -> str | None:
    """Return what is wrong with a challenge; nothing is called."""
    try:
        found = import_string(path)
    except Exception as fault:  # noqa: BLE001 - a module may fail in any way while it is imported
        return f"cannot be imported ({type(fault).__name__})"
    lacking = [name for name in challenge.METHODS if not callable(getattr(found, name, None))]
    if not hasattr(found, "template_name"):
        lacking.append("template_name")
    return f"has no {' and no '.join(lacking)}" if lacking else None


def vault_has_its_own_keys(**_: Any) -> Iterable[CheckMessage]:
    """W002 (deploy): one leaked SECRET_KEY would open every authenticator secret too."""
    if not problems() and keys.is_default():
        yield Caution(
            "The vault's keys are derived from SECRET_KEY.",
            hint="Set HARDENING['VAULT_KEYS'] to a key of its own, then run hardening_rekey.",
            id="hardening.W002",
        )


def kill_switch_is_off(**_: Any) -> Iterable[CheckMessage]:
    """W003: the kill switch restores access for everybody, thieves included."""
    if not problems() and not conf().ENFORCE:
        yield Caution(
            "HARDENING['ENFORCE'] is False: no second factor is asked of anybody.",
            hint="Remove it as soon as the emergency is over.",
            id="hardening.W003",
        )


def floor_is_not_lowered(**_: Any) -> Iterable[CheckMessage]:
    """W018 (deploy): whoever asks less of staff and superusers than we do should have meant to."""
    if problems():
        return
    now = int(time.time())
    for usual in Conf().POLICIES:
        held = [one for one in conf().POLICIES if one.role in {usual.role, "everyone"}]
        lacking = _lacking(held, usual, now)
        if lacking:
            yield Caution(
                f"HARDENING['POLICIES'] {lacking} the role {usual.role!r}, less than the default.",
                hint=f"Add {{'role': {usual.role!r}}} to it. Where a policy of the admin says the "
                "same, anybody who may edit policies can lower it.",
                id="hardening.W018",
            )


def _lacking(held: Sequence[FloorPolicy], usual: FloorPolicy, now: int) -> str:
    """Return what the floor lacks for one role; empty if it asks for as much as the default."""
    if not held:
        return "asks for no second factor of"
    if all(one.due is not None and one.due > now for one in held):
        return "does not yet ask for a second factor of"
    modes = [PasswordMode.from_slug(one.breached_passwords) for one in held]
    if max(modes) < PasswordMode.from_slug(usual.breached_passwords):
        return "does not demand a new password for a breached one of"
    return ""


def time_zones_can_be_told(**_: Any) -> Iterable[CheckMessage]:
    """W019: dates in mails would be in the site's time zone, for everybody."""
    path = None if problems() else conf().TIME_ZONE_OF
    if path is None:
        return
    try:
        said = "" if callable(import_string(path)) else "cannot be called"
    except Exception as fault:  # noqa: BLE001 - a module may fail in any way while it is imported
        said = f"cannot be imported ({type(fault).__name__})"
    if said:
        yield Caution(
            f"HARDENING['TIME_ZONE_OF'] names {path!r}, which {said}.",
            hint="Correct it: the path of a callable that takes a user and returns the name of a "
            "time zone, or None.",
            id="hardening.W019",
        )


def publishers_are_covered(**_: Any) -> Iterable[CheckMessage]:
    """W004: a role that changes what the public sees, and no policy of the floor covers it."""
    if problems():
        return
    covered = {entry.role for entry in conf().POLICIES}
    for role in roles.registered():
        if role.publishes_publicly and not covered & {role.key, "everyone"}:
            yield Caution(
                f"The role {role.key!r} publishes publicly and the floor does not cover it.",
                hint=f"Add {{'role': {role.key!r}}} to HARDENING['POLICIES'], "
                "or enforce a policy in the admin and silence this check.",
                id="hardening.W004",
            )
