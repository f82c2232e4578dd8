"""The rail, its lists and their rows."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from agents import presence, queue, saved_views, workspace
from agents.models import AgentPresence, SavedView
from agents.views.answers import StaffRequest
from cases import following
from portal.access import allowed, door

NOBODY = UUID(int=0)


def frame(request: StaffRequest, view: queue.View) -> dict[str, Any]:
    """What every page of the console needs; it asks for the rail, with counts and own lists, once it stands.

    ``nobody`` holds the place of an id in addresses for scripts.
    """
    return {
        "views": queue.VIEWS.values(),
        "view": view,
        "nobody": NOBODY,
        "zone": settings.SUPPLIER_TIME_ZONE,
        "can_bulk": allowed(request.user, "cases.bulk"),
    }


def desk(request: StaffRequest, view: queue.View) -> dict[str, Any]:
    """What the rail and the availability of the agent show."""
    views = list(saved_views.views_of(request.user).values())
    return frame(request, view) | {
        "views": views,
        "counts": queue.counts(request.user, views),
        "most": queue.MOST,
        "chats": queue.my_chats(request.user),
        "presence": presence.of(request.user),
        "presence_states": AgentPresence.STATES,
        "preferences": workspace.preferences_of(request.user),
        "told": following.unread(request.user),
    }


def view_or_404(request: StaffRequest, code: str) -> queue.View:
    """The house's own lists need no look at the agent's."""
    views = queue.VIEWS if code in queue.VIEWS else saved_views.views_of(request.user)
    try:
        return views[code]
    except KeyError:
        raise Http404 from None


def sort_for(request: StaffRequest, view: queue.View) -> str:
    """How this list is ordered: as it was saved, else as the agent likes their lists."""
    if not view.by_breach:
        return queue.CONTACT
    return str(view.saved.sort if view.saved else workspace.preferences_of(request.user).sort)


def list_of(request: StaffRequest, view: queue.View, after: str = "", until: str = "") -> dict[str, Any]:
    try:
        page = queue.page(request.user, view, after=after, until=until, sort=sort_for(request, view))
    except queue.NoSuchPlace:
        raise Http404 from None
    return {"page": page, "view": view, "can_bulk": allowed(request.user, "cases.bulk")}


@require_GET
@door("console.use", realm="staff")
def console(request: StaffRequest) -> HttpResponseBase:
    return view(request, queue.FIRST)


@require_GET
@door("console.use", realm="staff")
def view(request: StaffRequest, code: str) -> HttpResponseBase:
    chosen = view_or_404(request, code)
    shown = frame(request, chosen) | list_of(request, chosen) | {"pane": "queue"}
    return render(request, "agents/console/desk.html", shown)


@require_GET
@door("console.use", realm="staff", extends_session=False)
def rows(request: StaffRequest, code: str) -> HttpResponseBase:
    """A list, or what follows ``?after=`` (up to ``?until=``); pages ask again when something in it changed."""
    after, until = request.GET.get("after", ""), request.GET.get("until", "")
    shown = list_of(request, view_or_404(request, code), after, until)
    return render(request, "agents/queue/rows.html", shown | {"first": "after" not in request.GET})


@require_GET
@door("console.use", realm="staff", extends_session=False)
def row(request: StaffRequest, code: str, number: str) -> HttpResponseBase:
    """One row as it stands now; 204 where the view no longer has it."""
    chosen = view_or_404(request, code)
    shown = queue.one(request.user, chosen, number, sort=sort_for(request, chosen))
    if shown is None:
        return HttpResponse(status=204)
    return render(
        request,
        "agents/queue/row.html",
        {"row": shown, "view": chosen, "can_bulk": allowed(request.user, "cases.bulk")},
    )


@require_POST
@door("console.use", realm="staff")
def sort(request: StaffRequest, code: str) -> HttpResponseBase:
    """The list in the other order, which the agent's lists keep from now on."""
    chosen = view_or_404(request, code)
    wanted = request.POST.get("sort", "")
    if wanted not in dict(SavedView.SORTS) or chosen.saved:
        return HttpResponse(status=422)
    workspace.save_preferences(request.user, sort=wanted)
    return render(request, "agents/queue/rows.html", list_of(request, chosen) | {"first": True})


@require_GET
@door("console.use", realm="staff", extends_session=False)
def rail(request: StaffRequest) -> HttpResponseBase:
    """The rail with its counts, and the chats served. Without anything of a patient but initials."""
    chosen = view_or_404(request, request.GET.get("view", queue.FIRST))
    return render(request, "agents/queue/rail.html", desk(request, chosen))


@require_POST
@door("console.use", realm="staff", extends_session=False)
def poll(request: StaffRequest) -> HttpResponseBase:
    """A sign of life of a page whose socket is not open, answered by what to ask for again: numbers alone."""
    chosen = view_or_404(request, request.POST.get("view", queue.FIRST))
    presence.seen(request.user)
    stamp = queue.changed_stamp(request.user, chosen, sort=sort_for(request, chosen))
    counts = queue.counts(request.user, saved_views.views_of(request.user).values())
    return JsonResponse({"counts": counts, "stamp": stamp})
