"""What is committed together, and what waits for it, in the database that holds our rows."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, transaction

from hardening.flows import notices
from hardening.models import RolePolicy, SiteState
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import NOW

pytestmark = pytest.mark.django_db(databases=["default", "accounts"], transaction=True)

ROLE = "group:auditors"


@pytest.fixture(autouse=True)
def _no_policies():
    """Begin without the policy of the site's own migration, whichever test comes first."""
    RolePolicy.objects.all().delete()


@pytest.fixture
def auditor(fan):
    """Return somebody signed in whom a policy of the auditors would cover."""
    fan.user.groups.add(Group.objects.create(name="auditors"))
    fan.sign_in()
    assert fan.is_signed_in()
    return fan


def revision():
    return SiteState.objects.values_list("policy_revision", flat=True).first() or 0


def a_policy(**values):
    return RolePolicy(role=ROLE, mode=Mode.ENFORCE, starts_at=moment(NOW), **values)


def test_a_mail_waits_for_the_commit(fan):
    with transaction.atomic(using="accounts"):
        notices.tell(fan.user, "password_changed", {}, now=NOW)
        assert mail.outbox == []
    assert len(mail.outbox) == 1


def test_a_mail_about_what_was_rolled_back_is_never_sent(fan):
    with transaction.atomic(using="accounts"):
        notices.tell(fan.user, "password_changed", {}, now=NOW)
        transaction.set_rollback(True, using="accounts")
    assert mail.outbox == []


def test_a_policy_that_is_refused_moves_no_revision():
    a_policy().save()
    before = revision()
    with pytest.raises(IntegrityError):
        a_policy().save()
    assert revision() == before


WRITES = {
    "save": lambda: a_policy().save(),
    "save with using": lambda: a_policy().save(using="accounts"),
    "create": lambda: RolePolicy.objects.create(
        role=ROLE, mode=Mode.ENFORCE, starts_at=moment(NOW)
    ),
    "bulk_create": lambda: RolePolicy.objects.bulk_create([a_policy()]),
    "get_or_create": lambda: RolePolicy.objects.get_or_create(
        role=ROLE, defaults={"mode": Mode.ENFORCE, "starts_at": moment(NOW)}
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_policy_acts_at_once_however_it_is_written(auditor, write):
    write()
    assert not auditor.is_signed_in()


CHANGES = {
    "update": lambda: RolePolicy.objects.update(mode=Mode.OFF),
    "bulk_update": lambda: RolePolicy.objects.bulk_update(
        [RolePolicy(pk=row.pk, mode=Mode.OFF) for row in RolePolicy.objects.all()], ["mode"]
    ),
    "update_or_create": lambda: RolePolicy.objects.update_or_create(
        role=ROLE, defaults={"mode": Mode.OFF, "starts_at": moment(NOW)}
    ),
    "delete of a row": lambda: RolePolicy.objects.get().delete(),
    "delete of a query": lambda: RolePolicy.objects.all().delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_policy_stops_acting_at_once_however_it_is_changed(auditor, change):
    a_policy().save()
    assert not auditor.is_signed_in()
    change()
    auditor.sign_in()
    assert auditor.is_signed_in()


def test_a_fixture_acts_at_once(auditor, tmp_path):
    fields = {"role": ROLE, "mode": "enforce", "strength": "any", "starts_at": "2026-01-01T00:00Z"}
    fixture = tmp_path / "policies.json"
    fixture.write_text(json.dumps([{"model": "hardening.rolepolicy", "pk": 7, "fields": fields}]))
    call_command("loaddata", str(fixture), database="accounts", verbosity=0)
    assert not auditor.is_signed_in()


def migrate(*target, database="accounts"):
    call_command("migrate", *target, database=database, verbosity=0)


@pytest.fixture
def _migrated_again():
    yield
    for database in ("default", "accounts"):
        migrate(database=database)


@pytest.mark.usefixtures("_migrated_again")
def test_a_data_migration_acts_at_once(auditor):
    migrate("two_databases", "zero")
    assert auditor.is_signed_in()
    migrate("two_databases", "0001")
    assert RolePolicy.objects.get().role == ROLE
    assert not auditor.is_signed_in()
    migrate("two_databases", "zero")
    auditor.sign_in()
    assert auditor.is_signed_in()


def test_a_migrate_that_does_nothing_moves_no_revision():
    a_policy().save()
    before = revision()
    migrate()
    assert revision() == before


@pytest.mark.usefixtures("_migrated_again")
def test_a_migration_of_another_database_moves_no_revision():
    a_policy().save()
    before = revision()
    migrate("two_databases", "zero", database="default")
    migrate("two_databases", "0001", database="default")
    assert revision() == before


@pytest.mark.usefixtures("_migrated_again")
def test_without_policies_a_migration_writes_no_row():
    migrate("hardening", "zero")
    migrate("hardening")
    assert not SiteState.objects.exists()
