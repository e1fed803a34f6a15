"""How a site says which way its mails go: Django 6.1 moved that from `EMAIL_BACKEND` to `MAILERS`.

`EMAIL_BACKEND` still works there, with a deprecation warning, which is an error in these tests.
"""

from __future__ import annotations

import django

OPTION_SETTINGS = {"host": "EMAIL_HOST", "port": "EMAIL_PORT", "file_path": "EMAIL_FILE_PATH"}


def mail_settings(backend: str, **options: object) -> dict[str, object]:
    """Return the settings that send every mail by `backend`, as the installed Django names them.

    Args:
        backend: Dotted path of a mail backend.
        options: What it is told, among `OPTION_SETTINGS`.
    """
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}
    old = {OPTION_SETTINGS[name]: value for name, value in options.items()}
    return {"EMAIL_BACKEND": backend, **old}


def send_by(settings: object, backend: str, **options: object) -> None:
    """Let pytest-django's `settings` send every mail by `backend`."""
    for name, value in mail_settings(backend, **options).items():
        setattr(settings, name, value)
