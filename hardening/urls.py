"""The URLs of our pages, namespace ``hardening``."""

from __future__ import annotations

from django.urls import path

from hardening.views.account import FactorView, OverviewView, StepUpView
from hardening.views.activity_page import ActivityView
from hardening.views.breakglass import BreakGlassView
from hardening.views.disown import DisownView
from hardening.views.enrolment import EnrolTotpView, EnrolView, RecoveryCodesView
from hardening.views.password import ChangePasswordView
from hardening.views.proof import (
    ConfirmPasswordView,
    MailboxView,
    RecoveryCodeView,
    TicketView,
    VerifyView,
)
from hardening.views.remembered import RememberedView
from hardening.views.reset import (
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from hardening.views.sessions import SessionsView
from hardening.views.signin import CancelView, LoginView, RecoverView
from hardening.views.unlock import UnlockConfirmView, UnlockView

app_name = "hardening"

urlpatterns = [
    path("", OverviewView.page(), name="overview"),
    path("login/", LoginView.page(), name="login"),
    path("unlock/", UnlockView.page(), name="unlock"),
    path("unlock/<str:token>/", UnlockConfirmView.page(), name="unlock_confirm"),
    path("disown/", DisownView.page(), name="disown"),
    path("verify/", VerifyView.page(), name="verify"),
    path("recovery-code/", RecoveryCodeView.page(), name="recovery_code"),
    path("recover/", RecoverView.page(), name="recover"),
    path("mailbox/", MailboxView.page(), name="mailbox"),
    path("ticket/", TicketView.page(), name="ticket"),
    path("break-glass/", BreakGlassView.page(), name="break_glass"),
    path("confirm-password/", ConfirmPasswordView.page(), name="confirm_password"),
    path("cancel/", CancelView.page(), name="cancel"),
    path("enrol/", EnrolView.page(), name="enrol"),
    path("enrol/authenticator/", EnrolTotpView.page(), name="enrol_totp"),
    path("recovery-codes/", RecoveryCodesView.page(), name="recovery_codes"),
    path("factor/<int:pk>/", FactorView.page(), name="factor"),
    path("activity/", ActivityView.page(), name="activity"),
    path("sessions/", SessionsView.page(), name="sessions"),
    path("step-up/", StepUpView.page(), name="step_up"),
    path("remembered/", RememberedView.page(), name="remembered"),
    path("reset/", PasswordResetView.page(), name="password_reset"),
    path("reset/done/", PasswordResetDoneView.page(), name="password_reset_done"),
    path("reset/complete/", PasswordResetCompleteView.page(), name="password_reset_complete"),
    path(
        "reset/<str:uidb64>/<str:token>/",
        PasswordResetConfirmView.page(),
        name="password_reset_confirm",
    ),
    path("change-password/", ChangePasswordView.page(), name="change_password"),
]
