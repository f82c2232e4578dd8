"""The addresses of signing in and of one's account. ``portal.urls`` puts them among its own."""

from django.urls import path

from portal.access import PATIENT_REALM, STAFF_REALM
from portal.views import factors, invitations, registration, sessions, sign_in

PATIENT, STAFF = {"realm": PATIENT_REALM}, {"realm": STAFF_REALM}

urlpatterns = [
    path("sign-in", sign_in.sign_in_page, PATIENT, name="sign-in"),
    path("staff/sign-in", sign_in.sign_in_page, STAFF, name="staff-sign-in"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("sign-in/factor", sign_in.factor, name="factor"),
    path("sign-in/recovery", sign_in.recovery, name="recovery"),
    path("sign-in/passkey/begin", factors.passkey_begin, name="passkey-begin"),
    path("sign-in/passkey", factors.passkey_complete, name="passkey-complete"),
    path("sign-in/factor/passkey/begin", factors.give_passkey_begin, name="give-passkey-begin"),
    path("sign-in/factor/passkey", factors.give_passkey, name="give-passkey"),
    path("prove", sign_in.prove, name="prove"),
    path("password/forgot", sign_in.forgot_password, PATIENT, name="forgot-password"),
    path("staff/password/forgot", sign_in.forgot_password, STAFF, name="staff-forgot-password"),
    path("password/new", sign_in.new_password, name="new-password"),
    path("security", factors.security, name="security"),
    path("security/password", sign_in.change_password, name="change-password"),
    path("security/email", sign_in.change_email, name="change-email"),
    path("security/email/confirm", sign_in.confirm_email, name="confirm-email"),
    path("security/factors/new", factors.enrol, name="enrol"),
    path("security/passkeys/begin", factors.add_passkey_begin, name="add-passkey-begin"),
    path("security/passkeys", factors.add_passkey, name="add-passkey"),
    path("security/recovery-codes", factors.recovery_codes, name="recovery-codes"),
    path("security/factors/<str:kind>/<int:pk>/remove", factors.remove, name="remove-factor"),
    path("security/sessions/others/end", sessions.end_others, name="end-other-sessions"),
    path("security/sessions/<uuid:ref>/end", sessions.end, name="end-session"),
    path("session/clock", sessions.clock, name="session-clock"),
    path("session/extend", sessions.stay, name="stay"),
    path("invitation", invitations.invitation, name="invitation"),
    path("register", registration.register, name="register"),
    path("register/code", registration.register_code, name="register-code"),
]
