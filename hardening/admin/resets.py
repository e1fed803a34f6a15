"""Help for one person, from her page in the admin: a password reset by mail, and who else helps.

No operator chooses a user's password (OWASP ASVS 5.0 6.4.6): the page that lets one do so answers
404, and "Send a reset" mails a link, which only the person can use. The reset removes no factor.
Other help takes a second operator; its pages are linked where they are registered.

The trap: several people may share an e-mail address. The link is for the very person whose page it
was, and goes to the address that the operator has read there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import origin
from hardening.access import refusal
from hardening.admin.freezing import may_freeze
from hardening.admin.revoking import PAGE, REVOKE
from hardening.audit import pk_of
from hardening.factors.mailbox import email_of
from hardening.flows import freezing, recover, resets
from hardening.models import OperatorRequest, PolicyWaiver, SecurityEvent
from hardening.models.request import Deed
from hardening.views.reset import link_maker

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SEND = "hardening.send_reset"
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
        if request.user.has_perm(SEND):
            links.append(Link(_("Send a reset"), self._address("send_reset", user.pk)))
        if request.user.has_perm(REVOKE):
            links.append(Link(_("End all sessions"), self._address(PAGE, user.pk)))
        if may_freeze(request):
            held = freezing.is_frozen(user)
            words, page = (_("Thaw"), "thaw") if held else (_("Freeze"), "freeze")
            links.append(Link(words, self._address(page, user.pk)))
        requests = {
            Deed.RECOVERY: _("Ask for a reset of the factor"),
            Deed.TICKET: _("Ask for a ticket"),
        }
        for deed, words in requests.items():
            given = {"deed": deed.value, "target": user.pk}
            links += self._add_page(request, OperatorRequest, words, given)
        links += self._add_page(request, PolicyWaiver, _("Give more time"), {"user": user.pk})
        return links + self._events(request, user)

    def _events(self, request: HttpRequest, user: Any) -> list[Link]:
        """Link what happened to this person, for whoever may read that."""
        site, opts = self.admin_site, SecurityEvent._meta  # type: ignore[attr-defined]  # noqa: SLF001
        registered = site._registry.get(SecurityEvent)  # noqa: SLF001
        if registered is None or not registered.has_view_permission(request):
            return []
        address = reverse(f"{site.name}:{opts.app_label}_{opts.model_name}_changelist")
        query = urlencode({"period": "90", "account": pk_of(user)})
        return [Link(_("Security events"), f"{address}?{query}")]

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
        if not (request.user.has_perm(SEND) and self.has_view_permission(request)):  # type: ignore[attr-defined]
            raise PermissionDenied
        user = self.get_object(request, unquote(id))  # type: ignore[attr-defined]
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
        email, now = email_of(user), int(time.time())
        if _mailed(request, user, email, now=now):
            recover.reset_sent(user, actor=request.user, now=now, where=origin.where(request))
            said = _("A link to choose a new password is on its way to %(email)s.")
            self.message_user(request, said % {"email": email}, messages.SUCCESS)  # type: ignore[attr-defined]
        else:
            said = _("The mail could not be sent. Look at the address, and at the mail server.")
            self.message_user(request, said, messages.ERROR)  # type: ignore[attr-defined]
        return HttpResponseRedirect(self._address("change", user.pk))

    def _address(self, page: str, pk: Any) -> str:
        opts = self.opts  # type: ignore[attr-defined]
        site = self.admin_site.name  # type: ignore[attr-defined]
        return reverse(f"{site}:{opts.app_label}_{opts.model_name}_{page}", args=[quote(pk)])


def _mailed(request: HttpRequest, user: Any, email: str, *, now: int) -> bool:
    link = link_maker(request)
    try:
        validate_email(email)
    except ValidationError:
        return False
    by = request.user.get_username()
    return link is not None and resets.mail(user, email, link=link, by=by, now=now)


def _obstacle(user: Any) -> str:
    """Return why no reset can be sent; empty where one can."""
    if not email_of(user):
        return _("There is no e-mail address on record, so there is nowhere to send a link to.")
    if not getattr(user, "is_active", True):
        return _("The account is not active.")
    if freezing.is_frozen(user):
        return _("The account is frozen. Whoever may thaw it does that first.")
    if not user.has_usable_password():
        return _("This account has no password: its owner signs in another way.")
    try:
        reverse("hardening:password_reset")
    except NoReverseMatch:
        return _("This site has no page for choosing a new password by a mailed link.")
    return ""
