"""The customer's insurance."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from billing import coverage
from portal import access_trail
from portal.records import Record
from portal.views.pages import page, seen

access_trail.THINGS["billing.coverage"] = _("Insurance")


@page("billing")
@require_safe
def coverage_page(request: HttpRequest, record: Record) -> HttpResponse:
    coverages = coverage.of_patient(request.user, record.patient)
    missing = coverage.missing_sides(coverages)
    seen(record, "billing.coverage", [each.coverage for each in coverages])
    return render(request, "billing/portal/coverage.html", {"coverages": coverages, "missing": missing})
