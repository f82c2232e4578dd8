"""A contact taken down by hand, the colleagues one can name, and what one has been told."""

from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from agents import forms
from agents.forms_lists import GuestCaseForm
from agents.views.answers import StaffRequest, closes_dialog
from agents.views.cases import reached
from cases import cases as case_rules
from cases import following
from portal.access import door

MOST = 60


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def new_case(request: StaffRequest) -> HttpResponseBase:
    """Find the patient, or take the contact down for a guest."""
    if request.method != "POST":
        return render(request, "agents/search/new_case.html", {"form": GuestCaseForm()})
    form = GuestCaseForm(request.POST)
    if form.is_valid():
        try:
            case = case_rules.open_case(request.user, owner=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            address = reverse("agents:case", args=[case.number])
            return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    return render(request, "agents/search/new_case.html", {"form": form}, status=422)


@require_GET
@door("cases.work", realm="staff")
def people(request: StaffRequest, number: str) -> HttpResponseBase:
    """Colleagues who can be named in a note with ``@``."""
    case = reached(request, number)
    others = sorted(
        forms.desk().exclude(pk=request.user.pk), key=lambda person: person.display_name.casefold()
    )
    return render(request, "agents/case/people.html", {"case": case, "people": others})


@require_GET
@door("console.use", realm="staff", extends_session=False)
def notifications(request: StaffRequest) -> HttpResponseBase:
    """What one has been told, unread first; ids and kinds alone."""
    told = following.notifications(request.user)[:MOST]
    return render(request, "agents/console/notifications.html", {"told": told})


@require_POST
@door("console.use", realm="staff")
def notifications_read(request: StaffRequest) -> HttpResponseBase:
    following.mark_read(request.user)
    return closes_dialog("queue-changed")
