"""Pages to be printed before the system is away, and the index of pages beside the queue."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from agents import announcements as announcing
from agents import downtime
from agents.models import Announcement
from agents.views.answers import StaffRequest
from agents.views.pages import shown
from portal.access import allowed, door


@dataclass(frozen=True)
class Page:
    name: str
    icon: str
    may: str
    title: Any
    lead: Any


PAGES = [
    Page(
        "agents:referrals", "user-plus", "intake.work", _("Intake"), _("Referrals on their way to a set-up")
    ),
    Page(
        "agents:look-alikes",
        "users",
        "patients.merge",
        _("Records alike"),
        _("Two records that may be one person"),
    ),
    Page(
        "agents:complaints",
        "message-square-warning",
        "complaints.work",
        _("Complaints"),
        _("The register, with what is late"),
    ),
    Page("agents:incidents", "siren", "cases.view", _("Mass incidents"), _("One cause, many patients")),
    Page("agents:announcements", "megaphone", "announcements.manage", _("Announcements"), _("Tell the desk")),
    Page(
        "agents:downtime",
        "printer",
        "downtime.print",
        _("Downtime sheet"),
        _("To print before the system is away"),
    ),
    Page(
        "agents:disaster-list",
        "life-buoy",
        "incidents.manage",
        _("Disaster list"),
        _("Who depends on equipment, by area"),
    ),
]


@require_GET
@door("cases.view", realm="staff")
def floor(request: StaffRequest) -> HttpResponseBase:
    """What else there is to do, for those who may."""
    return shown(request, "index", pages=[page for page in PAGES if allowed(request.user, page.may)])


@require_GET
@door("downtime.print", realm="staff")
def sheet(request: StaffRequest) -> HttpResponseBase:
    return shown(request, "downtime", sheet=downtime.sheet(request.user))


@require_GET
@door("incidents.manage", realm="staff", step_up=True)
def disaster_list(request: StaffRequest) -> HttpResponseBase:
    """``?state=FL`` for one state."""
    state = request.GET.get("state", "")
    areas = downtime.dependent(request.user, state=state)
    cut = sum(len(area.patients) for area in areas) >= downtime.MOST_PATIENTS
    return shown(request, "disaster_list", areas=areas, state=state, cut=cut)


@require_GET
@door("console.use", realm="staff", extends_session=False)
def told(request: StaffRequest) -> HttpResponseBase:
    """What the floor is told and this person has not read, for the top of the desk."""
    return render(request, "agents/floor/told.html", {"announcements": announcing.for_(request.user)})


@require_POST
@door("console.use", realm="staff")
def told_seen(request: StaffRequest, pk: int) -> HttpResponseBase:
    announcing.seen(request.user, announcement=get_object_or_404(Announcement, pk=pk))
    return HttpResponse("")
