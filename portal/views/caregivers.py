"""People who help me: whom a patient lets act for them."""

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal import caregivers
from portal.forms import InviteCaregiverForm
from portal.records import Record
from portal.views.pages import page, seen

MANAGE = "caregivers.manage"


@page("own", permission=MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def caregiver_list(request: HttpRequest, record: Record) -> HttpResponseBase:
    form = InviteCaregiverForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _invited(request, record, form):
        messages.success(request, _("We sent an invitation. It works for 7 days."))
        return redirect("portal:caregivers")
    return _show(request, record, form)


def _show(request: HttpRequest, record: Record, form: InviteCaregiverForm) -> HttpResponse:
    rows = list(caregivers.of_patient(request.user, record.patient))
    seen(record, "portal.caregivers", rows)
    status = 422 if form.errors else 200
    return render(request, "portal/caregivers/list.html", {"caregivers": rows, "form": form}, status=status)


def _invited(request: HttpRequest, record: Record, form: InviteCaregiverForm) -> bool:
    try:
        caregivers.invite(request.user, patient=record.patient, **form.cleaned_data)  # type: ignore[arg-type]
    except ValidationError as problem:
        form.add_error(None, problem)
        return False
    return True


@page("own", permission=MANAGE)
@require_POST
def revoke(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    caregiver = caregivers.of_patient(request.user, record.patient).filter(ref=ref).first()
    if caregiver is None:
        raise Http404
    caregivers.revoke(request.user, caregiver=caregiver)  # type: ignore[arg-type]
    messages.success(request, _("This person can no longer see your record."))
    return redirect("portal:caregivers")
