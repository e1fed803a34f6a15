"""Fill the demo site with people, artists, pages and a little history, and say what to try.

Safe to run again: what exists is left as it is, changed pages and passwords included. The
passwords are printed and public, so the command refuses to run on a site that is not the demo.

It also makes the corpus of breached passwords, of the common ones that Django brings along. A real
site builds it of Pwned Passwords, by the same command.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from project.backstage import demo_crowd, demo_data, demo_past, demo_policies, demo_trend
from project.backstage.models import Artist, ArtistPage, Membership, User
from project.backstage.publishing import Change, publish

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from pathlib import Path

DEFAULT_PORT = "8000"
ACCOUNT_AGE = timedelta(days=400)

LOOKED_UP_ELSEWHERE = """\
and at Pwned Passwords, which sees five digits of a hash; BACKSTAGE_BREACH_API=0 keeps that off."""

WHAT_TO_TRY = """\
What to try at {site}/

1. Sign in as "fan". A password is all it takes: a fan can only hurt a list of favourites.

2. Sign out, then sign in as "manager". The password is right, and yet nothing opens:
   - a code is mailed; mails of this demo land at {site}/mailbox/
   - then an authenticator app is asked for: scan the picture, type the six digits
   - then ten recovery codes are shown, once; say that you have stored them
   - only now does the page open. Edit Night Trams at {site}/artists/night-trams/edit/
   - type for more than five minutes: a code is asked for before it is published, and your text
     is there again afterwards
   - the team gets a mail of what changed; by its link, or in the history, one click takes it back

3. Sign in as "staff" at {site}/admin/. The admin's own sign-in page is guarded as well.
   Enforce the policy for editors, which so far only reports:
   - see who would be stopped at {site}/admin/hardening/rolepolicy/compliance/
   - open the policy for "Artist page editor" there, and choose Mode: Enforce
   - "Save" saves nothing yet: it says who would be stopped, and what each of them meets
   - go back, let it start today with 14 days of grace, look again, then confirm
   - sign in as "editor" in a private window: a banner says by when a factor must be there

4. Help somebody who lost a phone. "drummer" has: sign in, and a code is asked for that nobody has.
   - "operator" has asked for a reset; nobody approves what he asked for himself
   - as "staff", approve it at {site}/admin/hardening/operatorrequest/
   - now "drummer" gets in by the mailbox, and sets up another authenticator
   - a person's page in {site}/admin/backstage/user/ offers the rest ("admin" may do it all)

5. What runs every day, and what lies in the safe; in another terminal:
     .venv-demo/bin/python manage.py hardening_report
     .venv-demo/bin/python manage.py hardening_remind
     .venv-demo/bin/python manage.py hardening_breakglass make
   - the reminders go to those whose date is near, once; run it again and none goes out
   - a break-glass code lets "admin" in for an hour, where a second factor is asked for

6. Sign in as "listener", whose password is in a leaked list. Whoever types it may be a thief:
   - so a code is mailed first, on any browser; then a new password must be chosen
   - "qwerty123456789" is refused beside its field: it is in the list as well
   - a change ends other sessions of "listener", a mail says so, and the next sign-in is quiet
   In another terminal, look a password up, and count, before the change, whose are in the list:
     .venv-demo/bin/python manage.py hardening_corpus check
     .venv-demo/bin/python manage.py hardening_status

7. Guess. Type six wrong passwords for "fan" in a private window:
   - a page says how long to wait, as for a name that nobody has; the right password waits too
     (the first wait is half a minute, and each wrong password after it doubles the next)
   - it offers a link by mail (at {site}/mailbox/), which ends the wait in that window
   - in the window where "fan" has signed in before, "fan" signs in as ever
   - "staff" sees who has to wait, and lifts it, at {site}/admin/hardening/throttlecell/

8. Try stolen passwords from forty addresses; in another terminal:
     .venv-demo/bin/python manage.py attack_backstage
   Attack mode begins: a password alone opens nothing where no code was ever proven before.

9. See what is signed in, and end it. Sign in as "fan" and open Security:
   - two other browsers are signed in; whoever has an authenticator ends them there, and a new
     password ends them too
   - a mail at {site}/mailbox/ tells "fan" of the newer one. Its link works signed out: it freezes
     the account, and "admin" thaws it at {site}/admin/backstage/user/
   - in another terminal end every session of everybody, or of one role:
     .venv-demo/bin/python manage.py hardening_revoke --everybody

10. What happened? Two months are made up, with an attack twelve days ago:
   - as "staff" look at {site}/admin/hardening/securityevent/
   - the log is sealed; change a row in the database, and this finds it:
     .venv-demo/bin/python manage.py hardening_audit verify

11. "make drill" in another terminal attacks this site's login in a throwaway database, with the
   app and without it, and prints what got through. It takes some minutes.

Beside the accounts above there are {crowd} invented people with three months of invented past.
Nobody can sign in as one of them.
No phone at hand? "Can't scan?" on the page shows the key; `oathtool --totp -b KEY` makes codes.
To start afresh, stop the site and delete the folder {data}
"""


class Command(BaseCommand):
    """Seed the demo site; idempotent."""

    help = "Fill the demo site with people, artists and pages, and print what to try."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the port that is printed, for those who do not set `PORT`."""
        parser.add_argument(
            "--port",
            default=os.environ.get("PORT") or DEFAULT_PORT,
            help="the port of the site, in the addresses that are printed (default: PORT or 8000)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is missing and print accounts and suggestions.

        Raises:
            CommandError: If `settings.DEMO` is not true.
        """
        if not settings.DEMO:
            message = "This site is not the demo; accounts with public passwords stay out of it."
            raise CommandError(message)
        now, site = timezone.now(), f"http://localhost:{options['port']}"
        with transaction.atomic(), demo_past.oldest_first():
            seed(now=now)
            demo_crowd.create(now=now)
            demo_trend.draw(now=now)
            demo_past.draw(now=now, site=site)
        build_corpus(settings.BREACH_CORPUS)
        self._print_where_passwords_are_looked_up()
        self._print_accounts()
        crowd = demo_crowd.SIZE
        self.stdout.write(WHAT_TO_TRY.format(site=site, crowd=crowd, data=settings.DATA_DIR))

    def _print_where_passwords_are_looked_up(self) -> None:
        """Say what is asked about passwords, and what leaves this machine."""
        self.stdout.write(f"Passwords are looked up in {settings.BREACH_CORPUS}")
        if settings.BREACH_API:
            self.stdout.write(LOOKED_UP_ELSEWHERE)

    def _print_accounts(self) -> None:
        """Print who can sign in, with which password."""
        self.stdout.write("\nAccounts of the demo")
        for account in demo_data.ACCOUNTS:
            user = User.objects.get(username=account.username)
            known = user.check_password(account.password)
            password = account.password if known else "(changed since)"
            self.stdout.write(f"  {account.username:<8}  {password:<26}  {account.what}")
        self.stdout.write("")


def build_corpus(path: Path) -> None:
    """Build the file of breached passwords at `path`, unless it exists; about a second.

    The settings of this process name it only if it was there when they were read.
    """
    if not path.exists():
        words = str(CommonPasswordValidator().DEFAULT_PASSWORD_LIST_PATH)
        build = ("hardening_corpus", "build", "--words", words, "--path", str(path))
        call_command(*build, stdout=StringIO(), stderr=StringIO())


def seed(*, now: datetime) -> None:
    """Create the accounts, policies, artists, pages and changes that do not exist yet."""
    for account in demo_data.ACCOUNTS:
        _create_account(account, now=now)
    for policy in (demo_policies.MANAGERS, demo_policies.EDITORS):
        demo_policies.create(policy, now=now)
    for spec in demo_data.ARTISTS:
        _create_artist(spec, now=now)
    fan = User.objects.get(username="fan")
    if not fan.follows.exists():
        fan.follows.set(Artist.objects.filter(slug__in=demo_data.FOLLOWED_BY_FAN))


def _create_account(account: demo_data.Account, *, now: datetime) -> None:
    """Create one account with its password and permissions, unless it exists.

    It is no new one: a policy may give those some days.
    """
    user, created = User.objects.get_or_create(
        username=account.username,
        defaults={
            "email": f"{account.username}@backstage.example",
            "is_staff": account.is_staff,
            "is_superuser": account.is_superuser,
            "date_joined": now - ACCOUNT_AGE,
        },
    )
    if not created:
        return
    user.set_password(account.password)
    user.save(update_fields=["password"])
    user.user_permissions.set(_permission(name) for name in account.permissions)


def _permission(name: str) -> Permission:
    """Return the permission called `app_label.codename`.

    Raises:
        Permission.DoesNotExist: If there is none; a typing error would go unseen otherwise.
    """
    app_label, _dot, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)


def _create_artist(spec: demo_data.ArtistSpec, *, now: datetime) -> None:
    """Create one artist with team, page and history, unless it exists."""
    artist, created = Artist.objects.get_or_create(slug=spec.slug, defaults={"name": spec.name})
    if not created:
        return
    for username, role in spec.team.items():
        user = User.objects.get(username=username)
        Membership.objects.create(artist=artist, user=user, role=role)
    ArtistPage.objects.create(artist=artist)
    for version in spec.versions:
        # Read anew each time: a change is based on the version that its author saw.
        publish(
            ArtistPage.objects.get(artist=artist),
            Change(
                version.content,
                author=User.objects.get(username=version.author),
                at=now - timedelta(days=version.days_ago),
            ),
        )
