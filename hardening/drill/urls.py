"""The site's own URLs, and two of the drill's: whose session this is, and Django's login.

Made anew for each stage: a site's URLconf may be another one in the next.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import path

if TYPE_CHECKING:
    from django.http import HttpRequest

ACCOUNT = "hardening_drill_account"
PLAIN_LOGIN = "hardening_drill_login"
MODULE = "hardening.drill.staged_urls"
HANDLERS = ("handler400", "handler403", "handler404", "handler500")


@login_not_required
def account(request: HttpRequest) -> HttpResponse:
    """Say whose account the session reads, as its primary key; empty for nobody's."""
    user: Any = request.user
    return HttpResponse(str(user.pk) if user.is_authenticated else "", content_type="text/plain")


class PlainLoginView(LoginView):
    """Django's own login; its form is shown bare, since not every site has a template for it."""

    def render_to_response(self, context: dict[str, Any], **_kwargs: Any) -> Any:
        """Answer with the form alone."""
        return HttpResponse(context["form"].as_p())

    def get_success_url(self) -> str:
        """Lead to the page that says whose session it is."""
        return "/"


def staged(root: str | Any) -> str:
    """Put the drill's addresses before the site's and return the name of the URLconf."""
    site: Any = import_module(root) if isinstance(root, str) else root
    module: Any = ModuleType(MODULE)
    module.urlpatterns = [
        path("hardening-drill/account/", account, name=ACCOUNT),
        path("hardening-drill/login/", PlainLoginView.as_view(), name=PLAIN_LOGIN),
        *getattr(site, "urlpatterns", site),
    ]
    for handler in HANDLERS:
        if hasattr(site, handler):
            setattr(module, handler, getattr(site, handler))
    sys.modules[MODULE] = module
    return MODULE
