"""Nothing about policies is saved before its editor has seen what it will do.

"Save" answers with a page: a sentence, the numbers now and then, who would be stopped and what each
of them meets, and warnings. It carries what was typed, and a seal over it. "Confirm and save" sends
both: if the seal fits what would be saved, and what it would replace, it is saved; if anything
differs, by hand or by another editor meanwhile, the page is shown again. "Back" opens the form with
what was typed. All of it without script, and nothing is kept on the server.

The trap: the seal is over values as they are stored, not as they were typed, so that the same
moment in another notation is no difference.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from hardening.admin.effects import effect, ended
from hardening.admin.standing import sees_compliance
from hardening.flows import policy as flow
from hardening.models import RolePolicy, SiteState
from hardening.models.account import SITE_PK

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

CONFIRM, BACK = "_confirm", "_back"  # names of the two buttons
NOT_CARRIED = {"csrfmiddlewaretoken", CONFIRM, BACK}
SALT = "hardening.admin.preview"
CONFIRM_SECONDS = 15 * 60  # numbers older than that are looked at again
UNSEEN = ("note",)  # a change of these alone does nothing to anybody


class PreviewFirstError(Exception):
    """What is valid, and not confirmed yet; raised to leave Django's transaction untouched."""

    def __init__(self, wanted: RolePolicy, seal: str) -> None:
        super().__init__()
        self.wanted = wanted
        self.seal = seal


class PreviewMixin:
    """For the policies' ``ModelAdmin``: saving goes by way of the preview."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Show the form, what saving would do, or what was typed before."""
        permitted = self.has_change_permission if object_id else self.has_add_permission  # type: ignore[attr-defined]
        if request.method == "POST" and BACK in request.POST and permitted(request):
            request.method = "GET"  # the form is opened, not sent; `get_form` fills it in
        try:
            answer: HttpResponse = super().changeform_view(  # type: ignore[misc]
                request, object_id, form_url, extra_context
            )
        except PreviewFirstError as unconfirmed:
            return self._preview(request, unconfirmed)
        return answer

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let whoever comes back find what he typed."""
        form = super().get_form(request, *args, **kwargs)  # type: ignore[misc]
        typed = request.POST if request.method == "GET" else {}
        if BACK not in typed:
            return form

        class Typed(form):  # type: ignore[valid-type,misc]
            """The form with what came back."""

            def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
                super().__init__(typed if data is None else data, *args, **kwargs)

        return Typed

    def save_model(self, request: HttpRequest, obj: RolePolicy, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save what was confirmed; show anything else first."""
        stored = _locked(obj) if change else None
        before, after = flow.values(stored) if stored else {}, flow.values(obj)
        given = request.POST.get(CONFIRM, "")
        if _acts(before, after) and not _fits(given, request, before, after):
            raise PreviewFirstError(obj, _seal(request, before, after))
        super().save_model(request, obj, form, change)  # type: ignore[misc]

    def _preview(self, request: HttpRequest, unconfirmed: PreviewFirstError) -> HttpResponse:
        now = int(time.time())
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("What saving this policy does"),
            "opts": self.opts,  # type: ignore[attr-defined]
            "list_is_linked": True,
            "effect": effect(
                unconfirmed.wanted,
                editor=request.user,
                named=sees_compliance(request),
                now=now,
            ),
            "again": CONFIRM in request.POST,
            "typed": [
                (name, value)
                for name, values in request.POST.lists()
                if name not in NOT_CARRIED
                for value in values
            ],
            "confirm": CONFIRM,
            "seal": unconfirmed.seal,
            "back": BACK,
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "hardening/admin/policy_preview.html", context)

    # --- deleting --------------------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Say what deleting does to how many people."""
        answer: HttpResponse = super().delete_view(request, object_id, extra_context)  # type: ignore[misc]
        return _told(answer, "object")

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say the same before several are deleted."""
        answer: HttpResponse = super().changelist_view(request, *args, **kwargs)  # type: ignore[misc]
        return _told(answer, "queryset") if request.method == "POST" else answer

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Let what hangs on a policy go with it: it means nothing without."""
        listed, counted, _lacking, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        return listed, counted, set(), protected


def _told(answer: HttpResponse, name: str) -> HttpResponse:
    context = getattr(answer, "context_data", None)
    if context and context.get(name) is not None:
        found = context[name]
        rows = [found] if isinstance(found, RolePolicy) else list(found)
        context["effects"] = [ended(row, now=int(time.time())) for row in rows]
    return answer


def _locked(policy: RolePolicy) -> RolePolicy | None:
    """Return the row as it is now, and keep other editors waiting until the transaction ends.

    The site's row comes first, as with every write (`hardening.models.policy`).
    """
    SiteState.objects.select_for_update().filter(pk=SITE_PK).first()
    return RolePolicy.objects.select_for_update().filter(pk=policy.pk).first()


def _acts(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether saving could do anything to anybody."""
    return any(before.get(name) != after[name] for name in after if name not in UNSEEN)


def _digest(request: HttpRequest, before: dict[str, str], after: dict[str, str]) -> str:
    said = json.dumps([request.path, str(request.user.pk), before, after], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _seal(request: HttpRequest, before: dict[str, str], after: dict[str, str]) -> str:
    return signing.TimestampSigner(salt=SALT).sign(_digest(request, before, after))


def _fits(given: str, request: HttpRequest, before: dict[str, str], after: dict[str, str]) -> bool:
    try:
        sealed = signing.TimestampSigner(salt=SALT).unsign(given, max_age=CONFIRM_SECONDS)
    except signing.BadSignature:
        return False
    return sealed == _digest(request, before, after)
