"""What we read of the host's own Django settings, in one place.

Beside `conf`, the only module that looks at ``django.conf.settings``. Everything is read anew on
each call, so ``override_settings`` works in a host's tests.
"""

from __future__ import annotations

import sys
from typing import Any

from django.apps import apps
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.module_loading import import_string

from hardening.conf import conf

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
OUR_BACKEND = "hardening.backends.HardeningBackend"


def site_name(host: str = "") -> str:
    """Return the name people know the site by: the setting, else the host they see."""
    issuer = conf().ISSUER
    if issuer:
        return issuer
    name = host.partition(":")[0]
    if not name:
        plain = [allowed for allowed in settings.ALLOWED_HOSTS if allowed.strip("*.")]
        name = plain[0].lstrip(".") if plain else "this site"
    return name


def link_origin(request: Any) -> str | None:
    """Return scheme and host that a mailed link may begin with, from the request.

    `None` where ``ALLOWED_HOSTS`` takes any host: whoever sends the request would choose where
    the link, and what it opens, leads.
    """
    host: str = request.get_host()  # Django has held it against ALLOWED_HOSTS
    named = [one for one in settings.ALLOWED_HOSTS if one != "*"]
    domain, _port = split_domain_port(host)
    if not takes_any_host() or validate_host(domain, named):
        return f"{request.scheme}://{host}"
    return None


def site_url() -> str:
    """Return scheme and host of the site as the settings name them; empty where they do not."""
    return conf().SITE_URL or ""


def takes_any_host() -> bool:
    """True where ``ALLOWED_HOSTS`` vouches for no host in particular."""
    return "*" in settings.ALLOWED_HOSTS


def named_hosts() -> tuple[str, ...]:
    """Return the names in ``ALLOWED_HOSTS`` without the dot that stands for any subdomain."""
    names = (str(allowed).strip("*.") for allowed in settings.ALLOWED_HOSTS)
    return tuple(name for name in names if name)


def login_url() -> str:
    """Return the site's own login page, as a URL or a URL name."""
    return str(settings.LOGIN_URL)


def login_redirect_url() -> str:
    """Return where a sign-in leads that was heading nowhere."""
    return str(settings.LOGIN_REDIRECT_URL)


def mail_sender() -> str:
    """Return the address that our mails come from."""
    return conf().MAIL_FROM or str(settings.DEFAULT_FROM_EMAIL)


def operators() -> tuple[str, ...]:
    """Return the e-mail addresses of those who run the site: Django's ``ADMINS``."""
    # Pairs of name and address; newer Djangos take bare addresses.
    return tuple(str(one if isinstance(one, str) else one[1]) for one in settings.ADMINS)


def reset_seconds() -> int:
    """Return for how long a link to a new password works: Django's ``PASSWORD_RESET_TIMEOUT``."""
    return int(settings.PASSWORD_RESET_TIMEOUT)


def csrf_cookie_name() -> str:
    """Return the name of the CSRF cookie."""
    return str(settings.CSRF_COOKIE_NAME)


def session_cookie_name() -> str:
    """Return the name of the session cookie."""
    return str(settings.SESSION_COOKIE_NAME)


def is_https_only() -> bool:
    """True where the session cookie is kept for HTTPS: without it nobody could sign in."""
    return bool(settings.SESSION_COOKIE_SECURE)


def saves_every_request() -> bool:
    """True where Django saves each session again with each request."""
    return bool(settings.SESSION_SAVE_EVERY_REQUEST)


def uses_time_zones() -> bool:
    """True where Django's datetimes are aware."""
    return bool(settings.USE_TZ)


def api_defaults() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the authentication and the permission classes of API views that name none.

    Empty where Django REST framework is not installed; its own defaults where it is and the
    site says nothing.
    """
    if not apps.is_installed("rest_framework"):
        return (), ()
    chosen = import_string("rest_framework.settings.api_settings")
    authentication = tuple(chosen.DEFAULT_AUTHENTICATION_CLASSES)
    return authentication, tuple(chosen.DEFAULT_PERMISSION_CLASSES)


def is_under_test() -> bool:
    """True while Django's test environment is set up (`setup_test_environment`).

    `mail.outbox` does not tell: a site whose backend is ``locmem`` has it from its first mail on.
    Looked for where it is loaded already: a site that serves need not import Django's test tools.
    """
    state = getattr(sys.modules.get("django.test.utils"), "_TestState", None)
    return hasattr(state, "saved_data")


def session_serializer() -> Any:
    """Return the host's session serializer, so that what it stored can be stored again."""
    return import_string(settings.SESSION_SERIALIZER)()


def backends() -> tuple[str, ...]:
    """Return the dotted paths of the configured authentication backends."""
    return tuple(settings.AUTHENTICATION_BACKENDS)


def judges_alone() -> bool:
    """True if what our backend finds wrong is wrong: there is no other, nor one made of ours."""
    return backends() == (OUR_BACKEND,)


def stands_in_for(backend: str) -> bool:
    """True if a session that names `backend` is ours: we replaced Django's own.

    Installing the app must sign nobody out.
    """
    if backend != MODEL_BACKEND:
        return False
    configured = settings.AUTHENTICATION_BACKENDS
    return backend not in configured and OUR_BACKEND in configured
