"""What is offered to an agent and what they say to it, the next to take, and the baton between shifts."""

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from agents import assignment, offers, presence, reasons, shifts
from agents.forms_routing import BatonForm, DeclineForm
from agents.models import Offer
from agents.rows import initials
from agents.views.answers import StaffRequest, closes_dialog, told
from agents.views.work import in_words, reached
from cases.cases import Conflict
from portal.access import door


@require_GET
@door("console.use", realm="staff", extends_session=False)
def offered(request: StaffRequest) -> HttpResponseBase:
    """What is held out to the agent now, and whether it is time to hand over. Of a patient, initials alone."""
    mine, names = offers.of(request.user), reasons.skill_names()
    shown = [(one, initials(one.case), reasons.in_words(one, names)) for one in mine if one.kind != "baton"]
    baton = sum(one.kind == "baton" for one in mine)
    ending = shifts.ending(request.user)
    leaving = shifts.open_work(request.user).count() if ending else 0
    return render(
        request,
        "agents/routing/offers.html",
        {"offers": shown, "baton": baton, "ending": ending, "leaving": leaving},
    )


@require_POST
@door("cases.work", realm="staff")
def accept(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Take it; whoever is too late is told who was faster."""
    found = _mine(request, pk)
    try:
        offers.accept(request.user, offer=found)
    except Conflict as conflict:
        return _too_late(in_words(conflict))
    except offers.Gone as gone:
        return _too_late(_gone(gone.state))
    except presence.NoRoom:
        return _too_late(
            _("You have no room for another chat. Go online, or raise how many you take at once.")
        )
    return _taken(found)


def _mine(request: StaffRequest, pk: int) -> Offer:
    mine = Offer.objects.visible_to(request.user).filter(agent=request.user).select_related("case")
    found: Offer = get_object_or_404(mine, pk=pk)
    return found


def _gone(state: str) -> str:
    return {
        "declined": _("You declined this already."),
        "timed_out": _("The time to accept it ran out, and it was offered on."),
    }.get(state, _("It went to somebody else, or is closed."))


def _too_late(words: str) -> HttpResponse:
    return trigger_client_event(told(HttpResponse(status=409), words), "offers-changed", {})


def _taken(found: Offer) -> HttpResponse:
    answer = trigger_client_event(HttpResponse(status=204), "offers-changed", {"opens": found.case.number})
    return trigger_client_event(answer, "case-acted", {"number": found.case.number})


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def decline(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Ask why not, in a dialog; then it is offered on."""
    found = _mine(request, pk)
    form = DeclineForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            offers.decline(request.user, offer=found, **form.cleaned_data)
        except offers.Gone as gone:
            return told(closes_dialog("offers-changed"), _gone(gone.state))
        return closes_dialog("offers-changed")
    lead = (
        _("It goes back to %(name)s.") if found.kind == "transfer" else _("It is offered to somebody else.")
    )
    name = found.giver.display_name if found.giver else ""
    shown = {"form": form, "title": _("Decline"), "verb": _("Decline"), "lead": lead % {"name": name}}
    status = 422 if request.method == "POST" else 200
    return render(request, "agents/case/form.html", shown | {"action": request.path}, status=status)


@require_POST
@door("cases.work", realm="staff")
def take_next(request: StaffRequest) -> HttpResponseBase:
    """Give the agent the next contact they should work on."""
    try:
        found = assignment.take_next(request.user)
    except presence.NoRoom:
        return _too_late(_("You are offline. Go online to take the next."))
    if found is None:
        return _too_late(_("Nothing waits that you can take."))
    return _taken(found)


@require_GET
@door("cases.view", realm="staff")
def why(request: StaffRequest, number: str) -> HttpResponseBase:
    """To whom the case was offered, why to them, and what they said."""
    case = reached(request, number)
    made = Offer.objects.filter(case=case).select_related("agent", "giver").order_by("-made_at", "-pk")[:20]
    names = reasons.skill_names()
    history = [(one, reasons.in_words(one, names)) for one in made]
    return render(request, "agents/routing/why.html", {"case": case, "history": history})


# --- the baton ---------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def baton(request: StaffRequest) -> HttpResponseBase:
    """What one hands to the coming shift, and what the last one hands to oneself."""
    found = shifts.baton(request.user)
    form = BatonForm(request.POST or None, baton=found)
    if request.method == "POST" and form.is_valid():
        handed = shifts.hand_over(request.user, given=form.given())
        return _baton(request, shifts.baton(request.user), handed=handed)
    return _baton(request, found, form, status=422 if request.method == "POST" else 200)


def _baton(
    request: StaffRequest,
    found: shifts.Baton,
    form: BatonForm | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponseBase:
    shown = {
        "baton": found,
        "form": form or BatonForm(baton=found),
        "received": shifts.handed_to(request.user),
    }
    return render(request, "agents/routing/baton.html", shown | more, status=status)


@require_POST
@door("cases.work", realm="staff")
def take_baton(request: StaffRequest) -> HttpResponseBase:
    """Take over everything that the shift before hands to one."""
    taken, refused = shifts.take_all(request.user)
    said = ngettext("You took over %(n)d case.", "You took over %(n)d cases.", taken) % {"n": taken}
    return _baton(request, shifts.baton(request.user), taken=said if taken else "", refused=refused)
