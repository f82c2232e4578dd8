"""One act on the cases marked in a list: choose the act, say what it needs, read what became of each case."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from agents import forms_kin
from agents.forms import desk
from agents.views.answers import StaffRequest, blame, closes_dialog, told
from cases import bulk, cases, merging, snoozing, tags
from cases.bulk import Outcome
from cases.models import Case
from portal.access import allowed, door
from portal.models import User

Run = Callable[[User, list[str], dict[str, Any]], list[Outcome]]


@dataclass(frozen=True)
class Many:
    """An act on many cases: its form, and what it does with what the form says."""

    title: Any
    icon: str
    form: Callable[..., Form]
    run: Run
    permission: str = "cases.bulk"


def _each(act: Callable[..., Any], *names: str) -> Run:
    """Call ``act`` for each case with these values of the form."""

    def run(actor: User, numbers: list[str], said: dict[str, Any]) -> list[Outcome]:
        how = {name: said[name] for name in names}
        return bulk.each(actor, numbers=numbers, act=lambda case: act(actor, case=case, **how))

    return run


def _tag(actor: User, numbers: list[str], said: dict[str, Any]) -> list[Outcome]:
    names = [tag.name for tag in said["tags"]]
    return bulk.each(actor, numbers=numbers, act=lambda case: tags.add_tags(actor, case=case, tags=names))


def _merge(actor: User, numbers: list[str], said: dict[str, Any]) -> list[Outcome]:
    """All or none: what can't be merged is said of the whole."""
    into, wanted = said["into"], list(dict.fromkeys(numbers))
    bulk.refuse_count(len(wanted))
    others = list(Case.objects.visible_to(actor).filter(number__in=wanted).exclude(pk=into.pk))
    known = {into.number, *(case.number for case in others)}
    if strange := [number for number in wanted if number not in known]:
        raise ValidationError(_("There is no case %(number)s.") % {"number": strange[0]})
    merging.merge(actor, into=into, cases=others)
    return [Outcome(number, True) for number in wanted]


ACTS: dict[str, Many] = {
    "assign": Many(
        _("Assign"), "user-plus", forms_kin.ManyAssignForm, _each(cases.assign, "to"), "cases.assign"
    ),
    "tag": Many(_("Add tags"), "tag", forms_kin.ManyTagsForm, _tag),
    "priority": Many(
        _("Set the priority"), "flag", forms_kin.ManyPriorityForm, _each(cases.change, "priority")
    ),
    "snooze": Many(
        _("Snooze"), "moon", forms_kin.ManySnoozeForm, _each(snoozing.snooze, "until", "only_then")
    ),
    "merge": Many(_("Merge"), "merge", forms_kin.ManyMergeForm, _merge, "cases.merge"),
    "close": Many(
        _("Close"),
        "circle-check",
        forms_kin.ManyCloseForm,
        _each(cases.close, "disposition", "reason", "next_step", "next_contact", "children"),
    ),
}


@require_http_methods(["GET", "POST"])
@door("cases.bulk", realm="staff")
def many(request: StaffRequest) -> HttpResponseBase:
    """``numbers`` with commas between, and ``act``: without one the acts to choose from, else its form."""
    asked = request.POST if request.method == "POST" else request.GET
    numbers = [number for number in asked.get("numbers", "").replace(" ", "").upper().split(",") if number]
    code = asked.get("act", "")
    if code not in ACTS:
        if code:
            raise Http404
        return _choosing(request, numbers)
    act = ACTS[code]
    if request.method != "POST":
        return _shown(request, act, _form(request, act, numbers)(initial=_initial(code, numbers)), numbers)
    return _done(request, act, _form(request, act, numbers)(request.POST), numbers)


def _initial(code: str, numbers: list[str]) -> dict[str, str]:
    return {"act": code, "numbers": ",".join(numbers), "when": "opening"}


def _choosing(request: StaffRequest, numbers: list[str]) -> HttpResponseBase:
    offered = [(code, act) for code, act in ACTS.items() if allowed(request.user, act.permission)]
    shown = {"numbers": ",".join(numbers), "count": len(numbers), "acts": offered}
    return render(request, "agents/queue/bulk.html", shown)


def _form(request: StaffRequest, act: Many, numbers: list[str]) -> Callable[..., Form]:
    more: dict[str, Any] = {}
    if act.form is forms_kin.ManyAssignForm:
        others = allowed(request.user, "cases.assign_others")
        more["people"] = desk() if others else User.objects.filter(pk=request.user.pk)
    if act.form is forms_kin.ManyMergeForm:
        theirs = Case.objects.visible_to(request.user).exclude(state="closed").filter(number__in=numbers)
        more["candidates"] = theirs.select_related("reason").order_by("opened_at", "pk")
    return partial(act.form, **more)


def _done(request: StaffRequest, act: Many, form: Form, numbers: list[str]) -> HttpResponseBase:
    if not form.is_valid():
        return _shown(request, act, form, numbers, status=422)
    try:
        outcomes = act.run(request.user, numbers, form.cleaned_data)
    except ValidationError as error:
        blame(form, error)
        return _shown(request, act, form, numbers, status=422)
    failed = [one for one in outcomes if not one.done]
    if not failed:
        return told(closes_dialog("lists-changed"), str(_("Done on %(count)d.") % {"count": len(outcomes)}))
    shown = {"title": act.title, "failed": failed, "done": len(outcomes) - len(failed)}
    return trigger_client_event(render(request, "agents/queue/bulk_done.html", shown), "queue-changed", {})


def _shown(
    request: StaffRequest, act: Many, form: Form, numbers: list[str], status: int = 200
) -> HttpResponseBase:
    lead = _("%(count)d cases, each through its own gate.") % {"count": len(numbers)}
    shown = {"title": act.title, "verb": act.title, "lead": lead, "form": form, "action": request.path}
    return render(request, "agents/case/form.html", shown, status=status)
