"""Hashers a host may bring along."""

from __future__ import annotations

from django.contrib.auth.hashers import BasePasswordHasher, MD5PasswordHasher

from hardening.hashers import Argon2idHasher


class Quick(MD5PasswordHasher):
    """What tests often use, under a name of the site's own."""

    algorithm = "quick"


class UnsaltedSHA1(BasePasswordHasher):
    """Django's own of long ago, which sites have copied."""

    algorithm = "unsalted_sha1"


class TheirArgon2(BasePasswordHasher):
    """Argon2 by somebody else, who does not inherit from Django's."""

    algorithm = "their_argon2"


class Sturdy(Argon2idHasher):
    """Ours, at costs of the site's own."""

    time_cost = 4
