"""Mails into files, for the tests to read; deployments are warned of Django's own backend."""

from __future__ import annotations

from django.core.mail.backends.filebased import EmailBackend


class Files(EmailBackend):
    """One file for each connection."""
