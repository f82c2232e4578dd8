"""Replies that are on their way: shown, taken back, changed, sent at once."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import forms, sending, workspace
from agents.models import HeldReply
from agents.views.answers import StaffRequest, closes_dialog, told
from agents.views.cases import opened
from cases.drafts import Refused
from portal.access import door


def mine_or_404(request: StaffRequest, ref: str) -> HeldReply:
    try:
        return sending.mine(request.user, ref)
    except HeldReply.DoesNotExist:
        raise Http404 from None


@require_GET
@door("cases.work", realm="staff", extends_session=False)
def held(request: StaffRequest, number: str) -> HttpResponseBase:
    """What is on its way on a case now."""
    case = opened(request, number, "case: replies on their way")
    shown = {
        "held": sending.of(request.user, case),
        "back": sending.came_back(request.user, case),
        "case": case,
    }
    return render(request, "agents/case/held.html", shown)


@require_POST
@door("cases.work", realm="staff")
def undo(request: StaffRequest, ref: str) -> HttpResponseBase:
    """Take it back: its words and files, for the composer."""
    try:
        kept = sending.undo(request.user, held=mine_or_404(request, ref))
    except HeldReply.DoesNotExist:
        return told(HttpResponse(status=409), _("It has left already."))
    files = workspace.files_of(request.user, kept.attachments)
    return JsonResponse({"body": kept.body, "files": files, "made_from": kept.made_from})


@require_POST
@door("cases.work", realm="staff")
def send_now(request: StaffRequest, ref: str) -> HttpResponseBase:
    kept = sending.send_now(request.user, held=mine_or_404(request, ref))
    if kept.state == "refused":
        return told(HttpResponse(status=409), _("It could not be sent. Its words are in your draft."))
    return HttpResponse(status=204)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def change(request: StaffRequest, ref: str) -> HttpResponseBase:
    """Other words, or another time."""
    kept = mine_or_404(request, ref)
    if request.method != "POST":
        opened(request, kept.case.number, "case: reply on its way")
        initial = {"body": kept.body, "at": kept.release_at, "anyway": kept.anyway}
        form = forms.HeldForm(initial=initial)
        return _shown(request, form)
    form = forms.HeldForm(request.POST)
    if not form.is_valid():
        return _shown(request, form, status=422)
    try:
        sending.change(request.user, held=kept, **form.cleaned_data)
    except HeldReply.DoesNotExist:
        form.add_error(None, _("It has left already."))
    except Refused as refused:
        form.add_error("body", refused.detail)
    except ValidationError as error:
        form.add_error(None, error)
    if form.errors:
        return _shown(request, form, status=422)
    return closes_dialog("case-acted", number=kept.case.number)


def _shown(request: StaffRequest, form: forms.HeldForm, status: int = 200) -> HttpResponseBase:
    shown = {"title": _("Reply sent later"), "verb": _("Save"), "form": form, "action": request.path}
    return render(request, "agents/case/form.html", shown, status=status)
