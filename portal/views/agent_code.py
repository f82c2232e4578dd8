"""A code to read out to an agent, who then knows whom they speak with."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from portal import verification
from portal.records import Record
from portal.views.pages import page, seen


@page("any")
@require_http_methods(["GET", "POST"])
def agent_code(request: HttpRequest, record: Record) -> HttpResponse:
    """What it is for; posted, the code and the time it has left. It is shown once and stands in no address."""
    shown: dict[str, object] = {"minutes": verification.rules().code_minutes}
    if request.method == "POST":
        issued = verification.issue_portal_code(request.user, patient=record.patient)  # type: ignore[arg-type]
        shown |= {"code": issued.code, "seconds": int((issued.until - timezone.now()).total_seconds())}
    seen(record, "portal.agent_code")
    return render(request, "portal/profile/agent_code.html", shown)
