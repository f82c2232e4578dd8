"""Playbooks on a case: choosing one, and each of its steps, in a dialog and beside the case alike."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from agents.forms_playbooks import ReasonedForm, RunForm, StepForm
from agents.views.answers import StaffRequest
from cases import playbook_showing, playbooks
from cases.cases import Conflict
from cases.models import Case, Playbook, PlaybookRun
from cases.playbook_content import LANGUAGES
from config.templatetags.look import say_when
from portal.access import door
from portal.verification import NotVerified

BESIDE, DIALOG = "beside", "dialog"


def reached(request: StaffRequest, number: str) -> Case:
    cases = Case.objects.visible_to(request.user).select_related("patient", "reason", "order")
    found: Case = get_object_or_404(cases, number=number)
    return found


@require_http_methods(["GET", "POST"])
@door("playbooks.run", realm="staff")
def picker(request: StaffRequest, number: str) -> HttpResponseBase:
    """What runs on the case, or what could; posted, the chosen playbook begins."""
    case = reached(request, number)
    place = _place(request)
    if request.method == "POST":
        return _start(request, case, place)
    running = playbooks.standing(case)
    if running and "choose" not in request.GET:
        return _step(request, case, running[0], place)
    return _choices(request, case, place)


def _start(request: StaffRequest, case: Case, place: str) -> HttpResponseBase:
    playbook = get_object_or_404(Playbook, code=request.POST.get("playbook", ""), active=True)
    try:
        run = playbooks.start(request.user, case=case, playbook=playbook)
    except ValidationError as error:
        return _choices(request, case, place, wrong=" ".join(error.messages), status=422)
    return _told(place, _step(request, case, run, place))


def _choices(
    request: StaffRequest, case: Case, place: str, *, wrong: str = "", status: int = 200
) -> HttpResponse:
    shown = {
        "case": case,
        "place": place,
        "wrong": wrong,
        "running": playbooks.standing(case),
        "playbooks": playbooks.offered(request.user, case) if case.state != "closed" else [],
        "ended": playbooks.runs_of(request.user, case).exclude(state="running")[:5],
    }
    return render(request, "agents/playbook/picker.html", shown, status=status)


@require_http_methods(["GET"])
@door("playbooks.run", realm="staff")
def step(request: StaffRequest, number: str, ref: Any) -> HttpResponseBase:
    """The step a run stands at, or how it ended."""
    case = reached(request, number)
    return _step(request, case, _run(request, case, ref), _place(request))


@require_http_methods(["GET"])
@door("playbooks.run", realm="staff")
def words(request: StaffRequest, number: str, ref: Any) -> HttpResponseBase:
    """The words of the step at hand, for the composer."""
    case = reached(request, number)
    run = _run(request, case, ref)
    language = _language(request, run)
    seen = playbook_showing.show(request.user, run, language=language)
    if seen.words is None:
        raise Http404
    return JsonResponse({"body": seen.words.text, "made_from": "", "language": language})


@require_POST
@door("playbooks.run", realm="staff")
def act(request: StaffRequest, number: str, ref: Any, verb: str) -> HttpResponseBase:
    """Answer, skip, go back and the like: ``verb`` is a name of ACTS. A conflict keeps what was typed."""
    if verb not in ACTS:
        raise Http404
    case = reached(request, number)
    run, place = _run(request, case, ref), _place(request)
    form = _form(request, run, verb)
    if not form.is_valid():
        raise Http404
    try:
        run = ACTS[verb](request.user, run, form)
    except Conflict as conflict:
        return _again(request, case, run, form, place, _in_words(conflict), status=409)
    except NotVerified:
        return _again(request, case, run, form, place, _("Verify the caller first."), status=422)
    except ValidationError as error:
        if isinstance(form, StepForm):
            form.refuse(error)
            return _again(request, case, run, form, place, "", status=422)
        return _again(request, case, run, form, place, " ".join(error.messages), status=422)
    return _told(place, _step(request, case, run, place))


def _form(request: StaffRequest, run: PlaybookRun, verb: str) -> Any:
    if verb == "answer":
        return StepForm(request.POST, asked=playbook_showing.show(request.user, run).asked)
    return (ReasonedForm if verb in {"skip", "abandon"} else RunForm)(request.POST)


def _revision(form: Any) -> int:
    return int(form.cleaned_data["revision"])


ACTS: dict[str, Callable[[Any, PlaybookRun, Any], PlaybookRun]] = {
    "answer": lambda actor, run, form: playbooks.answer(
        actor, run=run, revision=_revision(form), values=form.values()
    ),
    "fail": lambda actor, run, form: playbooks.answer(actor, run=run, revision=_revision(form), failed=True),
    "skip": lambda actor, run, form: playbooks.skip(
        actor, run=run, revision=_revision(form), reason=form.cleaned_data["reason"]
    ),
    "back": lambda actor, run, form: playbooks.back(actor, run=run, revision=_revision(form)),
    "take-over": lambda actor, run, form: playbooks.take_over(actor, run=run, revision=_revision(form)),
    "abandon": lambda actor, run, form: playbooks.abandon(
        actor, run=run, revision=_revision(form), reason=form.cleaned_data["reason"]
    ),
}


# --- what is shown -----------------------------------------------------------------------------------
def _run(request: StaffRequest, case: Case, ref: Any) -> PlaybookRun:
    runs = PlaybookRun.objects.visible_to(request.user).filter(case=case)
    found: PlaybookRun = get_object_or_404(
        runs.select_related("case__patient", "case__order", "playbook", "version", "agent"), ref=ref
    )
    return found


def _step(
    request: StaffRequest,
    case: Case,
    run: PlaybookRun,
    place: str,
    *,
    form: StepForm | None = None,
    wrong: str = "",
    status: int = 200,
) -> HttpResponse:
    run.case = case
    language = _language(request, run)
    seen = playbook_showing.show(request.user, run, language=language)
    shown = {
        "case": case,
        "run": run,
        "seen": seen,
        "place": place,
        "wrong": wrong,
        "language": language,
        "other": ("en", "English") if language == "es" else ("es", "Español"),
        "dialog": _dialog(seen, case),
        "posted": request.method == "POST",
        "form": form or StepForm(initial=_begins_with(seen, place), asked=seen.asked),
    }
    return render(request, "agents/playbook/step.html", shown, status=status)


def _dialog(seen: playbook_showing.Shown, case: Case) -> str:
    """Where an action is done in a dialog of the console, its address."""
    return reverse(seen.action.opens, args=[case.number]) if seen.action and seen.action.opens else ""


def _begins_with(seen: playbook_showing.Shown, place: str) -> dict[str, Any]:
    """An order asked for is mostly the case's own."""
    begins: dict[str, Any] = {"revision": seen.run.revision, "place": place}
    order = seen.run.case.order
    if order is None or not seen.standing.opens("orders"):
        return begins
    own = [one.field.name for one in seen.asked if one.field.type == "order" and not one.value]
    return begins | dict.fromkeys(own, order.number)


def _again(
    request: StaffRequest, case: Case, run: PlaybookRun, form: Any, place: str, wrong: str, *, status: int
) -> HttpResponse:
    """The step as it stands now, with what was typed where it is still about the same one."""
    fresh = _run(request, case, run.ref)
    kept = form if isinstance(form, StepForm) and fresh.at_step == run.at_step else None
    if kept is not None:
        kept.data = {**kept.data.dict(), "revision": str(fresh.revision)}  # type: ignore[attr-defined]
    return _step(request, case, fresh, place, form=kept, wrong=wrong, status=status)


def _in_words(conflict: Conflict) -> str:
    return _("%(who)s went on with this playbook %(when)s. Look where it stands now.") % {
        "who": conflict.by or _("Somebody"),
        "when": say_when(conflict.at),
    }


def _language(request: StaffRequest, run: PlaybookRun) -> str:
    asked = request.GET.get("language", "")
    return asked if asked in LANGUAGES else playbook_showing.language_of(run)


def _place(request: StaffRequest) -> str:
    asked = request.POST.get("place") or request.GET.get("place")
    return BESIDE if asked == BESIDE else DIALOG


def _told(place: str, response: HttpResponse) -> HttpResponse:
    """What was done in the dialog is read again beside the case."""
    return trigger_client_event(response, "playbook-changed", {}) if place == DIALOG else response
