"""The rail, its lists and their rows."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from agents import presence, queue, workspace
from agents.models import AgentPresence
from agents.views.answers import StaffRequest
from portal.access import door

NOBODY = UUID(int=0)


def frame(view: queue.View) -> dict[str, Any]:
    """What every page of the console needs; it asks for the rail's counts once it stands.

    ``nobody`` holds the place of an id in addresses for scripts.
    """
    return {
        "views": queue.VIEWS.values(),
        "view": view,
        "nobody": NOBODY,
        "zone": settings.SUPPLIER_TIME_ZONE,
    }


def desk(request: StaffRequest, view: queue.View) -> dict[str, Any]:
    """What the rail and the availability of the agent show."""
    return frame(view) | {
        "counts": queue.counts(request.user),
        "most": queue.MOST,
        "chats": queue.my_chats(request.user),
        "presence": presence.of(request.user),
        "presence_states": AgentPresence.STATES,
        "preferences": workspace.preferences_of(request.user),
    }


def view_or_404(code: str) -> queue.View:
    try:
        return queue.VIEWS[code]
    except KeyError:
        raise Http404 from None


@require_GET
@door("console.use", realm="staff")
def console(request: StaffRequest) -> HttpResponseBase:
    return view(request, queue.FIRST)


@require_GET
@door("console.use", realm="staff")
def view(request: StaffRequest, code: str) -> HttpResponseBase:
    chosen = view_or_404(code)
    shown = {"page": queue.page(request.user, chosen), "pane": "queue"}
    return render(request, "agents/console/desk.html", frame(chosen) | shown)


@require_GET
@door("console.use", realm="staff", extends_session=False)
def rows(request: StaffRequest, code: str) -> HttpResponseBase:
    """A list, or what follows ``?after=``; pages ask again when something in it changed."""
    try:
        page = queue.page(request.user, view_or_404(code), after=request.GET.get("after", ""))
    except queue.NoSuchPlace:
        raise Http404 from None
    shown = {"page": page, "view": page.view, "first": "after" not in request.GET}
    return render(request, "agents/queue/rows.html", shown)


@require_GET
@door("console.use", realm="staff", extends_session=False)
def row(request: StaffRequest, code: str, number: str) -> HttpResponseBase:
    """One row as it stands now; 204 where the view no longer has it."""
    chosen = view_or_404(code)
    shown = queue.one(request.user, chosen, number)
    if shown is None:
        return HttpResponse(status=204)
    return render(request, "agents/queue/row.html", {"row": shown, "view": chosen})


@require_GET
@door("console.use", realm="staff", extends_session=False)
def rail(request: StaffRequest) -> HttpResponseBase:
    """The rail with its counts, and the chats served. Without anything of a patient but initials."""
    chosen = view_or_404(request.GET.get("view", queue.FIRST))
    return render(request, "agents/queue/rail.html", desk(request, chosen))


@require_POST
@door("console.use", realm="staff", extends_session=False)
def poll(request: StaffRequest) -> HttpResponseBase:
    """A sign of life of a page whose socket is not open, answered by what to ask for again: numbers alone."""
    chosen = view_or_404(request.POST.get("view", queue.FIRST))
    presence.seen(request.user)
    stamp = queue.changed_stamp(request.user, chosen)
    return JsonResponse({"counts": queue.counts(request.user), "stamp": stamp})
