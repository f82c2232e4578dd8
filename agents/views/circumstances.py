"""Dialogs on a case about its patient's circumstances, a complaint of theirs, or the incident that touches them."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from agents import forms_floor as forms
from agents.views.answers import StaffRequest, blame
from agents.views.work import done, reached
from agents.workspace import purpose
from cases import complaints, incidents
from cases.models import Case
from portal import levels, stays
from portal.access import door
from portal.models import FacilityStay, Patient

STOPS = gettext_lazy("Nothing is sent, shipped or asked from then on. Nothing is deleted.")
ASKS = gettext_lazy("Nobody here is verified: a lead is asked to confirm it. Until then nothing stops.")

dialog = require_http_methods(["GET", "POST"])


def _through(
    request: StaffRequest, case: Case, title: Any, form: Form, act: Callable[..., Any], lead: Any = ""
) -> HttpResponseBase:
    if request.method == "POST" and form.is_valid():
        try:
            act(request.user, **form.cleaned_data)
            return done(case)
        except ValidationError as error:
            blame(form, error)
    shown = {"title": title, "verb": _("Save"), "lead": lead, "form": form, "action": request.path}
    return render(request, "agents/case/form.html", shown, status=422 if form.errors else 200)


def _patient(case: Case) -> Patient:
    if case.patient is None:
        raise Http404
    return case.patient


def _closed(request: StaffRequest, case: Case, patient: Patient) -> HttpResponseBase | None:
    """What stands where nobody verified tells it: who is to be verified first, and nothing of what is on file."""
    try:
        stays.require_told(request.user, patient=patient, purpose=purpose(case))
    except levels.NotVerified:
        status = 403 if request.method == "POST" else 200
        return render(request, "agents/case/not_verified.html", {"case": case}, status=status)
    return None


@dialog
@door("patients.change", realm="staff")
def stay(request: StaffRequest, number: str) -> HttpResponseBase:
    """A stay in a facility begins; where one lasts, it ends, or the next one follows it."""
    case = reached(request, number)
    patient = _patient(case)
    if closed := _closed(request, case, patient):
        return closed
    if lasting := stays.lasting(patient):
        return _home(request, case, lasting)

    def goes(actor: Any, **told: Any) -> None:
        stays.goes_to(actor, patient=patient, purpose=purpose(case), **told)

    lead = gettext_lazy("While somebody stays in a facility, others may have to provide and pay.")
    return _through(request, case, _("Stay in a facility"), forms.StayForm(request.POST or None), goes, lead)


def _home(request: StaffRequest, case: Case, lasting: list[FacilityStay]) -> HttpResponseBase:
    by_key = {str(stay.pk): stay for stay in lasting}

    def leaves(actor: Any, *, stay: str, on: Any, to: str, name: str) -> None:
        stays.leaves(actor, stay=by_key[stay], on=on, to=to, name=name, purpose=purpose(case))

    form = forms.HomeForm(request.POST or None, open_stays=lasting)
    return _through(request, case, _("A stay ends"), form, leaves)


@dialog
@door("patients.change", realm="staff")
def died(request: StaffRequest, number: str) -> HttpResponseBase:
    """A death is written down; one that was is taken back, by those who may.

    Told by somebody whom nobody verified it stops nothing: a lead is asked.
    """
    case = reached(request, number)
    patient = _patient(case)
    if patient.deceased_on is not None:
        return _lives(request, case, patient)

    def died_on(actor: Any, on: Any) -> None:
        tell = stays.has_died if sure else stays.is_said_to_have_died
        tell(actor, patient=patient, on=on, purpose=purpose(case))

    stands = levels.standing(request.user, patient, purpose=purpose(case))
    sure = stays.keeps_records(request.user) or stands.opens("contact_change")
    lead = STOPS if sure else ASKS
    return _through(
        request, case, _("This patient has died"), forms.DeathForm(request.POST or None), died_on, lead
    )


def _lives(request: StaffRequest, case: Case, patient: Patient) -> HttpResponseBase:
    def lives(actor: Any) -> None:
        stays.is_alive(actor, patient=patient, purpose=purpose(case))

    lead = gettext_lazy("Take it back only where you know that it was an error. Consents are what they were.")
    form = Form(request.POST if request.method == "POST" else None)
    return _through(request, case, _("The death was written down in error"), form, lives, lead)


@dialog
@door("patients.change", realm="staff")
def needs(request: StaffRequest, number: str) -> HttpResponseBase:
    """How to speak with them."""
    case = reached(request, number)
    patient = _patient(case)
    if closed := _closed(request, case, patient):
        return closed
    now = {"language": patient.language, "interpreter": patient.interpreter, "tty": patient.tty}

    def saved(actor: Any, **told: Any) -> None:
        stays.needs(actor, patient=patient, purpose=purpose(case), **told)

    return _through(
        request, case, _("How to speak with them"), forms.NeedsForm(request.POST or None, initial=now), saved
    )


@dialog
@door("complaints.work", realm="staff")
def complaint(request: StaffRequest, number: str) -> HttpResponseBase:
    """Enter what was said on this case as a complaint."""
    case = reached(request, number)
    form = forms.ComplaintForm(request.POST or None, initial={"channel": case.channel})
    del form.fields["case_number"]

    def entered(actor: Any, **told: Any) -> None:
        complaints.take_down(actor, **(told | {"case": case}))

    return _through(request, case, _("Enter a complaint"), form, entered)


@dialog
@door("cases.work", realm="staff")
def incident(request: StaffRequest, number: str) -> HttpResponseBase:
    """Put this case under a mass incident."""
    case = reached(request, number)

    going_on = {str(one.ref): one for one in incidents.going_on(request.user) if one.state == "open"}

    def added(actor: Any, incident: str) -> None:
        incidents.add(actor, incident=going_on[incident], case=case)

    form = forms.IncidentChoice(request.POST or None, incidents=going_on.values())
    lead = "" if going_on else gettext_lazy("No incident is going on.")
    return _through(request, case, _("Part of a mass incident"), form, added, lead)
