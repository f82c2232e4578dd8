"""The page of a customer, opened from a case, and what was said to them and done, which it asks for."""

from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents import customer as rules
from agents.views.answers import StaffRequest
from agents.views.cases import opened
from portal.access import door
from portal.models import Patient


@require_GET
@door("patients.view", realm="staff")
def customer(request: StaffRequest, number: str) -> HttpResponseBase:
    case = opened(request, number, "customer")
    try:
        whole = rules.whole(request.user, case)
    except Patient.DoesNotExist:
        raise Http404 from None
    return render(request, "agents/case/customer.html", {"case": case, "customer": whole})


@require_GET
@door("patients.view", realm="staff")
def said(request: StaffRequest, number: str) -> HttpResponseBase:
    case = opened(request, number, "customer: what was said")
    try:
        line = rules.said(request.user, case)
    except Patient.DoesNotExist:
        raise Http404 from None
    return render(request, "agents/case/customer_said.html", {"line": line})
