"""Handing a case up, answering a page, and the board of who is on duty."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Form
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import forms_escalation as forms
from agents import workspace
from agents.views.answers import StaffRequest, closes_dialog, told
from cases import duty
from cases import escalation as rules
from cases import rota as rota_rules
from cases.cases import Conflict
from cases.models import Case, Escalation, Page
from portal.access import allowed, door

FORM = "agents/case/form.html"


def _escalation(request: StaffRequest, ref: Any) -> Escalation:
    rows = Escalation.objects.visible_to(request.user).select_related("case")
    found: Escalation = get_object_or_404(rows, ref=ref)
    return found


def _dialog(
    request: StaffRequest, form: Form, title: Any, verb: Any, lead: Any, status: int = 200
) -> HttpResponse:
    shown = {"form": form, "title": title, "verb": verb, "lead": lead, "action": request.path}
    return render(request, FORM, shown, status=status)


def _with_errors(form: Form, error: ValidationError) -> Form:
    """The rule's words at the fields they are about."""
    for field, words in getattr(error, "message_dict", {"": error.messages}).items():
        name = {"clinician": "npi"}.get(field, field)
        form.add_error(name if name in form.fields else None, words)
    return form


@require_http_methods(["GET", "POST"])
@door("cases.escalate", realm="staff")
def escalate(request: StaffRequest, number: str) -> HttpResponseBase:
    case: Case = get_object_or_404(
        Case.objects.visible_to(request.user).select_related("reason"), number=number
    )
    words = (
        gettext_lazy("Escalate"),
        gettext_lazy("Escalate"),
        gettext_lazy("Whoever is on duty is paged until somebody has it. The customer does not see this."),
    )
    form = forms.EscalateForm(request.POST or None, initial={"lane": _usual_lane(case)})
    if request.method != "POST":
        return _dialog(request, form, *words)
    if form.is_valid():
        try:
            rules.escalate(request.user, case=case, **form.cleaned_data)
            return told(
                closes_dialog("case-acted", number=number), _("Escalated. Whoever is on duty is being paged.")
            )
        except ValidationError as error:
            _with_errors(form, error)
    return _dialog(request, form, *words, status=422)


def _usual_lane(case: Case) -> str:
    clinical = case.reason is not None and (case.reason.lane != "" or case.reason.family == "clinical")
    return "clinical" if clinical else "specialist"


@require_GET
@door("cases.escalate", realm="staff", extends_session=False)
def of_case(request: StaffRequest, number: str) -> HttpResponseBase:
    """What the panel beside the case holds."""
    try:
        case = workspace.open_case(request.user, number, "case: escalations")
    except Case.DoesNotExist:
        raise Http404 from None
    shown = {"case": case, "content": duty.of_case(request.user, case)}
    return render(request, "agents/escalation/of_case.html", shown)


@require_POST
@door("pages.acknowledge", realm="staff")
def acknowledge(request: StaffRequest, ref: Any) -> HttpResponseBase:
    """From the banner or from beside the case."""
    escalation = _escalation(request, ref)
    try:
        held = rules.acknowledge(request.user, escalation=escalation, take_over=_by_name(request))
    except Conflict as conflict:
        return told(HttpResponse(status=409), in_words(conflict))
    except PermissionDenied:
        return told(HttpResponse(status=403), _("You were not paged for this."))
    words = _goes_on() if held.state == "paging" else _("Acknowledged: it is yours.")
    return told(closes_dialog("case-acted", number=escalation.case.number), words)


def _by_name(request: StaffRequest) -> bool:
    return "take_over" in request.POST


def _goes_on() -> str:
    return _("Your answer is noted. Clinicians are called until one of them has it, or you take it over.")


def in_words(conflict: Conflict) -> str:
    who = conflict.by or _("A colleague")
    if conflict.what == "acknowledged":
        return _("%(who)s has it already.") % {"who": who}
    return _("This has ended meanwhile, by %(who)s.") % {"who": who}


@require_http_methods(["GET", "POST"])
@door("cases.escalate", realm="staff")
def end(request: StaffRequest, ref: Any) -> HttpResponseBase:
    """Resolved, or stood down."""
    escalation = _escalation(request, ref)
    words = (gettext_lazy("End the escalation"), gettext_lazy("End it"), "")
    form = forms.EndForm(request.POST or None, initial={"how": "resolved"})
    if request.method != "POST":
        return _dialog(request, form, *words)
    if form.is_valid() and _ended(request, escalation, form):
        return closes_dialog("case-acted", number=escalation.case.number)
    return _dialog(request, form, *words, status=422)


def _ended(request: StaffRequest, escalation: Escalation, form: Form) -> bool:
    how = {"resolved": rules.resolve, "stood_down": rules.stand_down}[form.cleaned_data["how"]]
    try:
        how(request.user, escalation=escalation, outcome=form.cleaned_data["outcome"])
    except Conflict as conflict:
        form.add_error(None, in_words(conflict))
    except PermissionDenied:
        form.add_error(None, _("Whoever asked for it, was paged or has it ends it, or a lead."))
    except ValidationError as error:
        _with_errors(form, error)
    return not form.errors


@require_GET
@door("console.use", realm="staff", extends_session=False)
def banner(request: StaffRequest) -> HttpResponseBase:
    """Above the desk: what one is being paged for, and for leads the gaps of the coming day."""
    soon = duty.gaps_soon() if allowed(request.user, "rota.manage") else []
    pages = [
        (page, duty.takes_over_by_name(request.user, page.escalation)) for page in duty.calling(request.user)
    ]
    shown = {"pages": pages, "gaps": soon}
    return render(request, "agents/escalation/banner.html", shown)


@require_http_methods(["GET", "POST"])
@door("pages.acknowledge", realm="staff")
def page(request: StaffRequest, ref: Any) -> HttpResponseBase:
    """Where the link of a text or a mail leads, once signed in."""
    pages = Page.objects.filter(person=request.user).select_related(
        "escalation__case", "escalation__acknowledged_by"
    )
    found: Page = get_object_or_404(pages, ref=ref)
    if request.method == "POST":
        return _answered(request, found)
    return _page(request, found, "")


def _page(request: StaffRequest, page: Page, said: str, status: int = 200) -> HttpResponse:
    takes_over = duty.takes_over_by_name(request.user, page.escalation)
    shown = {"page": page, "said": said, "takes_over": takes_over}
    return render(request, "agents/escalation/page.html", shown, status=status)


def _answered(request: StaffRequest, page: Page) -> HttpResponseBase:
    escalation, by_name = page.escalation, _by_name(request)
    try:
        held = rules.acknowledge(
            request.user, escalation=escalation, through=page.channel, page=page, take_over=by_name
        )
    except Conflict as conflict:
        return _page(request, page, in_words(conflict), status=409)
    if held.state == "paging":
        return _page(request, page, _goes_on())
    return HttpResponseRedirect(reverse("agents:case", args=[page.escalation.case.number]))


# --- the board -----------------------------------------------------------------------------------------
@require_GET
@door("console.use", realm="staff")
def rota(request: StaffRequest) -> HttpResponseBase:
    return _board(request)


def _board(
    request: StaffRequest, status: int = 200, *, contact: Form | None = None, stand_in: Form | None = None
) -> HttpResponse:
    manages = allowed(request.user, "rota.manage")
    shown = {
        "boards": duty.boards(request.user),
        "contact": contact or forms.ContactForm(initial={"phone": duty.contact_of(request.user).phone}),
        "stand_in": stand_in or (forms.StandInForm() if manages else None),
    }
    return render(request, "agents/escalation/rota.html", shown, status=status)


@require_POST
@door("pages.acknowledge", realm="staff")
def contact(request: StaffRequest) -> HttpResponseBase:
    """Where one is paged oneself."""
    form = forms.ContactForm(request.POST)
    if form.is_valid():
        try:
            duty.keep_contact(request.user, phone=form.cleaned_data["phone"])
            return HttpResponseRedirect(reverse("agents:rota"))
        except ValidationError as error:
            _with_errors(form, error)
    return _board(request, 422, contact=form)


@require_POST
@door("rota.manage", realm="staff")
def stand_in(request: StaffRequest) -> HttpResponseBase:
    """Put somebody on duty for a time."""
    form = forms.StandInForm(request.POST)
    if form.is_valid():
        said = form.cleaned_data
        zone = ZoneInfo(said["rota"].time_zone)
        times = {name: _in_zone(said[name], zone) for name in ("starts_at", "ends_at")}
        try:
            rota_rules.stand_in(request.user, rota=said["rota"], user=said["user"], **times)
            return HttpResponseRedirect(reverse("agents:rota"))
        except ValidationError as error:
            _with_errors(form, error)
    return _board(request, 422, stand_in=form)


def _in_zone(typed: datetime, zone: ZoneInfo) -> datetime:
    """What was typed is the rota's wall clock, whatever zone the reader is in."""
    return typed.replace(tzinfo=zone)
