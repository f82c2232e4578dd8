"""The dialog of a call that was promised: chosen, moved, made, not answered, given up."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from agents.forms import LocalTimeField
from agents.views.answers import StaffRequest
from agents.views.cases import opened, reached
from agents.views.work import done
from cases import calendars
from cases import callbacks as rules
from cases.models import Callback, Case
from portal.access import door

ACTS = {"done": rules.done, "missed": rules.missed, "cancel": rules.cancel}


class CallbackForm(forms.Form):
    phone = forms.CharField(label=_("Number to call"), max_length=24)
    starts_at = LocalTimeField(label=_("When, within our hours"))


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def callback(request: StaffRequest, number: str) -> HttpResponseBase:
    """Promise a call, or give the promised one another time."""
    case = reached(request, number)
    kept = Callback.objects.visible_to(request.user).filter(case=case, state="scheduled").first()
    if request.method != "POST":
        opened(request, number, "case: callback")
        return _shown(request, case, kept, CallbackForm(initial=_usual(case, kept)))
    form = CallbackForm(request.POST)
    if form.is_valid():
        try:
            if kept:
                rules.move(request.user, callback=kept, starts_at=form.cleaned_data["starts_at"])
            else:
                rules.schedule(request.user, case=case, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return done(case)
    return _shown(request, case, kept, form, status=422)


def _usual(case: Case, kept: Callback | None) -> dict[str, Any]:
    if kept:
        return {"phone": kept.phone, "starts_at": kept.starts_at}
    soon = calendars.next_opening(calendars.supplier(), timezone.now() + timedelta(minutes=30))
    return {"starts_at": rules.slot_of(soon + timedelta(minutes=29), rules.rules())}


def _shown(
    request: StaffRequest, case: Case, kept: Callback | None, form: CallbackForm, status: int = 200
) -> HttpResponseBase:
    shown = {"case": case, "callback": kept, "form": form, "action": request.path}
    return render(request, "agents/case/callback.html", shown, status=status)


@require_POST
@door("cases.work", realm="staff")
def settle(request: StaffRequest, number: str, act: str) -> HttpResponseBase:
    """What came of the call."""
    case = reached(request, number)
    kept = Callback.objects.visible_to(request.user).filter(case=case, state="scheduled").first()
    if act not in ACTS or kept is None:
        raise Http404
    ACTS[act](request.user, callback=kept)
    return done(case)
