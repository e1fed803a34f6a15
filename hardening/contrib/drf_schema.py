"""How `hardening.contrib.drf` describes itself to drf-spectacular, so that a schema names it.

Importing this module registers the descriptions. They are drf-spectacular's own for the classes
ours are made of: what a client has to send is the same.
"""

from __future__ import annotations

from drf_spectacular.authentication import BasicScheme, SessionScheme, TokenScheme

MODULE = "hardening.contrib.drf"


class HardeningSessionScheme(SessionScheme):
    """The session cookie."""

    target_class = f"{MODULE}.SessionAuthentication"
    match_subclasses = True
    priority = 0


class HardeningBasicScheme(BasicScheme):
    """Name and password."""

    target_class = f"{MODULE}.BasicAuthentication"
    match_subclasses = True
    priority = 0


class HardeningTokenScheme(TokenScheme):
    """The key of a token, after its keyword."""

    target_class = f"{MODULE}.TokenAuthentication"
    priority = 0
