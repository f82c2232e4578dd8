"""The complaint register."""

from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import forms_floor as forms
from agents.views.answers import StaffRequest
from agents.views.pages import pressed, shown, through
from cases import complaints as rules
from cases.models import Complaint
from config.business_day import business_day
from portal.access import door


@require_http_methods(["GET", "POST"])
@door("complaints.work", realm="staff")
def complaints(request: StaffRequest) -> HttpResponseBase:
    """``?answered=1``: those that are done with."""
    asked = {"case_number": request.GET.get("case", "")[:16], "once": uuid4()}
    form = forms.ComplaintForm(request.POST or None, initial=asked)
    back = reverse("agents:complaints")
    if request.method == "POST" and (
        answer := through(
            request, form, rules.take_down, back=back, said=_("The complaint is in the register.")
        )
    ):
        return answer
    answered = "answered" in request.GET
    rows = [(row, rules.late(row)) for row in rules.register(request.user, answered=answered)]
    return shown(request, "complaints", form=form, rows=rows, answered=answered)


@require_GET
@door("complaints.work", realm="staff", step_up=True)
def export(request: StaffRequest) -> HttpResponseBase:
    """All of the register. Its rows are read a few at a time, and their lines are short."""
    name = f"complaints-{business_day()}.csv"
    return HttpResponse(
        rules.as_csv(request.user),
        content_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _opened(request: StaffRequest, ref: UUID) -> Complaint:
    try:
        return rules.open_complaint(request.user, ref)
    except Complaint.DoesNotExist:
        raise Http404 from None


@require_http_methods(["GET", "POST"])
@door("complaints.work", realm="staff")
def complaint(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    """One complaint; posting answers it."""
    found, form = _opened(request, ref), forms.AnswerForm(request.POST or None)

    def answered(actor: Any, findings: str, told: str) -> None:
        rules.answer(actor, complaint=found, findings=findings, told=told)

    if request.method == "POST" and (
        answer := through(
            request, form, answered, back=request.path, said=_("The answer is in the register.")
        )
    ):
        return answer
    return shown(request, "complaint", complaint=found, late=rules.late(found), form=form)


@require_POST
@door("complaints.work", realm="staff")
def acknowledge(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    return pressed(
        request, rules.acknowledge, back=reverse("agents:complaint", args=[ref]),
        said=_("Written down as acknowledged."), complaint=_opened(request, ref),
    )  # fmt: skip
