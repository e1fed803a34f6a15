"""Settings: every key known, every mistake said at once, nothing secret in what is said."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from hardening import conf as module
from hardening.conf import Conf, FloorPolicy, conf, limits, problems, readers, site_secrets
from hardening.core.backoff import Backoff
from hardening.core.limits import Limits
from hardening.core.throttle import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from hardening.core.values import PasswordMode

SECRET = "a-vault-key-that-nobody-should-ever-read"
STORE = "redis://:hunter2@127.0.0.1:6379/0"


def spelled(limits: Limits) -> dict[str, object]:
    """These limits as somebody writes them into the settings."""
    rates = {
        name: [f"{rule.limit}/{rule.period_us // MINUTE_US}m" for rule in getattr(limits, name)]
        for name in ("address", "device", "codes", "mails", "mails_address")
    }
    account = limits.account
    waits = {
        "free": account.free,
        "first_seconds": account.first_us // SECOND_US,
        "longest_seconds": account.longest_us // SECOND_US,
        "cap": account.cap,
    }
    return {**rates, "account": waits}


def numbers(rules: object) -> list[tuple[int, int]]:
    """Limits and periods; the names only tell the rules of one key apart."""
    return [(rule.limit, rule.period_us) for rule in rules]


def told(**given: object) -> list[str]:
    """What is said about these settings."""
    with override_settings(HARDENING=given):
        return problems()


def test_a_site_that_sets_nothing_gets_the_defaults(settings) -> None:
    with override_settings(HARDENING={}):  # which is what `conf` hears of, before and after
        del settings.HARDENING
        assert conf() == Conf()
        assert problems() == []


def test_staff_and_superusers_are_covered_by_default() -> None:
    with override_settings(HARDENING={}):
        assert conf().ENFORCE is True
        floor = conf().POLICIES
        assert floor == (FloorPolicy("staff"), FloorPolicy("superuser"))


def test_every_key_of_conf_can_be_set_and_no_other() -> None:
    names = {field.name for field in dataclasses.fields(Conf)}
    assert names == set(module._READERS)
    policy = {field.name for field in dataclasses.fields(FloorPolicy)}
    assert policy == set(readers._POLICY_READERS)
    throttle = {field.name for field in dataclasses.fields(Limits)}
    assert throttle == set(limits._LIMIT_READERS)
    backoff = {limits._BACKOFF_NAMES[name] for name in limits._BACKOFF_READERS}
    assert backoff == {field.name for field in dataclasses.fields(Backoff)}


def test_every_default_is_a_value_one_could_set() -> None:
    spelled_out = {"THROTTLE": spelled(Limits()), "BREACHED_PASSWORDS": "warn"}
    defaults = dataclasses.asdict(Conf()) | spelled_out
    with override_settings(HARDENING=defaults):
        read = conf()
    assert spelled(read.THROTTLE) == spelled(Limits())
    assert dataclasses.replace(read, THROTTLE=Limits()) == Conf()


def test_what_is_set_is_what_is_read() -> None:
    given = {
        "ENFORCE": False,
        "ISSUER": "Backstage",
        "POLICIES": [
            {
                "role": "everyone",
                "strength": "phishing-resistant",
                "due": "2027-01-31",
                "breached_passwords": "warn",
            }
        ],
        "VAULT_KEYS": [SECRET],
        "PARKED_LOGIN_SECONDS": 60,
        "STEP_UP_SECONDS": 30,
        "SESSION_IDLE_SECONDS": 900,
        "SESSION_ABSOLUTE_SECONDS": 43_200,
        "SESSION_PARALLEL": 3,
        "AUDIT_RETENTION_DAYS": 90,
        "TRUSTED_PROXIES": ["10.0.0.0/8", "fd00::1/128"],
        "TRUSTED_PROXY_COUNT": 2,
        "THROTTLE_STORE": STORE,
        "THROTTLE_WORKERS": 16,
        "DEVICE_COOKIE_DAYS": 30,
        "CHALLENGE": "site.challenges.Own",
        "PEPPER_KEYS": [SECRET],
        "BREACHED_PASSWORDS": "report",
        "BREACH_SOURCES": ["api", "site.sources.Own", "corpus"],
        "BREACH_API_URL": "https://pwned.example/mirror",
        "BREACH_TIMEOUT_SECONDS": 2.5,
        "BREACH_CORPUS": "/srv/pwned.corpus",
        "BREACH_CACHE": "breach",
        "MAIL_FROM": "Backstage <security@example.com>",
        "BASE_TEMPLATE": "base.html",
        "SUPPORT": "Ask at the box office.\nOr call.",
        "TIME_ZONE_OF": "site.clocks.zone_of",
    }
    due = int(datetime(2027, 1, 31, tzinfo=UTC).timestamp())
    with override_settings(HARDENING=given):
        read = conf()
    floor = read.POLICIES
    assert floor == (FloorPolicy("everyone", "phishing-resistant", due, "warn"),)
    assert read.VAULT_KEYS == (SECRET,)
    assert read.BREACHED_PASSWORDS is PasswordMode.REPORT
    for key in set(given) - {"POLICIES", "VAULT_KEYS", "BREACHED_PASSWORDS"}:
        wanted = given[key]
        assert getattr(read, key) == (tuple(wanted) if isinstance(wanted, list) else wanted)


def test_the_limits_that_are_named_differ_and_the_others_stay() -> None:
    given = {"address": ["5/90s", "20/2h"], "account": {"free": 3, "cap": 50}}
    with override_settings(HARDENING={"THROTTLE": given}):
        read = conf().THROTTLE
    assert numbers(read.address) == [(5, 90 * SECOND_US), (20, 2 * HOUR_US)]
    assert read.account == Backoff(free=3, cap=50)
    assert numbers(read.net) == [(25, 90 * SECOND_US), (100, 2 * HOUR_US)]  # of those addresses
    usual = dataclasses.replace(read, address=Limits().address, net=Limits().net, account=Backoff())
    assert usual == Limits()


def test_a_net_has_its_own_limits_where_they_are_named_and_never_beyond_what_is_counted() -> None:
    given = {"address": ["1000000/d"], "net": ["7/h"]}
    with override_settings(HARDENING={"THROTTLE": given}):
        assert numbers(conf().THROTTLE.net) == [(7, HOUR_US)]
    del given["net"]
    with override_settings(HARDENING={"THROTTLE": given}):
        assert numbers(conf().THROTTLE.net) == [(1_000_000, DAY_US)]


@pytest.mark.parametrize(
    "rate, limit, period",
    [
        ("1/s", 1, SECOND_US),
        ("10/5m", 10, 5 * MINUTE_US),
        ("30/h", 30, HOUR_US),
        ("100/d", 100, DAY_US),
        ("1000000/366d", 1_000_000, 366 * DAY_US),
    ],
)
def test_a_rate_is_so_many_in_so_long(rate: str, limit: int, period: int) -> None:
    with override_settings(HARDENING={"THROTTLE": {"device": [rate]}}):
        assert numbers(conf().THROTTLE.device) == [(limit, period)]


@pytest.mark.parametrize(
    "network, read",
    [("10.0.0.1", "10.0.0.1/32"), ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("FD00::/8", "fd00::/8")],
)
def test_a_proxy_is_a_network_or_a_single_address(network: str, read: str) -> None:
    with override_settings(HARDENING={"TRUSTED_PROXIES": [network]}):
        proxies = conf().TRUSTED_PROXIES
    assert proxies == (read,)


@pytest.mark.parametrize(
    "store",
    ["database", STORE, "rediss://cache.example.com", "unix:///run/redis.sock", "shop.stores.Ours"],
)
def test_a_store_is_the_database_a_redis_or_a_dotted_path(store: str) -> None:
    with override_settings(HARDENING={"THROTTLE_STORE": store}):
        named = conf().THROTTLE_STORE
    assert named == store


@pytest.mark.parametrize("mode", PasswordMode)
def test_each_mode_has_its_word(mode: PasswordMode) -> None:
    assert PasswordMode.from_slug(mode.slug) is mode
    with override_settings(HARDENING={"BREACHED_PASSWORDS": mode.slug}):
        assert conf().BREACHED_PASSWORDS is mode


def test_a_word_that_names_no_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown mode 'loud'"):
        PasswordMode.from_slug("loud")


@pytest.mark.parametrize(
    "url, read",
    [
        ("https://pwned.example/", "https://pwned.example"),
        ("https://pwned.example/mirror//", "https://pwned.example/mirror"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
    ],
)
def test_an_address_of_an_api_ends_without_a_slash(url: str, read: str) -> None:
    with override_settings(HARDENING={"BREACH_API_URL": url}):
        assert read == conf().BREACH_API_URL


@pytest.mark.parametrize("seconds", [0.1, 1, 10])
def test_a_timeout_need_not_be_whole(seconds: float) -> None:
    with override_settings(HARDENING={"BREACH_TIMEOUT_SECONDS": seconds}):
        read = conf().BREACH_TIMEOUT_SECONDS
    assert (read, type(read)) == (float(seconds), float)


@pytest.mark.parametrize("path", ["/srv/pwned.corpus", Path("/srv/pwned.corpus")], ids=repr)
def test_a_corpus_is_named_by_any_kind_of_path(path: object) -> None:
    with override_settings(HARDENING={"BREACH_CORPUS": path}):
        assert conf().BREACH_CORPUS == "/srv/pwned.corpus"


def test_no_source_but_the_one_that_is_always_there_is_a_choice() -> None:
    with override_settings(HARDENING={"BREACH_SOURCES": []}):
        assert conf().BREACH_SOURCES == ()


def test_an_empty_floor_is_a_choice() -> None:
    with override_settings(HARDENING={"POLICIES": []}):
        assert conf().POLICIES == ()


def test_a_test_may_override_and_the_old_settings_come_back() -> None:
    before = conf()
    with override_settings(HARDENING={"STEP_UP_SECONDS": 7}):
        assert conf().STEP_UP_SECONDS == 7
        with override_settings(HARDENING={"STEP_UP_SECONDS": 8}):
            assert conf().STEP_UP_SECONDS == 8
        assert conf().STEP_UP_SECONDS == 7
    assert conf() == before


def test_other_settings_do_not_make_it_read_again() -> None:
    before = conf()
    with override_settings(SITE_ID=7):
        assert conf() is before


def test_repr_shows_no_key() -> None:
    secret = {"VAULT_KEYS": [SECRET], "PEPPER_KEYS": [SECRET[::-1]], "THROTTLE_STORE": STORE}
    with override_settings(HARDENING=secret):
        shown = repr(conf())
    for hidden in (SECRET, SECRET[::-1], "hunter2", *secret):
        assert hidden not in shown


def test_conf_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        conf().ENFORCE = False


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize("given", [None, [], "ENFORCE", True])
def test_settings_that_are_no_dict_are_an_error(given) -> None:
    with override_settings(HARDENING=given):
        assert len(problems()) == 1
        assert problems()[0].startswith("HARDENING must be a dict, not ")
        with pytest.raises(ImproperlyConfigured):
            conf()


@pytest.mark.parametrize(
    "typo, meant",
    [
        ("POLICY", "POLICIES"),
        ("ENFORCED", "ENFORCE"),
        ("enforce", "ENFORCE"),
        ("Vault_Key", "VAULT_KEYS"),
    ],
)
def test_a_typo_is_an_error_with_a_suggestion(typo: str, meant: str) -> None:
    assert told(**{typo: True}) == [
        f"HARDENING has an unknown key {typo!r}. Did you mean {meant!r}?"
    ]


@pytest.mark.parametrize("key", ["XYZZY", 7, None, ("ENFORCE",)])
def test_a_key_like_no_other_is_answered_with_the_list(key: object) -> None:
    with override_settings(HARDENING={key: True}):
        (said,) = problems()
    assert "unknown key" in said
    if key == "XYZZY":
        assert "Known are: ENFORCE, ISSUER, " in said


def test_a_key_of_a_later_release_is_no_silent_promise() -> None:
    assert told(BREACH_SOURCE="api")


WRONG = [
    ("ENFORCE", "False", "must be True or False, not a value of type str"),
    ("ENFORCE", 0, "must be True or False, not a value of type int"),
    ("ENFORCE", None, "must be True or False, not None"),
    ("ISSUER", 7, "must be a string, not a value of type int"),
    ("ISSUER", "", "must not be empty"),
    ("ISSUER", " : ", "must not be empty"),
    ("ISSUER", "Back\nstage", "without control characters"),
    ("POLICIES", {"role": "staff"}, "must be a list of dicts, not a value of type dict"),
    (
        "POLICIES",
        ["staff"],
        '[0] must be a dict such as {"role": "staff"}, not a value of type str',
    ),
    ("POLICIES", [{}], '[0] must name a "role"'),
    ("POLICIES", [{"role": ""}], '[0]["role"] must not be empty'),
    ("POLICIES", [{"role": None}], '[0]["role"] must be a string, not None'),
    ("POLICIES", [{"role": "staff", "strength": "none"}], "must be one of any, phishing-resistant"),
    ("POLICIES", [{"role": "staff", "strength": ["any"]}], '["strength"] must be one of any'),
    ("POLICIES", [{"role": "staff", "due": "soon"}], '["due"] must be a date'),
    ("POLICIES", [{"role": "staff", "due": "2027-02-30"}], '["due"] must be a date'),
    (
        "POLICIES",
        [{"role": "staff", "due": 1}],
        '["due"] must be a string, not a value of type int',
    ),
    ("POLICIES", [{"role": "a", "strenght": "any"}], "Did you mean 'strength'?"),
    ("VAULT_KEYS", SECRET, "must be a list of strings, not a value of type str"),
    ("VAULT_KEYS", [SECRET, None], "[1] must be a string, not None"),
    ("VAULT_KEYS", [SECRET, SECRET.encode()], "[1] must be a string, not a value of type bytes"),
    ("VAULT_KEYS", ["k" * 31], "[0] must have 32 characters or more"),
    ("VAULT_PROVIDER", "keys", "must be a dotted path"),
    ("VAULT_PROVIDER", "site..keys", "must be a dotted path"),
    ("VAULT_PROVIDER", len, "must be a string"),
    ("PARKED_LOGIN_SECONDS", "600", "must be a whole number of seconds, not a value of type str"),
    ("PARKED_LOGIN_SECONDS", 600.0, "must be a whole number of seconds, not a value of type float"),
    ("PARKED_LOGIN_SECONDS", True, "must be a whole number of seconds, not a value of type bool"),
    ("PARKED_LOGIN_SECONDS", 0, "must be from 1 to 3600 seconds"),
    ("STEP_UP_SECONDS", -1, "must be from 1 to 86400 seconds"),
    ("STEP_UP_SECONDS", 10**9, "must be from 1 to 86400 seconds"),
    ("SESSION_IDLE_SECONDS", 59, "must be from 60 to 31536000 seconds"),
    ("SESSION_IDLE_SECONDS", "900", "must be a whole number of seconds, not a value of type str"),
    ("SESSION_ABSOLUTE_SECONDS", 899, "must be from 900 to 31536000 seconds"),
    ("SESSION_PARALLEL", 0, "must be from 1 to 100"),
    ("SESSION_PARALLEL", True, "must be a whole number, not a value of type bool"),
    ("AUDIT_RETENTION_DAYS", -1, "must be from 0 to 3650"),
    ("AUDIT_RETENTION_DAYS", None, "must be a whole number, not None"),
    ("TRUSTED_PROXIES", "10.0.0.0/8", "must be a list of networks such as '10.0.0.0/8', not a"),
    ("TRUSTED_PROXIES", ["10.0.0.1/8"], "[0]: 10.0.0.1/8 has host bits set"),
    ("TRUSTED_PROXIES", ["10.0.0.1", "nginx"], "[1]: 'nginx' does not appear to be an IPv4 or"),
    ("TRUSTED_PROXIES", ["fe80::1%eth0"], "[0]: 'fe80::1%eth0' has a zone"),
    ("TRUSTED_PROXIES", ["0.0.0.0/0"], "[0] is everybody: any client could then name its own"),
    ("TRUSTED_PROXIES", ["::/0"], "[0] is everybody"),
    ("TRUSTED_PROXIES", ["::ffff:0:0/96"], "[0] is everybody"),
    ("TRUSTED_PROXIES", [7], "[0] must be a string, not a value of type int"),
    ("TRUSTED_PROXY_COUNT", "1", "must be a whole number, not a value of type str"),
    ("TRUSTED_PROXY_COUNT", True, "must be a whole number, not a value of type bool"),
    ("TRUSTED_PROXY_COUNT", -1, "must be from 0 to 16"),
    ("TRUSTED_PROXY_COUNT", 17, "must be from 0 to 16"),
    ("THROTTLE_STORE", None, "must be a string, not None"),
    ("THROTTLE_STORE", "cache", "must be 'database', a 'redis://' URL or the dotted path of a"),
    ("THROTTLE_STORE", "memcached://127.0.0.1", "must be 'database', a 'redis://' URL or the"),
    ("THROTTLE_STORE", "redis://\n", "must be one line without control characters"),
    ("THROTTLE", ["10/5m"], "must be a dict, not a value of type list"),
    (
        "THROTTLE",
        {"addressx": ["10/5m"]},
        "THROTTLE has an unknown key 'addressx'. Did you mean 'add",
    ),
    ("THROTTLE", {"address": "10/5m"}, '["address"] must be a list of rates such as'),
    ("THROTTLE", {"address": []}, '["address"] must hold 1 to 3 rates'),
    ("THROTTLE", {"address": ["1/s"] * 4}, '["address"] must hold 1 to 3 rates'),
    ("THROTTLE", {"codes": [10]}, '["codes"][0] must be a string, not a value of type int'),
    ("THROTTLE", {"codes": ["5/m", "0/m"]}, "[1] must be a rate such as '10/5m', '30/h' or"),
    ("THROTTLE", {"codes": ["10/5min"]}, "[0] must be a rate such as"),
    ("THROTTLE", {"codes": ["10 / m"]}, "[0] must be a rate such as"),
    ("THROTTLE", {"codes": ["1000001/d"]}, "[0] must be 1000000 at most, in 366 days at most"),
    ("THROTTLE", {"codes": ["5/367d"]}, "[0] must be 1000000 at most, in 366 days at most"),
    ("THROTTLE", {"account": 5}, '["account"] must be a dict, not a value of type int'),
    ("THROTTLE", {"account": {"fre": 5}}, "an account's limit has an unknown key 'fre'. Did you"),
    ("THROTTLE", {"account": {"free": 0}}, '["account"]["free"] must be from 1 to 1000000'),
    ("THROTTLE", {"account": {"cap": None}}, '["account"]["cap"] must be a whole number, not'),
    ("THROTTLE", {"account": {"free": 101}}, '["account"] must have no more free tries than its'),
    ("THROTTLE", {"account": {"first_seconds": 3601}}, "and no first wait above the longest"),
    ("THROTTLE", {"account": {"longest_seconds": 86_401}}, "must be from 1 to 86400"),
    ("THROTTLE_WORKERS", 0, "must be from 1 to 1000"),
    ("THROTTLE_WORKERS", 2.0, "must be a whole number, not a value of type float"),
    ("DEVICE_COOKIE_DAYS", 401, "must be from 1 to 400"),
    ("DEVICE_COOKIE_DAYS", None, "must be a whole number, not None"),
    ("PEPPER_KEYS", SECRET, "must be a list of strings, not a value of type str"),
    ("PEPPER_KEYS", ["k" * 31], "[0] must have 32 characters or more"),
    (
        "POLICIES",
        [{"role": "staff", "breached_passwords": "demand"}],
        '["breached_passwords"] must be one of off, report, warn, enforce',
    ),
    ("POLICIES", [{"role": "staff", "breached_passwords": None}], "must be one of off, report"),
    ("BREACHED_PASSWORDS", "on", "must be one of off, report, warn, enforce"),
    ("BREACHED_PASSWORDS", False, "must be one of off, report, warn, enforce"),
    ("BREACHED_PASSWORDS", ["warn"], "must be one of off, report, warn, enforce"),
    ("BREACHED_PASSWORDS", "WARN", "must be one of off, report, warn, enforce"),
    ("BREACH_SOURCES", "api", "must be a list of names of sources, not a value of type str"),
    ("BREACH_SOURCES", ["apis"], "[0] must be one of local, corpus, api or the dotted path of a"),
    ("BREACH_SOURCES", ["api", ""], "[1] must be one of local, corpus, api or the dotted path"),
    ("BREACH_SOURCES", [None], "[0] must be a string, not None"),
    ("BREACH_SOURCES", ["api", "corpus", "api"], "names a source twice"),
    ("BREACH_API_URL", None, "must be a string, not None"),
    ("BREACH_API_URL", "", "must be an address such as 'https://pwned.example'"),
    ("BREACH_API_URL", "pwned.example", "must be an address such as"),
    ("BREACH_API_URL", "ftp://pwned.example", "must be an address such as"),
    ("BREACH_API_URL", "https://", "must be an address such as"),
    ("BREACH_API_URL", "https://[", "must be an address such as"),
    ("BREACH_API_URL", "https://pwned.example:many", "must be an address such as"),
    ("BREACH_API_URL", "https://pwned.example?key=1", "must have no user, no query and no"),
    ("BREACH_API_URL", "https://pwned.example#top", "must have no user, no query and no"),
    ("BREACH_API_URL", "https://me@pwned.example", "must have no user, no query and no"),
    ("BREACH_API_URL", "https://:key@pwned.example", "must have no user, no query and no"),
    ("BREACH_API_URL", "https://pwned.example\n", "without control characters"),
    ("BREACH_TIMEOUT_SECONDS", "1", "must be a number of seconds, not a value of type str"),
    ("BREACH_TIMEOUT_SECONDS", True, "must be a number of seconds, not a value of type bool"),
    ("BREACH_TIMEOUT_SECONDS", None, "must be a number of seconds, not None"),
    ("BREACH_TIMEOUT_SECONDS", 0, "must be from 0.1 to 10.0 seconds"),
    ("BREACH_TIMEOUT_SECONDS", 10.5, "must be from 0.1 to 10.0 seconds"),
    ("BREACH_TIMEOUT_SECONDS", float("nan"), "must be from 0.1 to 10.0 seconds"),
    ("BREACH_TIMEOUT_SECONDS", float("inf"), "must be from 0.1 to 10.0 seconds"),
    ("BREACH_CORPUS", "pwned.corpus", "must be an absolute path"),
    ("BREACH_CORPUS", "", "must be an absolute path"),
    ("BREACH_CORPUS", Path("pwned.corpus"), "must be an absolute path"),
    ("BREACH_CORPUS", b"/srv/pwned.corpus", "must be a path, not a value of type bytes"),
    ("BREACH_CORPUS", 7, "must be a path, not a value of type int"),
    ("BREACH_CORPUS", "/srv/pwned\0", "must be one line without control characters"),
    ("BREACH_CACHE", "", "must not be empty"),
    ("BREACH_CACHE", ["default"], "must be a string, not a value of type list"),
    ("MAIL_FROM", "", "must not be empty"),
    ("MAIL_FROM", "a@example.com\nBcc: b@example.com", "without control characters"),
    ("BASE_TEMPLATE", None, "must be a string, not None"),
    ("BASE_TEMPLATE", " ", "must not be empty"),
    ("SUPPORT", None, "must be a string, not None"),
]


@pytest.mark.parametrize("key, value, said", WRONG)
def test_a_wrong_value_is_named_with_its_key(key: str, value: object, said: str) -> None:
    (mistake,) = told(**{key: value})
    assert mistake.startswith(f'HARDENING["{key}"]')
    assert said in mistake
    with override_settings(HARDENING={key: value}), pytest.raises(ImproperlyConfigured):
        conf()


def test_every_mistake_is_said_at_once() -> None:
    given = {
        "ENFORCE": "yes",
        "ENFROCE": True,
        "POLICIES": [
            {"role": "staff", "strength": "some", "due": "soon", "grace": 3},
            {"strength": "any"},
        ],
        "VAULT_KEYS": ["short", "brief"],
        "STEP_UP_SECONDS": 0,
    }
    said = told(**given)
    assert len(said) == 9
    with override_settings(HARDENING=given), pytest.raises(ImproperlyConfigured) as raised:
        conf()
    assert str(raised.value).splitlines() == said


def test_what_is_said_about_a_vault_key_does_not_show_it() -> None:
    keys = ["a-short-secret", SECRET, 712_045]
    given = {"VAULT_KEYS": keys, "VAULT_PROVIDER": SECRET, "PEPPER_KEYS": keys}
    said = "\n".join(told(**given))
    assert said
    for secret in ("a-short-secret", SECRET, "712045"):
        assert secret not in said


@pytest.mark.parametrize("store", ["redis:/:hunter2@cache", ":hunter2@cache", "hunter2"])
def test_what_is_said_about_a_store_does_not_show_its_password(store: str) -> None:
    (said,) = told(THROTTLE_STORE=store)
    assert "hunter2" not in said


def test_what_is_said_about_an_api_does_not_show_its_key() -> None:
    for url in ("https://:hunter2@pwned.example", "https://pwned.example?key=hunter2"):
        (said,) = told(BREACH_API_URL=url)
        assert "hunter2" not in said


def test_two_sources_of_vault_keys_are_one_too_many() -> None:
    (said,) = told(VAULT_KEYS=[SECRET], VAULT_PROVIDER="site.vault.keys")
    assert "keep one of them" in said
    assert not told(VAULT_KEYS=[], VAULT_PROVIDER="site.vault.keys")


@pytest.mark.parametrize(
    "due, moment",
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T12:30:00", datetime(2027, 1, 31, 12, 30, tzinfo=UTC)),
        ("2027-01-31T12:30:00Z", datetime(2027, 1, 31, 12, 30, tzinfo=UTC)),
        ("2027-01-31T12:30:00+02:00", datetime(2027, 1, 31, 10, 30, tzinfo=UTC)),
        ("2027-03-28 02:30", datetime(2027, 3, 28, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_utc_unless_it_says(due: str, moment: datetime) -> None:
    with override_settings(HARDENING={"POLICIES": [{"role": "staff", "due": due}]}):
        floor = conf().POLICIES
        assert floor == (FloorPolicy("staff", due=int(moment.timestamp())),)


def test_a_deadline_of_none_is_at_once() -> None:
    with override_settings(HARDENING={"POLICIES": [{"role": "staff", "due": None}]}):
        floor = conf().POLICIES
        assert floor == (FloorPolicy("staff"),)


# ---------------------------------------------------------------- SECRET_KEY


def test_the_sites_own_secrets_come_newest_first() -> None:
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old", b"older"]):
        assert site_secrets() == (b"new", b"old", b"older")


def test_an_empty_fallback_is_no_key() -> None:
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["", b""]):
        assert site_secrets() == (b"new",)


def test_a_site_without_secret_key_is_an_error() -> None:
    with override_settings(SECRET_KEY=""), pytest.raises(ImproperlyConfigured):
        site_secrets()
