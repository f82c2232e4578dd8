"""Behind the link of an invitation."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from portal import invitations, sign_in
from portal.access import public
from portal.account_forms import InvitedForm, InvitedPatientForm, ProofsForm
from portal.models import Invitation, User
from portal.views.sign_in import SIGN_IN_PAGES, ask, forms_shown, home_of

NOT_ON_FILE = _("This is not what we have on file. Please look again.")
TAKEN = _(
    "This e-mail address belongs to an account already. Call us to put an address of your own on file; "
    "then we invite you there."
)
DONE = {"patient": _("Your own records are open now."), "caregiver": _("You are a caregiver now.")}


@public
@never_cache
@forms_shown
def invitation(request: HttpRequest) -> HttpResponse:
    """Open an account, or with the one they have, take a caregiver's place or their own record."""
    token = request.POST.get("token") or request.GET.get("token", "")
    invited = invitations.by_token(token)
    if invited is None:
        return ask(request, "link_void", None, status=410)
    if request.user.is_authenticated and invitations.may_bind(request.user, invited):
        return _bind(request, invited, token)
    kind_of_form = InvitedPatientForm if invited.kind == "patient" else InvitedForm
    form = kind_of_form(request.POST or None, initial={"name": invited.name})
    if form.is_valid():
        user = _accept(form, invited)
        if user is not None:
            sign_in.enter(request, user, what="invitation")
            return redirect(home_of(user))
    here = f"{reverse('portal:invitation')}?token={token}"
    shown: dict[str, Any] = {"kind": invited.kind, "token": token, "here": here}
    page = SIGN_IN_PAGES[invitations.realm_of(invited)]
    return ask(request, "invitation", form, sign_in=reverse(page), **shown)


def _bind(request: HttpRequest, invited: Invitation, token: str) -> HttpResponse:
    user: Any = request.user
    form = (ProofsForm if invited.kind == "patient" else forms.Form)(request.POST or None)
    if not form.is_valid() or not _bound(form, user, invited):
        return ask(request, "invitation_bind", form, kind=invited.kind, token=token)
    messages.success(request, DONE[invited.kind])
    return redirect(home_of(user))


def _bound(form: forms.Form, user: User, invited: Invitation) -> bool:
    try:
        invitations.bind(user, invitation=invited, **form.cleaned_data)
    except invitations.WrongProofs:
        form.add_error(None, NOT_ON_FILE)
        return False
    return True


def _accept(form: forms.Form, invited: Invitation) -> User | None:
    given = form.cleaned_data
    proofs = {name: given[name] for name in ("last_name", "birth_date") if name in given}
    try:
        return invitations.accept(invited, name=given.get("name", ""), password=given["password"], **proofs)
    except invitations.WrongProofs:
        form.add_error(None, NOT_ON_FILE)
    except invitations.AccountExists:
        form.add_error(None, _("You have an account already: sign in first, then open the link again."))
    except invitations.AddressTaken:
        form.add_error(None, TAKEN)
    except ValidationError as error:
        form.add_error("password", error)
    return None
