"""Forms of our pages. They check shape; whether something is right is a flow's business.

Lengths are bounded so that a megabyte in a field is an error beside it and nothing else. Labels
stand beside every field, never as placeholders; autocomplete tokens let password managers help
(OWASP ASVS 5.0 6.2.7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from hardening.core.names import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME_LENGTH = 64  # hardening.models.factor
CODE_LENGTH = 64  # six digits with generous room for spaces and dashes
_NAME_MISSING = _("Enter a name, so that you recognise this authenticator.")
PASSWORD_LENGTH = 4096  # against abuse only; NIST SP 800-63B-4 §3.1.1.2 wants at least 64


def _printable(text: str) -> None:
    """Refuse control characters: names are shown in pages, mails and operators' terminals."""
    if not text.isprintable():
        raise ValidationError(_("Use letters, digits and signs only."), code="unprintable")


class OneTimeInput(forms.TextInput):
    """A field that is empty again after a wrong code: the next one is typed, not this one mended.

    What stood there would also keep the script from sending the next code by itself.
    """

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Forget what was typed."""
        del value
        context: dict[str, Any] = super().get_context(name, None, attrs)
        return context


def _numeric(**attrs: Any) -> OneTimeInput:
    return OneTimeInput(
        attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True, **attrs}
    )


def _long_code() -> forms.TextInput:
    return forms.TextInput(
        attrs={
            "autocomplete": "off",
            "autocapitalize": "characters",
            "spellcheck": "false",
            "autofocus": True,
        }
    )


class LoginForm(AuthenticationForm):
    """User name and password; names are bounded, passwords are taken exactly as typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Put the cursor where the person starts."""
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs.setdefault("autofocus", True)
        self.fields["password"].validators.append(MaxLengthValidator(PASSWORD_LENGTH))


class UnlockForm(forms.Form):
    """Whose wait is to end. Whether there is such an account, nothing here says."""

    username = forms.CharField(
        label=_("User name or e-mail address"),
        max_length=MAX_NAME_LENGTH,
        error_messages={"required": _("Enter your user name or your e-mail address.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )


class ForgottenForm(UnlockForm):
    """Whose password is to be chosen anew. Whether there is such an account, nothing here says."""


class CodeForm(forms.Form):
    """A code from an authenticator app, and which one where there are several."""

    code = forms.CharField(
        label=_("Code from your authenticator app"),
        max_length=CODE_LENGTH,
        strip=False,  # what counts as white space in a code is the core's business
        widget=_numeric(),
        error_messages={"required": _("Enter the six digits that your app shows.")},
    )

    def __init__(
        self,
        *args: Any,
        authenticators: Sequence[tuple[int, str]] = (),
        remember_days: int = 0,
        **kwargs: Any,
    ) -> None:
        """Offer a choice where there are several authenticators: (id, name).

        `remember_days`: for how many days the browser may be remembered; 0: it may not.
        """
        super().__init__(*args, **kwargs)
        if remember_days:
            label = ngettext_lazy(
                "Do not ask for a code in this browser for %(days)d day",
                "Do not ask for a code in this browser for %(days)d days",
                "days",
            )
            help_text = _("On a computer or phone of your own you may tick this.")
            self.fields["remember"] = forms.BooleanField(
                label=label % {"days": remember_days}, help_text=help_text, required=False
            )
        if len(authenticators) > 1:
            self.fields["authenticator"] = forms.TypedChoiceField(
                label=_("Authenticator"),
                choices=list(authenticators),
                coerce=int,
                initial=authenticators[0][0],
                widget=forms.RadioSelect,
            )


class RecoveryCodeForm(forms.Form):
    """A recovery code; case, spaces and dashes do not matter."""

    code = forms.CharField(
        label=_("Recovery code"),
        max_length=CODE_LENGTH,
        strip=False,  # what counts as white space in a code is the core's business
        widget=_long_code(),
        error_messages={"required": _("Enter one of your recovery codes.")},
    )


class MailboxCodeForm(forms.Form):
    """The eight digits that were mailed."""

    code = forms.CharField(
        label=_("Code from the mail"),
        max_length=CODE_LENGTH,
        strip=False,  # what counts as white space in a code is the core's business
        widget=_numeric(),
        error_messages={"required": _("Enter the eight digits from the mail.")},
    )


class TicketForm(forms.Form):
    """An operator's enrolment ticket."""

    ticket = forms.CharField(
        label=_("Enrolment ticket"),
        max_length=CODE_LENGTH,
        strip=False,  # what counts as white space in a code is the core's business
        widget=_long_code(),
        error_messages={"required": _("Enter the ticket that you were given.")},
    )


class BreakGlassForm(forms.Form):
    """A code out of the safe."""

    code = forms.CharField(
        label=_("Break-glass code"),
        max_length=CODE_LENGTH,
        strip=False,  # what counts as white space in a code is the core's business
        widget=_long_code(),
        error_messages={"required": _("Enter one of the break-glass codes.")},
    )


class ConfirmForm(forms.Form):
    """The first code of a new authenticator, its name, and which lost ones go."""

    code = forms.CharField(
        label=_("Code that the app shows now"),
        max_length=CODE_LENGTH,
        strip=False,  # what counts as white space in a code is the core's business
        widget=_numeric(autofocus=False),  # it would scroll past the picture one has to scan
        error_messages={"required": _("Enter the six digits that your app shows.")},
    )
    name = forms.CharField(
        label=_("Name of this authenticator"),
        max_length=NAME_LENGTH,
        help_text=_("A label for yourself, such as the phone it is on."),
        error_messages={"required": _NAME_MISSING},
        validators=[_printable],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, lost: Sequence[tuple[int, str]] = (), **kwargs: Any) -> None:
        """Offer to remove lost authenticators: (id, name)."""
        super().__init__(*args, **kwargs)
        if lost:
            self.fields["remove"] = forms.TypedMultipleChoiceField(
                label=_("Remove what you have lost"),
                choices=list(lost),
                coerce=int,
                required=False,
                initial=[pk for pk, _name in lost],
                widget=forms.CheckboxSelectMultiple,
            )


class StoredForm(forms.Form):
    """The box that says that the codes are stored."""

    stored = forms.BooleanField(
        label=_("I have stored these codes"),
        error_messages={"required": _("Tick the box once you have stored the codes.")},
    )


class NameForm(forms.Form):
    """Another name for an authenticator."""

    name = forms.CharField(
        label=_("Name"),
        max_length=NAME_LENGTH,
        error_messages={"required": _NAME_MISSING},
        validators=[_printable],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PasswordForm(forms.Form):
    """The password, asked again."""

    password = forms.CharField(
        label=_("Password"),
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
        error_messages={"required": _("Enter your password.")},
    )


class _NewPasswordMixin:
    """Bounds the fields of Django's forms, which have no limit, and says what is wrong once."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password2"].label = _("New password again")
        self.fields["new_password2"].help_text = ""
        for field in self.fields.values():
            field.validators.append(MaxLengthValidator(PASSWORD_LENGTH))

    def validate_password_for_user(self, user: Any, *_args: Any, **_kwargs: Any) -> None:
        """Say what is wrong with a password where it is typed first, not where it is repeated."""
        super().validate_password_for_user(user, "new_password1")  # type: ignore[misc]


class ResetPasswordForm(_NewPasswordMixin, SetPasswordForm):
    """A new password, by a mailed link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Put the cursor where the person starts."""
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].widget.attrs.setdefault("autofocus", True)


class NewPasswordForm(_NewPasswordMixin, PasswordChangeForm):
    """Current and new password (OWASP ASVS 5.0 6.2.3); the new one must be another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Call the present one what it is."""
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Current password")

    def clean_new_password1(self) -> str:
        """Refuse the password that is to be replaced."""
        new = str(self.cleaned_data.get("new_password1", ""))
        if new and new == self.cleaned_data.get("old_password"):
            raise ValidationError(
                _("This is your current password. Choose a different one."), code="same_password"
            )
        return new
