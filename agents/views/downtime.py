"""Pages to be printed before the system is away, and the index of pages beside the queue."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from agents import announcements as announcing
from agents import downtime
from agents.models import Announcement
from agents.views.answers import StaffRequest
from agents.views.pages import shown
from portal.access import allowed, door

PAGES = [
    ("agents:referrals", "user-plus", "intake.work"),
    ("agents:look-alikes", "users", "patients.merge"),
    ("agents:complaints", "message-square-warning", "complaints.work"),
    ("agents:incidents", "siren", "cases.view"),
    ("agents:announcements", "megaphone", "announcements.manage"),
    ("agents:downtime", "printer", "downtime.print"),
    ("agents:disaster-list", "life-buoy", "incidents.manage"),
]


@require_GET
@door("cases.view", realm="staff")
def floor(request: StaffRequest) -> HttpResponseBase:
    """What else there is to do, for those who may."""
    return shown(request, "index", open={name for name, _icon, may in PAGES if allowed(request.user, may)})


@require_GET
@door("downtime.print", realm="staff")
def sheet(request: StaffRequest) -> HttpResponseBase:
    return shown(request, "downtime", sheet=downtime.sheet(request.user))


@require_GET
@door("incidents.manage", realm="staff", step_up=True)
def disaster_list(request: StaffRequest) -> HttpResponseBase:
    """``?state=FL`` for one state."""
    state = request.GET.get("state", "")
    return shown(request, "disaster_list", areas=downtime.dependent(request.user, state=state), state=state)


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
