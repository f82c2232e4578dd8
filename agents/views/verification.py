"""Verifying whoever is on the line of a case, and opening a record in an emergency. Dialogs of the console."""

from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from agents import context
from agents.verify_forms import CalledForm, CodeForm, GlassForm, IdentifiersForm, SendForm
from agents.views.answers import StaffRequest, told
from agents.views.work import done
from agents.workspace import purpose
from cases.models import Case
from config.security.throttle import TooMany
from config.templatetags.look import say_when
from portal import emergency, verification
from portal.access import door
from portal.models import Patient
from portal.verification import Locked, Outcome

Asked = Callable[[], Outcome | None]


def reached(request: StaffRequest, number: str) -> tuple[Case, Patient]:
    """The case and the patient it is about; 404 where either is missing."""
    cases = Case.objects.visible_to(request.user).select_related("patient")
    case: Case = get_object_or_404(cases, number=number)
    if case.patient is None:
        raise Http404
    return case, case.patient


@require_http_methods(["GET", "POST"])
@door("verification.attempt", realm="staff")
def verify(request: StaffRequest, number: str) -> HttpResponseBase:
    """The dialog; posted, the identifiers are compared."""
    case, patient = reached(request, number)
    if request.method != "POST":
        return _shown(request, case)
    form = IdentifiersForm(request.POST, patient=patient)

    def attempt() -> Outcome:
        return verification.attempt(
            request.user, patient=patient, purpose=purpose(case), given=form.given, caregiver=form.caregiver
        )

    return _tried(request, case, form, attempt)


@require_POST
@door("verification.attempt", realm="staff")
def portal_code(request: StaffRequest, number: str) -> HttpResponseBase:
    return _code(request, number, verification.check_portal_code)


@require_POST
@door("verification.attempt", realm="staff")
def sent_code(request: StaffRequest, number: str) -> HttpResponseBase:
    return _code(request, number, verification.check_sent_code)


def _code(request: StaffRequest, number: str, check: Callable[..., Outcome]) -> HttpResponseBase:
    case, patient = reached(request, number)
    form = CodeForm(request.POST)

    def attempt() -> Outcome:
        given = form.cleaned_data["code"]
        return check(request.user, patient=patient, purpose=purpose(case), code=given)

    return _tried(request, case, form, attempt)


@require_POST
@door("verification.attempt", realm="staff")
def send(request: StaffRequest, number: str) -> HttpResponseBase:
    """A code on its way to a contact on file that has stood long enough."""
    case, patient = reached(request, number)
    form = SendForm(request.POST)

    def post() -> None:
        verification.send_code(
            request.user, patient=patient, purpose=purpose(case), via=form.cleaned_data["via"]
        )

    said = _("The code is on its way. Ask the caller to read it to you.")
    return _tried(request, case, form, post, said=said)


@require_http_methods(["GET", "POST"])
@door("verification.attempt", realm="staff")
def call_back(request: StaffRequest, number: str) -> HttpResponseBase:
    """The number on file, shown for the call; posted, who answered it."""
    case, patient = reached(request, number)
    if request.method != "POST":
        try:
            call = verification.number_to_call(request.user, patient=patient, purpose=purpose(case))
        except ValidationError as error:
            return _shown(request, case, wrong=" ".join(error.messages), status=422)
        return _shown(request, case, number_to_call=call)
    form = CalledForm(request.POST)

    def attempt() -> Outcome:
        answered = form.cleaned_data["answered"]
        return verification.called_back(
            request.user, patient=patient, purpose=purpose(case), answered=answered
        )

    return _tried(request, case, form, attempt)


@require_POST
@door("verification.attempt", realm="staff")
def call_ended(request: StaffRequest, number: str) -> HttpResponseBase:
    """A call has no end of its own here: the agent who hears somebody else says so."""
    case, patient = reached(request, number)
    verification.call_ended(request.user, patient=patient, purpose=purpose(case))
    return told(done(case), _("Whoever is heard next is asked anew."))


def _tried(
    request: StaffRequest, case: Case, form: Any, act: Asked | Callable[[], None], *, said: str = ""
) -> HttpResponseBase:
    """Try, and say whether it fitted; what was typed never comes back to the page."""
    if not form.is_valid():
        return _shown(request, case, wrong=_first(form), status=422)
    try:
        outcome = act()
    except Locked as locked:
        words = _("Too many failures. Nobody can be verified for this patient until %(when)s.")
        return _shown(request, case, wrong=words % {"when": say_when(locked.until)}, status=409)
    except TooMany:
        return _shown(request, case, wrong=_("No more codes can be sent for now."), status=409)
    except ValidationError as error:
        return _shown(request, case, wrong=" ".join(error.messages), status=422)
    if outcome is None:
        return _shown(request, case, said=said)
    if not outcome.passed:
        return _shown(request, case, wrong=_failed(outcome), status=422)
    return told(done(case), _("It fits."))


def _first(form: Any) -> str:
    return " ".join(str(words) for errors in form.errors.values() for words in errors)


def _failed(outcome: Outcome) -> str:
    if outcome.tries_left:
        return _("It does not fit what we have on file. Tries left: %(count)d.") % {
            "count": outcome.tries_left
        }
    return _("It does not fit what we have on file. Verification is locked now; the patient is told.")


def _shown(
    request: StaffRequest,
    case: Case,
    *,
    wrong: str = "",
    said: str = "",
    number_to_call: str = "",
    status: int = 200,
) -> HttpResponse:
    """The dialog, always empty."""
    shown = {
        "case": case,
        "wrong": wrong,
        "said": said,
        "standing": context.standing(request.user, case),
        "number_to_call": number_to_call,
        "identifiers": IdentifiersForm(patient=cast(Patient, case.patient)),
        "portal_code": CodeForm(auto_id="portal_%s"),
        "sent_code": CodeForm(auto_id="sent_%s"),
        "send": SendForm(),
        "called": CalledForm(),
    }
    return render(request, "agents/case/verify.html", shown, status=status)


@require_http_methods(["GET", "POST"])
@door("break_glass.use", realm="staff", step_up=True)
def break_glass(request: StaffRequest, number: str) -> HttpResponseBase:
    """A typed reason opens this patient's record to this person for a short while."""
    case, patient = reached(request, number)
    form = GlassForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            emergency.break_glass(
                request.user, patient=patient, reason=form.cleaned_data["reason"], purpose=purpose(case)
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return done(case)
    shown = {
        "title": _("Open this record in an emergency"),
        "verb": _("Open it"),
        "lead": _(
            "Only where somebody may come to harm and nobody can be verified. It opens for a short while."
        ),
        "form": form,
        "action": request.path,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "agents/case/form.html", shown, status=status)
