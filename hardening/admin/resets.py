"""Help for one person, from her page in the admin: a password reset by mail, and who else helps.

No operator chooses a user's password (OWASP ASVS 5.0 6.4.6): the page that lets one do so answers
404, and "Send a reset" mails Django's own link, which only the person can use. The reset removes no
factor. Other help takes a second operator; its pages are linked where they are registered.

The trap: `PasswordResetForm` looks people up by their address, and several may share one. Here the
link goes to the very person whose page it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.forms import PasswordResetForm, ReadOnlyPasswordHashWidget
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import host, origin
from hardening.access import refusal
from hardening.factors.mailbox import email_of
from hardening.flows import recover
from hardening.models import OperatorRequest, PolicyWaiver
from hardening.models.request import Deed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

PASSWORD_HELP = gettext_lazy(
    "Nobody chooses somebody else’s password. “Send a reset” mails a link that only this person "
    "can use."
)


@dataclass(frozen=True, slots=True)
class Link:
    """A way to help, on the person's page."""

    label: str
    url: str


class PasswordSummary(ReadOnlyPasswordHashWidget):
    """How the password is stored, without Django's button that leads to choosing one."""

    template_name = "hardening/admin/password_summary.html"


class OnePersonsReset(PasswordResetForm):
    """Django's form, for one person instead of everybody with an address."""

    person: Any = None

    def get_users(self, email: str) -> Iterator[Any]:
        """Return the person."""
        del email
        yield self.person


class HelpMixin:
    """For a ``UserAdmin``: "send a reset" in the place of "set a password", and links to help."""

    change_form_template: Any = "hardening/admin/user_change.html"

    def get_urls(self) -> list[Any]:
        """Add the page that asks before a reset is sent."""
        opts = self.opts  # type: ignore[attr-defined]
        view = self.admin_site.admin_view(self.send_reset_view)  # type: ignore[attr-defined]
        name = f"{opts.app_label}_{opts.model_name}_send_reset"
        return [path("<id>/send-reset/", view, name=name), *super().get_urls()]  # type: ignore[misc]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002 - Django's
        """Answer 404: no operator chooses a user's password."""
        raise Http404

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Let nobody make an account newer than it is: new ones may have days of grace."""
        fields: tuple[Any, ...] = (*super().get_readonly_fields(request, obj),)  # type: ignore[misc]
        if obj is None or "date_joined" in fields or not hasattr(obj, "date_joined"):
            return fields
        return (*fields, "date_joined")

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> Any:
        """Take the button away that led there."""
        form = super().get_form(request, obj, change=change, **kwargs)  # type: ignore[misc]

        class Kept(form):  # type: ignore[valid-type,misc]
            """The form, with the password to look at only."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                field = self.fields.get("password")
                if field and isinstance(field.widget, ReadOnlyPasswordHashWidget):
                    field.widget, field.help_text = PasswordSummary(), PASSWORD_HELP

        return Kept

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Add the links."""
        user = context.get("original")
        context["hardening_links"] = self.ways_to_help(request, user) if user else []
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def ways_to_help(self, request: HttpRequest, user: Any) -> list[Link]:
        """Return the links this operator may follow; a host may add its own."""
        links = []
        if self.has_change_permission(request, user):  # type: ignore[attr-defined]
            links.append(Link(_("Send a reset"), self._address("send_reset", user.pk)))
        requests = {
            Deed.RECOVERY: _("Ask for a reset of the factor"),
            Deed.TICKET: _("Ask for a ticket"),
        }
        for deed, words in requests.items():
            given = {"deed": deed.value, "target": user.pk}
            links += self._add_page(request, OperatorRequest, words, given)
        return links + self._add_page(request, PolicyWaiver, _("Give more time"), {"user": user.pk})

    def _add_page(
        self, request: HttpRequest, model: Any, words: str, given: dict[str, Any]
    ) -> list[Link]:
        site, opts = self.admin_site, model._meta  # type: ignore[attr-defined]  # noqa: SLF001
        registered = site._registry.get(model)  # noqa: SLF001
        if registered is None or not registered.has_add_permission(request):
            return []
        address = reverse(f"{site.name}:{opts.app_label}_{opts.model_name}_add")
        return [Link(words, f"{address}?{urlencode(given)}")]

    def send_reset_view(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - as Django's
        """Say what will be sent to whom, then send it."""
        user = self.get_object(request, unquote(id))  # type: ignore[attr-defined]
        if not self.has_change_permission(request, user):  # type: ignore[attr-defined]
            raise PermissionDenied
        if user is None:
            raise Http404
        refused = refusal(request)
        if refused is not None:
            return refused
        obstacle = _obstacle(user)
        if request.method == "POST" and not obstacle:
            return self._send(request, user)
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Send a reset"),
            "opts": self.opts,  # type: ignore[attr-defined]
            "list_is_linked": True,
            "person": user.get_username(),
            "email": email_of(user),
            "obstacle": obstacle,
            "back": self._address("change", user.pk),
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "hardening/admin/send_reset.html", context)

    def _send(self, request: HttpRequest, user: Any) -> HttpResponse:
        form = OnePersonsReset({"email": email_of(user)})
        form.person = user
        if form.is_valid():
            form.save(
                request=request,
                use_https=request.is_secure(),
                from_email=host.mail_sender(),
            )
            recover.reset_sent(
                user, actor=request.user, now=int(time.time()), where=origin.where(request)
            )
            said = _("A link to choose a new password is on its way to %(email)s.")
            self.message_user(request, said % {"email": email_of(user)}, messages.SUCCESS)  # type: ignore[attr-defined]
        else:
            said = _("What is on record is no e-mail address, so nothing was sent.")
            self.message_user(request, said, messages.ERROR)  # type: ignore[attr-defined]
        return HttpResponseRedirect(self._address("change", user.pk))

    def _address(self, page: str, pk: Any) -> str:
        opts = self.opts  # type: ignore[attr-defined]
        site = self.admin_site.name  # type: ignore[attr-defined]
        return reverse(f"{site}:{opts.app_label}_{opts.model_name}_{page}", args=[quote(pk)])


def _obstacle(user: Any) -> str:
    """Return why no reset can be sent; empty where one can."""
    if not email_of(user):
        return _("There is no e-mail address on record, so there is nowhere to send a link to.")
    if not getattr(user, "is_active", True):
        return _("The account is not active.")
    if not user.has_usable_password():
        return _("This account has no password: its owner signs in another way.")
    try:
        reverse("password_reset_confirm", kwargs={"uidb64": "x", "token": "x-x"})
    except NoReverseMatch:
        return _("This site has no page for choosing a new password by a mailed link.")
    return ""
