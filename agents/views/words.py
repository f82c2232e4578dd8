"""Words kept ready, at the case: the opening, replies, subject lines, and what a low score asks of a lead."""

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from agents import forms_words
from agents.views.answers import StaffRequest
from agents.views.cases import opened, reached
from agents.views.work import Gate, through
from cases import canned, scripts, subjects, surveys
from cases.models import CannedReply, Case
from portal.access import door


@require_GET
@door("cases.work", realm="staff", extends_session=False)
def opening(request: StaffRequest, number: str) -> HttpResponseBase:
    """What to say first; nothing once somebody of ours has spoken."""
    found = opened(request, number, "case: opening")
    said = scripts.opening(request.user, found)
    if said is None:
        return HttpResponse(status=204)
    shown = {"case": found, "opening": said, "longest": scripts.LONGEST_SECONDS}
    return render(request, "agents/case/opening.html", shown)


@require_GET
@door("cases.work", realm="staff")
def canned_replies(request: StaffRequest, number: str) -> HttpResponseBase:
    """Replies that fit the case; with ``?q=`` those that it names."""
    found = reached(request, number)
    replies = canned.offered(request.user, found, query=request.GET.get("q", ""))
    return render(request, "agents/case/canned.html", {"case": found, "replies": replies})


@require_GET
@door("cases.work", realm="staff")
def canned_reply(request: StaffRequest, number: str, pk: int) -> HttpResponseBase:
    """A reply filled for this case: what goes into the composer, and what of it is still to be written."""
    found = opened(request, number, "case: canned reply")
    reply = get_object_or_404(CannedReply.objects.select_related("checklist"), pk=pk, active=True)
    if not canned.may_use(request.user, found, reply):
        raise Http404
    filled = canned.fill(request.user, reply, found)
    told = {"body": filled.body, "missing": filled.missing, "made_from": filled.made_from}
    return JsonResponse(told | {"language": reply.language})


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def subject(request: StaffRequest, number: str) -> HttpResponseBase:
    """Choose a subject line for the case and its thread."""
    found = opened(request, number, "case: subject")
    lines = subjects.offered(request.user, found)

    def build(*args: Any, **kwargs: Any) -> forms_words.SubjectForm:
        return forms_words.SubjectForm(*args, lines=lines, **kwargs)

    lead = _("It holds nothing private: the order's number, the topic and what we ask for.")
    return through(request, number, Gate(_("Subject line"), _("Use it"), build, subjects.use, lead))


@require_http_methods(["GET", "POST"])
@door("floor.manage", realm="staff")
def low_score(request: StaffRequest, number: str) -> HttpResponseBase:
    """A customer was not satisfied: what a lead did about it."""
    found = reached(request, number)
    waits = surveys.waits_for_lead(found)
    if waits is None and request.method == "GET":
        raise Http404
    lead = _("The customer gave a low score. Call or write to them, then say what came of it.")
    return through(request, number, Gate(_("Low score"), _("Seen to"), forms_words.SeenToForm, _see_to, lead))


def _see_to(actor: Any, *, case: Case, note: str, version: int) -> None:
    surveys.see_to(actor, case=case, note=note)
