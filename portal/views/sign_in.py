"""The pages of signing in and out, and of passwords. Patients and staff have pages of their own."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal import demo, factors, one_time, sessions, sign_in
from portal.access import PATIENT_REALM, STAFF_REALM, allowed, door, public
from portal.account_forms import (
    CodeForm,
    EmailForm,
    NewPasswordForm,
    PasswordForm,
    RecoveryForm,
    SignInForm,
)
from portal.doors import safe_next
from portal.models import OneTimeSecret, User

SIGN_IN_PAGES = {PATIENT_REALM: "portal:sign-in", STAFF_REALM: "portal:staff-sign-in"}
FORGOT_PAGES = {PATIENT_REALM: "portal:forgot-password", STAFF_REALM: "portal:staff-forgot-password"}
HOMES = {"portal.use": "portal:home", "console.use": "agents:console", "admin.use": "admin:index"}
EVERYTHING = '"cache", "storage"'
forms_shown = require_http_methods(["GET", "HEAD", "POST"])


def home_of(user: User) -> str:
    """The page a person begins on."""
    for permission, name in HOMES.items():
        if allowed(user, permission):
            return reverse(name)
    return reverse("portal:security")


def onward(request: HttpRequest, user: User) -> HttpResponse:
    """Where the person was going, or home."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    return redirect(safe_next(request, wanted) or home_of(user))


def ask(
    request: HttpRequest, template: str, form: forms.Form | None, status: int = 200, **more: Any
) -> HttpResponse:
    """A page with one form."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    shown = {"form": form, "next": safe_next(request, wanted), **more}
    return render(request, f"auth/{template}.html", shown, status=status)


@public
@never_cache
@forms_shown
def sign_in_page(request: HttpRequest, realm: str) -> HttpResponse:
    form = SignInForm(request.POST or None)
    if form.is_valid():
        user = sign_in.sign_in(request, realm=realm, **form.cleaned_data)
        if user is not None:
            return onward(request, user)
        form.add_error(None, _("The e-mail address and the password do not belong together."))
    shown: dict[str, Any] = {
        "realm": realm,
        "forgot": reverse(FORGOT_PAGES[realm]),
        "logins": demo.logins(realm),
    }
    return ask(request, "sign_in", form, **shown)


@require_POST
@door("account.manage", factor=False, extends_session=False)
def sign_out(request: HttpRequest) -> HttpResponse:
    page = SIGN_IN_PAGES[request.user.realm]  # type: ignore[union-attr]
    sessions.sign_out(request)
    response = redirect(page)
    response.headers["Clear-Site-Data"] = EVERYTHING
    return response


@never_cache
@forms_shown
@door("account.manage", factor=False)
def factor(request: HttpRequest) -> HttpResponse:
    """The second step: a code of an authenticator, or a passkey."""
    user: Any = request.user
    form = CodeForm(request.POST or None)
    if form.is_valid():
        code, ref = form.cleaned_data["code"], request.POST.get("device") or None
        device = factors.give_code(user, code=code, ref=ref)
        if device is not None:
            sessions.factor_given(request, device)
            return onward(request, user)
        form.add_error("code", _("This code is not right, or was used before. Wait for the next one."))
    return ask(request, "factor", form, code=demo.code_of(user), **_devices(user))


def _devices(user: User) -> dict[str, Any]:
    return {"authenticators": factors.authenticators(user), "passkeys": factors.passkeys(user).exists()}


@never_cache
@forms_shown
@door("account.manage", factor=False)
def recovery(request: HttpRequest) -> HttpResponse:
    """The second step by a printed code."""
    user: Any = request.user
    form = RecoveryForm(request.POST or None)
    if form.is_valid():
        held = factors.give_recovery_code(user, code=form.cleaned_data["code"])
        if held is not None:
            sessions.factor_given(request, held)
            messages.warning(request, _("That code is used up. Is your factor lost? Set up another one."))
            return redirect("portal:security")
        form.add_error("code", _("This recovery code is not right, or was used before."))
    return ask(request, "recovery", form)


@never_cache
@forms_shown
@door("account.manage", factor=False)
def prove(request: HttpRequest) -> HttpResponse:
    """Before a sensitive act: the factor once more, or the password where there is none."""
    user: Any = request.user
    by_code = factors.has_factor(user)
    form = (CodeForm if by_code else PasswordForm)(request.POST or None)
    if form.is_valid():
        if _proves(user, form.cleaned_data, request.POST.get("device") or None):
            sessions.proved(request)
            return onward(request, user)
        form.add_error(None, _("That was not right. Please try again."))
    shown = _devices(user) if by_code else {}
    return ask(request, "prove", form, code=demo.code_of(user), **shown)


def _proves(user: User, given: dict[str, str], ref: str | None) -> bool:
    if "code" in given:
        return factors.give_code(user, code=given["code"], ref=ref) is not None
    return sign_in.password_again(user, given["password"])


@public
@never_cache
@forms_shown
def forgot_password(request: HttpRequest, realm: str) -> HttpResponse:
    form = EmailForm(request.POST or None)
    if not form.is_valid():
        return ask(request, "forgot_password", form, realm=realm)
    address = request.META.get("REMOTE_ADDR")
    with sign_in.even_time():
        sign_in.ask_reset(realm=realm, email=form.cleaned_data["email"], address=address)
    return ask(request, "letter_sent", None, back=reverse(SIGN_IN_PAGES[realm]))


@public
@never_cache
@forms_shown
def new_password(request: HttpRequest) -> HttpResponse:
    """Behind the link of a reset. The second factor is still asked for at sign-in."""
    token = request.POST.get("token") or request.GET.get("token", "")
    secret = one_time.by_token("reset", token)
    if secret is None or secret.user is None:
        return ask(request, "link_void", None, status=410)
    form = NewPasswordForm(request.POST or None)
    if form.is_valid() and _reset(form, secret):
        messages.success(request, _("Your password is changed. Sign in with the new one."))
        return redirect(SIGN_IN_PAGES[secret.user.realm])
    return ask(request, "new_password", form, token=token)


def _reset(form: forms.Form, secret: OneTimeSecret) -> bool:
    try:
        return sign_in.reset_password(secret, password=form.cleaned_data["password"])
    except ValidationError as error:
        form.add_error("password", error)
        return False


@never_cache
@forms_shown
@door("account.manage", step_up=True)
def change_password(request: HttpRequest) -> HttpResponse:
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        try:
            sign_in.change_password(request, password=form.cleaned_data["password"])
        except ValidationError as error:
            form.add_error("password", error)
        else:
            messages.success(request, _("Your password is changed, and all other sessions are ended."))
            return redirect("portal:security")
    return ask(request, "change_password", form)


@never_cache
@forms_shown
@door("account.manage", step_up=True)
def change_email(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = EmailForm(request.POST or None)
    if not form.is_valid():
        return ask(request, "change_email", form)
    sign_in.ask_email_change(user, email=form.cleaned_data["email"])
    return ask(request, "letter_sent", None, back=reverse("portal:security"))


@public
@never_cache
@forms_shown
def confirm_email(request: HttpRequest) -> HttpResponse:
    """Behind the link that went to a new address: opening shows a button, the button changes it."""
    token = request.POST.get("token") or request.GET.get("token", "")
    secret = one_time.by_token("email", token)
    if secret is None or secret.user is None:
        return ask(request, "link_void", None, status=410)
    if request.method != "POST":
        return ask(request, "confirm_email", None, token=token)
    if not sign_in.change_email(secret):
        return ask(request, "link_void", None, status=410)
    messages.success(request, _("Your e-mail address is changed. Sign in with the new one from now on."))
    return redirect(SIGN_IN_PAGES[secret.user.realm])
