"""The security page and the pages of second factors: authenticator apps, passkeys, recovery codes."""

from contextlib import suppress
from typing import Any

import segno
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_otp_webauthn.exceptions import InvalidState
from django_otp_webauthn.views import (
    BeginCredentialAuthenticationView,
    BeginCredentialRegistrationView,
    CompleteCredentialAuthenticationView,
    CompleteCredentialRegistrationView,
)

from config.security import crypto
from config.security.throttle import Limit, take
from portal import demo, factors, sessions, sign_in
from portal.access import STAFF_REALM, door, public
from portal.account_forms import CodeForm, MailedCodeForm
from portal.doors import safe_next
from portal.models import User
from portal.views.sign_in import ask, forms_shown, home_of

IN_HAND = "enrolment"
STATE = "otp_webauthn_authentication_state"  # where the library keeps a ceremony between its two requests
PASSKEYS_PER_ADDRESS = Limit("passkeys from address", 300, 15 * 60)


@never_cache
@require_safe
@door("account.manage")
def security(request: HttpRequest) -> HttpResponse:
    """Factors, recovery codes, sessions and the password of whoever is signed in."""
    user: Any = request.user
    shown = {
        "authenticators": factors.authenticators(user),
        "passkeys": factors.passkeys(user),
        "codes_left": factors.recovery_codes_left(user),
        "sessions": sessions.own(user),
        "current": request.user_session,  # type: ignore[attr-defined]
        "base": "agents/base.html" if user.realm == STAFF_REALM else "portal/base.html",
    }
    return render(request, "auth/security.html", shown)


@never_cache
@forms_shown
@door("account.manage", factor=False, step_up=True)
def enrol(request: HttpRequest) -> HttpResponse:
    """Set up a factor. Whoever has one gives it first; after a reset the mailed code comes first."""
    user: Any = request.user
    if _owes_factor(request):
        return redirect("portal:factor")
    try:
        secret = _secret_in_hand(request)
    except factors.NotYet:
        return _mailed_code(request, user)
    form = CodeForm(request.POST or None)
    if form.is_valid():
        device = factors.add_authenticator(user, secret=secret, code=form.cleaned_data["code"])
        if device is not None:
            return _enrolled(request, device)
        form.add_error("code", _("This code is not right. Is the clock of your telephone set by itself?"))
    shown: dict[str, Any] = {"qr": _qr(factors.address_of(user, secret)), "secret": secret}
    code = factors.code_now(secret) if demo.shown() else ""
    return ask(request, "enrol", form, code=code, staff=user.realm == STAFF_REALM, **shown)


def _secret_in_hand(request: HttpRequest) -> str:
    """The secret this browser is being shown: sealed in its session until a code confirms it."""
    user: Any = request.user
    place = f"enrolment of {user.pk}".encode()
    if held := request.session.get(IN_HAND):
        factors.require_enrolment_open(user)
        with suppress(crypto.Unreadable):  # its key has left the ring: begin anew
            return crypto.unseal("enrolment", held.encode(), place).decode()
    secret = factors.new_secret(user)
    request.session[IN_HAND] = crypto.seal("enrolment", secret.encode(), place).decode()
    return secret


def _owes_factor(request: HttpRequest) -> bool:
    session = request.user_session  # type: ignore[attr-defined]
    return session.enrolled and session.factor_at is None


def _mailed_code(request: HttpRequest, user: User) -> HttpResponse:
    form = MailedCodeForm(request.POST or None)
    if form.is_valid():
        if factors.open_enrolment(user, code=form.cleaned_data["code"]):
            return redirect("portal:enrol")
        form.add_error("code", _("This code is not right, or its time is over."))
    return ask(request, "mailed_code", form)


def _qr(address: str) -> str:
    return segno.make(address, error="m").svg_data_uri(scale=4, border=2)


def _enrolled(request: HttpRequest, device: Any) -> HttpResponse:
    """The session counts as verified by the new factor; the first one comes with recovery codes."""
    user: Any = request.user
    del request.session[IN_HAND]
    sessions.factor_given(request, device)
    if factors.recovery_codes_left(user):
        messages.success(request, _("The authenticator is set up."))
        return redirect("portal:security")
    return _show_codes(request, user)


@never_cache
@require_POST
@door("account.manage", step_up=True)
def recovery_codes(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if not factors.has_factor(user):
        raise Http404
    return _show_codes(request, user)


def _show_codes(request: HttpRequest, user: User) -> HttpResponse:
    """This once."""
    wanted = safe_next(request, request.POST.get("next", "")) or home_of(user)
    shown = {"codes": factors.renew_recovery_codes(user), "onward": wanted}
    return render(request, "auth/recovery_codes.html", shown)


@require_POST
@door("account.manage", step_up=True)
def remove(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    user: Any = request.user
    try:
        if not factors.remove(user, kind=kind, pk=pk):
            raise Http404
    except factors.LastFactor:
        messages.error(request, _("This is your last factor. Add another one before you remove it."))
    else:
        messages.success(request, _("The factor is removed."))
    return redirect("portal:security")


# --- passkeys ------------------------------------------------------------------------------------------


class MayAdd:
    """Whoever owes a factor gives it first; after a reset the mailed code comes first."""

    request: Any

    def user_is_mfa_enrolled(self, user: User) -> bool:
        return _owes_factor(self.request)

    def check_can_register(self) -> None:
        if _owes_factor(self.request) or factors.owes_mailed_code(self.request.user):
            raise PermissionDenied("enrolment")


class BeginPasskey(MayAdd, BeginCredentialRegistrationView):
    """The options for a new passkey."""


class AddPasskey(MayAdd, CompleteCredentialRegistrationView):
    """Store a new passkey; the session counts as verified by it, and the first one comes with recovery codes."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        super().post(*args, **kwargs)
        user = self.request.user
        device = factors.passkeys(user).last()
        factors.passkey_added(user)
        sessions.factor_given(self.request, device)
        return JsonResponse({"id": device.pk, "wants_codes": not factors.recovery_codes_left(user)})


class BeginCeremony(BeginCredentialAuthenticationView):
    """The options for a passkey to be given. What is begun bears the name of its ceremony."""

    ceremony = ""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post(*args, **kwargs)
        self.request.session[STATE] |= {"ceremony": self.ceremony}
        return response


class EndCeremony(CompleteCredentialAuthenticationView):
    """Takes what its own ceremony began: the second step asks less of a passkey than the front door."""

    ceremony = ""

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        if state.get("ceremony") != self.ceremony:
            raise InvalidState
        return state


class AtFrontDoor:
    """Everybody is nobody yet, also who is signed in: the passkey alone has to tell who they are."""

    ceremony = "front door"

    def get_user(self) -> None:
        return None


class AtSecondStep:
    """Somebody is here by the password, and gives what they have in hand."""

    ceremony = "second step"


class BeginSignInByPasskey(AtFrontDoor, BeginCeremony):
    """The options for signing in by a passkey alone."""


class SignInByPasskey(AtFrontDoor, EndCeremony):
    """A passkey alone: it is there, and knows its owner by touch, face or PIN."""

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        if state.get("require_user_verification") is not True:
            raise InvalidState
        return state

    def complete_auth(self, device: Any) -> User:
        sign_in.enter(self.request, device.user, what=f"{device.user.realm} passkey")
        sessions.factor_given(self.request, device)
        self.home = home_of(device.user)
        user: User = device.user
        return user

    def get_success_url(self) -> str:
        return self.get_redirect_url() or self.home


class BeginGivePasskey(AtSecondStep, BeginCeremony):
    """The options for a passkey as the second step."""


class GivePasskey(AtSecondStep, EndCeremony):
    """A passkey as the second step, or as a fresh proof. It must be the person's own."""

    def complete_auth(self, device: Any) -> User:
        if device.user_id != self.request.user.pk:
            raise Http404
        sessions.factor_given(self.request, device)
        user: User = device.user
        return user

    def get_success_url(self) -> str:
        return self.get_redirect_url() or home_of(self.request.user)


def _counted(view: Any) -> Any:
    """By address, as passwords are."""

    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        take((PASSKEYS_PER_ADDRESS, request.META.get("REMOTE_ADDR")))
        answer: HttpResponse = view(request, *args, **kwargs)
        return answer

    return counted


add_passkey_begin = door("account.manage", factor=False, step_up=True)(BeginPasskey.as_view())
add_passkey = door("account.manage", factor=False, step_up=True)(AddPasskey.as_view())
passkey_begin = public(_counted(BeginSignInByPasskey.as_view()))
passkey_complete = public(_counted(SignInByPasskey.as_view()))
give_passkey_begin = door("account.manage", factor=False)(BeginGivePasskey.as_view())
give_passkey = door("account.manage", factor=False)(GivePasskey.as_view())
