"""Which of Django's own tests end differently with this app installed, and why that is right.

``.ci/django-suite`` compares this with what happens, both ways: a test that fails and is not here
fails the run, and so does one that is here and passes. ``docs/django-tests.md`` shows it to people;
``tests/house/test_django_suite.py`` compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

BACKENDS = "auth_tests.test_auth_backends"


@dataclass(frozen=True, slots=True)
class Difference:
    """Tests that differ for one reason.

    Attributes:
        what: What differs, in a few words.
        why: The reason, as the documentation gives it.
        tests: Their ids, as unittest writes them.
        since: The first Django that has them.
    """

    what: str
    why: str
    tests: tuple[str, ...]
    since: tuple[int, int] = (5, 2)


def of_user_models(*names: str) -> tuple[str, ...]:
    """Return the ids of tests that Django runs for each of its user models."""
    kinds = ("ModelBackendTest", "ExtensionUserModelBackendTest")
    kinds += ("CustomPermissionsUserModelBackendTest",)
    return tuple(f"{BACKENDS}.{kind}.{name}" for kind in kinds for name in names)


DIFFERENCES = (
    Difference(
        "An inactive account opens nothing",
        "The decision refuses an inactive account before it looks at anything else, whichever "
        "backend vouches for it. Django leaves that to the backend, and these tests use the "
        "backends that let inactive people in, or call `login()` with one.",
        (
            f"{BACKENDS}.AllowAllUsersModelBackendTest.test_get_user",
            "auth_tests.test_login.TestLogin.test_inactive_user",
            "auth_tests.test_remote_user.AllowAllUsersRemoteUserBackendTest.test_inactive_user",
            "auth_tests.test_remote_user.AllowAllUsersRemoteUserBackendTest.test_inactive_user_async",
            "test_client.tests.ClientTest.test_view_with_inactive_force_login",
        ),
    ),
    Difference(
        "ModelBackend beside ours hashes twice",
        "These tests append `ModelBackend` to whatever backends there are and count hashes for a "
        "name that does not exist: each of the two backends computes one. This is what the check "
        "`hardening.E005` forbids on a site.",
        of_user_models("test_authentication_timing", "test_aauthentication_timing"),
    ),
    Difference(
        "Async sign-ins use the sync implementation",
        "These tests look inside Django's own `aauthenticate()`, for the place where it leaves the "
        "event loop to hash. Ours leaves it once, before everything: there is one implementation.",
        of_user_models("test_aauthentication_timing_async_bridge"),
        since=(6, 1),
    ),
    Difference(
        "A user model that is swapped while the process runs",
        "These tests change `AUTH_USER_MODEL` to one with a UUID for a key, after the tables were "
        "made. Our tables then still point at the first model, whose key is a number, so the "
        "account cannot be read and the sign-in does not stand. A site chooses its user model "
        "once; one with a UUID for a key is tested in `tests/sites/uuid_key`.",
        (
            f"{BACKENDS}.UUIDUserTests.test_alogin",
            f"{BACKENDS}.UUIDUserTests.test_login",
            "auth_tests.test_views.UUIDUserTests.test_admin_password_change",
        ),
    ),
    Difference(
        "A name that is not unique is remarked on by another check",
        "Django's `auth.E003` speaks up where `ModelBackend` is the only backend, and becomes the "
        "warning `auth.W004` otherwise, as with ours. `hardening.E012` says it in its place.",
        (
            "auth_tests.test_checks.UserModelChecksTests.test_username_non_unique",
            "auth_tests.test_checks.UserModelChecksTests.test_username_partially_unique",
        ),
    ),
    Difference(
        "A router that keeps our tables away from the users",
        "This test routes all but three of Django's apps to a second database, ours among them, "
        "away from the users they point at. This is what the check `hardening.E010` forbids.",
        ("admin_views.test_multidb.ViewOnSiteTests.test_contenttype_in_separate_db",),
    ),
)


def expected(django: tuple[int, ...]) -> dict[str, Difference]:
    """Return the tests that differ in a Django of this version, with their reasons."""
    here = (one for one in DIFFERENCES if one.since <= django[:2])
    return {test: one for one in here for test in one.tests}
