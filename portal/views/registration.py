"""Patients open their own account, in two steps. The first answers the same whoever asks."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from portal import registration, sign_in
from portal.access import public
from portal.account_forms import RegisterCodeForm, RegisterForm
from portal.models import OneTimeSecret, User
from portal.views.sign_in import ask, forms_shown, home_of

STEP = "registration"  # where the session keeps which registration this browser began


@public
@never_cache
@forms_shown
def register(request: HttpRequest) -> HttpResponse:
    form = RegisterForm(request.POST or None)
    if not form.is_valid():
        return ask(request, "register", form)
    address = request.META.get("REMOTE_ADDR", "")
    with sign_in.even_time():
        secret = registration.begin(proofs=registration.Proofs(**form.cleaned_data), address=address)
    request.session[STEP] = str(secret.ref)
    return redirect("portal:register-code")


@public
@never_cache
@forms_shown
def register_code(request: HttpRequest) -> HttpResponse:
    begun = request.session.get(STEP)
    secret = OneTimeSecret.objects.filter(purpose="registration", ref=begun).first() if begun else None
    if secret is None:
        return redirect("portal:register")
    form = RegisterCodeForm(request.POST or None)
    if form.is_valid():
        user = _finish(form, secret)
        if user is not None:
            request.session.pop(STEP)
            sign_in.enter(request, user, what="registration")
            return redirect(home_of(user))
    return ask(request, "register_code", form)


def _finish(form: forms.Form, secret: OneTimeSecret) -> User | None:
    given: dict[str, Any] = form.cleaned_data
    try:
        return registration.finish(secret, code=given["code"], password=given["password"])
    except registration.WrongCode:
        form.add_error("code", _("This code is not right, or its time is over."))
    except ValidationError as error:
        form.add_error("password", error)
    return None
