"""Mails into files, for the tests to read; Django 6.1 warns a deployment of its own such backend."""

from __future__ import annotations

from django.core.mail.backends.filebased import EmailBackend


class Files(EmailBackend):
    """One file for each connection."""
