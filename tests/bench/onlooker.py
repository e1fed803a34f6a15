"""Another process of the site: it holds the policies, and says what somebody's request answers.

One line at the start, and one more for each line that comes in.
"""

from __future__ import annotations

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.people_settings"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - Django first
from django.test import Client  # noqa: E402

PAGE = "/reads-user/"


def main(name: str) -> None:
    """Sign somebody in as the site itself does, and answer."""
    client = Client()
    client.force_login(get_user_model().objects.get(username=name))
    while True:
        answer = client.get(PAGE)
        sys.stdout.write(
            f"{answer.status_code} {answer.headers.get('Location', '')}".strip() + "\n"
        )
        sys.stdout.flush()
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main(sys.argv[1])
