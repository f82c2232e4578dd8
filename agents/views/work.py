"""What is done with a case: taken, assigned, handed on, closed, reopened. Of two, the second is told."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from agents import forms, offers, presence, summary, timeline, workspace
from agents.views.answers import StaffRequest, blame, closes_dialog, told
from cases import cases as rules
from cases import conversations, hearing
from cases.drafts import Refused
from cases.models import Case
from portal.access import allowed, door
from portal.models import User


@dataclass(frozen=True)
class Gate:
    """A form in the dialog, and the rule it feeds."""

    title: Any
    verb: Any
    build: Callable[..., Form]
    act: Callable[..., Any]
    lead: Any = ""


def reached(request: StaffRequest, number: str) -> Case:
    cases = Case.objects.visible_to(request.user).select_related("reason", "owner")
    found: Case = get_object_or_404(cases, number=number)
    return found


def through(
    request: StaffRequest, number: str, gate: Gate, initial: dict[str, Any] | None = None
) -> HttpResponseBase:
    """Show the form, or act; a conflict keeps what was typed and says what happened meanwhile."""
    case = reached(request, number)
    if request.method != "POST":
        form = gate.build(initial={"version": case.version} | (initial or {}))
        return _shown(request, gate, form)
    form = gate.build(request.POST)
    if not form.is_valid():
        return _shown(request, gate, form, status=422)
    try:
        gate.act(request.user, case=case, **form.cleaned_data)
    except rules.Conflict as conflict:
        return _shown(request, gate, _on_what_is(form, case), status=409, conflict=in_words(conflict))
    except ValidationError as error:
        blame(form, error)
        return _shown(request, gate, form, status=422)
    return done(case)


def _on_what_is(form: Form, case: Case) -> Form:
    """The same form, made anew on the case as it now stands: sending it again is a decision."""
    case.refresh_from_db(fields=["version"])
    form.data = {**form.data.dict(), "version": str(case.version)}  # type: ignore[attr-defined]
    return form


def _shown(
    request: StaffRequest, gate: Gate, form: Form, *, status: int = 200, conflict: str = ""
) -> HttpResponseBase:
    shown = {"title": gate.title, "verb": gate.verb, "lead": gate.lead, "form": form, "conflict": conflict}
    return render(request, "agents/case/form.html", shown | {"action": request.path}, status=status)


def in_words(conflict: rules.Conflict) -> str:
    """What a colleague did meanwhile."""
    done_by = {
        "closed": _("%(who)s closed this case meanwhile."),
        "assigned": _("%(who)s gave this case to somebody meanwhile."),
        "transferred": _("%(who)s handed this case on meanwhile."),
        "reopened": _("%(who)s opened this case again meanwhile."),
        "accepted": _("%(who)s took this chat already."),
        "offered": _("This case is held out to %(who)s, who has not answered yet."),
    }
    words = done_by.get(conflict.what, _("%(who)s changed this case meanwhile."))
    return words % {"who": conflict.by or _("Somebody")}


def done(case: Case) -> HttpResponse:
    """Nothing to show; the page hears which case moved and reads what it shows again."""
    return closes_dialog("case-acted", number=case.number)


@require_POST
@door("cases.work", realm="staff")
def take(request: StaffRequest, number: str) -> HttpResponseBase:
    """Accept the chat that waits, or make the case one's own."""
    case = reached(request, number)
    thread = conversations.speaking(timeline.conversations(request.user, case))
    try:
        if thread is not None and thread.channel == "chat" and thread.state == "queued":
            presence.accept_chat(request.user, conversation=thread)
        else:
            rules.assign(request.user, case=case, to=request.user, version=_version(request))
    except rules.Conflict as conflict:
        return refused(case, in_words(conflict))
    except presence.NoRoom:
        return refused(
            case, _("You have no room for another chat. Go online, or raise how many you take at once.")
        )
    except (Refused, ValidationError):
        return refused(case, _("This chat has ended."))
    return done(case)


def _version(request: StaffRequest) -> int | None:
    sent = request.POST.get("version", "")
    return int(sent) if sent.isdecimal() else None


def refused(case: Case, words: str) -> HttpResponse:
    """Why something can't be done, at the edge of the page, which reads the case anew."""
    response = told(HttpResponse(status=409), words)
    return trigger_client_event(response, "case-acted", {"number": case.number})


@require_http_methods(["GET", "POST"])
@door("cases.assign", realm="staff")
def assign(request: StaffRequest, number: str) -> HttpResponseBase:
    others = allowed(request.user, "cases.assign_others")
    people = forms.desk() if others else User.objects.filter(pk=request.user.pk)
    lead = "" if others else gettext_lazy("To give it to somebody else, transfer it.")
    gate = Gate(
        gettext_lazy("Assign"),
        gettext_lazy("Assign"),
        _with_people(forms.AssignForm, people),
        rules.assign,
        lead,
    )
    return through(request, number, gate, {"to": request.user.ref})


def _with_people(form: Callable[..., Form], people: Any) -> Callable[..., Form]:
    return lambda *args, **kwargs: form(*args, people=people, **kwargs)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def transfer(request: StaffRequest, number: str) -> HttpResponseBase:
    people = forms.desk().exclude(pk=request.user.pk)
    lead = gettext_lazy(
        "Whoever is at the desk is asked first, and sees everything that was said and your note."
    )
    build = _with_people(forms.TransferForm, people)
    gate = Gate(gettext_lazy("Transfer"), gettext_lazy("Transfer"), build, offers.hand_over, lead)
    return through(request, number, gate, {"note": _summary(request, number)})


def _summary(request: StaffRequest, number: str) -> str:
    """What the case tells of itself, for the agent to mend; on the trail, as it shows what was said."""
    if request.method == "POST":
        return ""
    try:
        case = workspace.open_case(request.user, number, "case: summary")
        return summary.of(case) if hearing.hears(request.user, case) else ""
    except Case.DoesNotExist:
        raise Http404 from None


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def close(request: StaffRequest, number: str) -> HttpResponseBase:
    case = reached(request, number)
    initial = {"reason": case.reason.code} if case.reason else {}
    build = partial(forms.CloseForm, open_children=case.children.open().count())
    gate = Gate(gettext_lazy("Close the case"), gettext_lazy("Close"), build, rules.close)
    return through(request, number, gate, initial)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def reopen(request: StaffRequest, number: str) -> HttpResponseBase:
    gate = Gate(
        gettext_lazy("Open this case again?"), gettext_lazy("Reopen"), forms.ReopenForm, rules.reopen,
        gettext_lazy("It goes back to the open cases, with everything that was said."),
    )  # fmt: skip
    return through(request, number, gate)


@require_POST
@door("cases.work", realm="staff")
def wait(request: StaffRequest, number: str) -> HttpResponseBase:
    """The customer has the next word."""
    case = reached(request, number)
    try:
        rules.wait(request.user, case=case, version=_version(request))
    except rules.Conflict as conflict:
        return refused(case, in_words(conflict))
    return done(case)
