"""The people, artists and texts of the demo. All of it is invented; the passwords are public.

The trap: these passwords must pass the site's own validators, and must not be ones that people
use, or the check against known breaches would stop the demo's accounts. It is what stops
`BREACHED`, whose password is one of the common ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from project.backstage.models import Content, Motif, Palette


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in.

    Attributes:
        username: Also the local part of the e-mail address.
        password: Public.
        what: What the account is for, in the list that the command prints.
        is_staff: May enter the admin.
        is_superuser: May do everything there.
        permissions: As `app_label.codename`.
    """

    username: str
    password: str
    what: str
    is_staff: bool = False
    is_superuser: bool = False
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a page in its history."""

    author: str
    days_ago: int
    content: Content


@dataclass(frozen=True, slots=True)
class ArtistSpec:
    """An artist, the team by user name, and the page's states, oldest first."""

    slug: str
    name: str
    team: dict[str, str]
    versions: tuple[Version, ...]


# What an operator needs who helps people: none of it edits an account or a policy.
HELPS_PEOPLE = (
    "backstage.view_user",
    "hardening.view_compliance",
    "hardening.view_throttlecell",
    "hardening.lift_throttle",
    "hardening.add_operatorrequest",
    "hardening.approve_request",
    "hardening.add_policywaiver",
    "hardening.change_policywaiver",
    "hardening.view_securityevent",
    "hardening.revoke_sessions",
    "hardening.freeze_account",
    "hardening.send_reset",
)

BREACHED = Account("listener", "ilovemusic", "follows artists; this password is in a leaked list")
# Has a second factor that nobody holds any more; "operator" has asked for its reset.
LOST_PHONE = Account("drummer", "walnut-cipher-83-marsh", "manages Small Weather; lost the phone")

ACCOUNTS = (
    Account("fan", "kelp-orbit-71-saffron", "follows artists; a password is enough"),
    BREACHED,
    Account("manager", "plinth-umber-38-cicada", "manages Night Trams and Small Weather"),
    Account("editor", "fjord-nutmeg-54-lattice", "edits Night Trams and Velvet Aerial"),
    LOST_PHONE,
    Account(
        "operator",
        "gravel-monsoon-27-plume",
        "helps people who are locked out, in the admin",
        is_staff=True,
        permissions=HELPS_PEOPLE,
    ),
    Account(
        "staff",
        "quartz-thimble-92-heron",
        "sets policies, and looks after artists, teams and people in the admin",
        is_staff=True,
        permissions=(
            *HELPS_PEOPLE,
            "backstage.view_artist",
            "backstage.add_artist",
            "backstage.change_artist",
            "backstage.view_membership",
            "backstage.add_membership",
            "backstage.change_membership",
            "backstage.delete_membership",
            "backstage.view_revision",
            "hardening.view_rolepolicy",
            "hardening.change_rolepolicy",
        ),
    ),
    Account(
        "admin",
        "bramble-sextant-16-ochre",
        "superuser; may do everything in the admin",
        is_staff=True,
        is_superuser=True,
    ),
)

FOLLOWED_BY_FAN = ("night-trams", "salt-harbour-choir")

_NIGHT_TRAMS_FIRST = (
    "Night Trams began on the last service of line 9, with one keyboard and a borrowed amplifier."
    "\n\n"
    "They play where the rails end."
)
_NIGHT_TRAMS_NOW = (
    "Night Trams began on the last service of line 9, with one keyboard and a borrowed amplifier. "
    "Four years and two records later they still rehearse in the depot."
    "\n\n"
    "They play where the rails end."
    "\n\n"
    "Their third record, Sparks on the Wire, is out in spring."
)
_SALT_HARBOUR = (
    "Eighteen voices from both sides of a harbour, one of them always late for the ferry."
    "\n\n"
    "They sing work songs, weather reports and the timetable of the ferry."
)
_VELVET_AERIAL = (
    "A duo for modular synthesiser and cello. Recorded on rooftops, mixed in the stairwell."
)
_SMALL_WEATHER = (
    "Quiet songs about loud rain."
    "\n\n"
    "Small Weather tours by bicycle and plays no venue with more than sixty chairs."
)

ARTISTS = (
    ArtistSpec(
        slug="night-trams",
        name="Night Trams",
        team={"manager": "manager", "editor": "editor"},
        versions=(
            Version(
                "manager",
                61,
                Content(
                    "Songs for the last service",
                    _NIGHT_TRAMS_FIRST,
                    Motif.TRAM.value,
                    Palette.SLATE.value,
                ),
            ),
            Version(
                "editor",
                9,
                Content(
                    "Songs for the last service",
                    _NIGHT_TRAMS_NOW,
                    Motif.TRAM.value,
                    Palette.AMBER.value,
                ),
            ),
            Version(
                "manager",
                2,
                Content(
                    "Songs for the last service. On tour from March",
                    _NIGHT_TRAMS_NOW,
                    Motif.TRAM.value,
                    Palette.AMBER.value,
                ),
            ),
        ),
    ),
    ArtistSpec(
        slug="salt-harbour-choir",
        name="Salt Harbour Choir",
        team={},
        versions=(
            Version(
                "admin",
                40,
                Content(
                    "Eighteen voices and a ferry",
                    _SALT_HARBOUR,
                    Motif.TIDE.value,
                    Palette.TEAL.value,
                ),
            ),
        ),
    ),
    ArtistSpec(
        slug="small-weather",
        name="Small Weather",
        team={"manager": "manager", "drummer": "manager"},
        versions=(
            Version(
                "manager",
                33,
                Content(
                    "Quiet songs about loud rain",
                    _SMALL_WEATHER,
                    Motif.RAIN.value,
                    Palette.SLATE.value,
                ),
            ),
        ),
    ),
    ArtistSpec(
        slug="velvet-aerial",
        name="Velvet Aerial",
        team={"editor": "editor"},
        versions=(
            Version(
                "editor",
                21,
                Content(
                    "Rooftop recordings",
                    _VELVET_AERIAL,
                    Motif.AERIAL.value,
                    Palette.ROSE.value,
                ),
            ),
        ),
    ),
)
