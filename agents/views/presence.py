"""How an agent stands, and how they like the console."""

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from agents import acts, floor, forms, saved_views, workspace
from agents import presence as rules
from agents.forms_routing import CapacityForm
from agents.models import AgentPresence
from agents.views.answers import StaffRequest, closes_dialog
from portal.access import allowed, door


@require_POST
@door("chat.serve", realm="staff")
def presence(request: StaffRequest) -> HttpResponseBase:
    form = forms.PresenceForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    said = rules.set_state(request.user, **form.cleaned_data)
    shown = {"presence": said, "presence_states": AgentPresence.STATES}
    response = render(request, "agents/console/availability.html", shown)
    return trigger_client_event(response, "queue-changed")


@require_http_methods(["GET", "POST"])
@door("chat.serve", realm="staff")
def capacity(request: StaffRequest) -> HttpResponseBase:
    """How many units one has in hand, and how many one carries."""
    there = rules.of(request.user)
    load = floor.load_of(there)
    form = CapacityForm(request.POST or None, usual=load.usual, initial=_said(there, load))
    if request.method == "POST" and form.is_valid():
        rules.set_state(
            request.user, state=form.cleaned_data["state"], chat_capacity=form.cleaned_data["chat_capacity"]
        )
        rules.set_units(request.user, units=form.own(load.usual))
        return closes_dialog("preferences-changed")
    shown = {"form": form, "used": load.used, "left": load.left}
    status = 422 if request.method == "POST" else 200
    return render(request, "agents/routing/capacity.html", shown, status=status)


def _said(there: AgentPresence, load: floor.Load) -> dict[str, Any]:
    own = {f"units_{channel or 'all'}": units for channel, units in load.own.items()}
    return {"state": there.state, "chat_capacity": there.chat_capacity} | own


@require_GET
@door("console.use", realm="staff")
def keys(request: StaffRequest) -> HttpResponseBase:
    """The sheet of keys, with the switches for those who want none."""
    form = forms.PreferencesForm(instance=workspace.preferences_of(request.user))
    return _sheet(request, form)


def _sheet(request: StaffRequest, form: forms.PreferencesForm, status: int = 200) -> HttpResponseBase:
    lettered = [act for act in acts.ACTS if act.key and allowed(request.user, act.permission)]
    shown = {"form": form, "acts": lettered, "views": saved_views.views_of(request.user).values()}
    return render(request, "agents/console/keys.html", shown, status=status)


@require_http_methods(["POST"])
@door("console.use", realm="staff")
def preferences(request: StaffRequest) -> HttpResponseBase:
    form = forms.PreferencesForm(request.POST)
    if not form.is_valid():
        return _sheet(request, form, status=422)
    workspace.save_preferences(request.user, **form.cleaned_data)
    return closes_dialog("preferences-changed", **form.cleaned_data)
