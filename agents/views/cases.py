"""A case: its thread, what stands beside it, and everything that is done with it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from agents import acts, context, forms, queue, sending, timeline, workspace
from agents.views.answers import StaffRequest
from agents.views.queue import frame, view_or_404
from cases import cases as case_rules
from cases import conversations, hearing
from cases import sending as fitness
from cases.drafts import Refused
from cases.models import Case
from portal import invitations, stays
from portal.access import allowed, door


def opened(request: StaffRequest, number: str, what: str = "case") -> Case:
    """The case, put on the trail as opened; 404 where there is none for this person."""
    try:
        return workspace.open_case(request.user, number, what)
    except Case.DoesNotExist:
        raise Http404 from None


def reached(request: StaffRequest, number: str) -> Case:
    """The case to act upon, of which nothing is shown."""
    cases = Case.objects.visible_to(request.user).select_related("patient")
    found: Case = get_object_or_404(cases.annotate(current_stays=stays.told_with("patient")), number=number)
    return found


def thread(request: StaffRequest, case: Case) -> dict[str, Any]:
    line = timeline.of(request.user, case)
    draft = workspace.draft_of(request.user, case)
    return {
        "case": case,
        "whom": context.heading(request.user, case, line.conversations),
        "timeline": line,
        "speaking": None if line.closed else conversations.speaking(line.conversations),
        "draft": draft,
        "draft_files": workspace.files_of(request.user, draft.attachments) if draft else [],
        "longest": workspace.LONGEST_DRAFT,
        "can_whisper": allowed(request.user, "chat.whisper"),
        "acts": acts.of(request.user, case),
    }


@require_GET
@door("cases.view", realm="staff")
def case(request: StaffRequest, number: str) -> HttpResponseBase:
    """The thread: alone where the desk around it is on the screen already, with an empty desk else."""
    shown = thread(request, opened(request, number))
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "agents/case/thread.html", shown)
    chosen = view_or_404(request, request.GET.get("view", queue.FIRST))
    return render(request, "agents/console/desk.html", shown | frame(request, chosen) | {"pane": "thread"})


@require_GET
@door("cases.view", realm="staff", extends_session=False)
def head(request: StaffRequest, number: str) -> HttpResponseBase:
    found = opened(request, number, "case heading")
    threads = timeline.conversations(request.user, found)
    speaking = conversations.speaking(threads) if hearing.hears(request.user, found, threads) else None
    shown = {"case": found, "whom": context.heading(request.user, found, threads), "speaking": speaking}
    shown["acts"] = acts.of(request.user, found)
    return render(request, "agents/case/head.html", shown)


@require_GET
@door("cases.view", realm="staff")
def earlier(request: StaffRequest, number: str) -> HttpResponseBase:
    """What was said before the message ``?before=``."""
    found = opened(request, number, "case: earlier messages")
    line = timeline.of(request.user, found, before=_number(request, "before"))
    return render(request, "agents/case/entries.html", {"case": found, "timeline": line})


@require_GET
@door("cases.view", realm="staff", extends_session=False)
def new(request: StaffRequest, number: str) -> HttpResponseBase:
    """What was said and done after the message ``?after=``."""
    found = opened(request, number, "case: new messages")
    return _entries(request, found, _number(request, "after"))


def _entries(request: StaffRequest, case: Case, after: int, status: int = 200) -> HttpResponseBase:
    line = timeline.since(request.user, case, after=after)
    shown = {"case": case, "timeline": line, "added": True}
    return render(request, "agents/case/entries.html", shown, status=status)


def _number(request: StaffRequest, name: str) -> int:
    try:
        return max(int(request.GET.get(name, "0")), 0)
    except ValueError:
        raise Http404 from None


@require_GET
@door("patients.view", realm="staff")
def beside(request: StaffRequest, number: str) -> HttpResponseBase:
    return _panels(request, number, context.FIRST, then="agents:case-more")


@require_GET
@door("patients.view", realm="staff")
def more(request: StaffRequest, number: str) -> HttpResponseBase:
    return _panels(request, number, context.MORE, then="agents:case-rest")


@require_GET
@door("patients.view", realm="staff")
def rest(request: StaffRequest, number: str) -> HttpResponseBase:
    return _panels(request, number, context.REST)


def _panels(request: StaffRequest, number: str, turn: int, then: str = "") -> HttpResponseBase:
    """The panels of one turn; the page asks for the next by itself where a patient is known."""
    found = reached(request, number)
    shown = {
        "case": found,
        "panels": context.beside(request.user, found, turn=turn),
        "after": reverse(then, args=[number]) if then and found.patient_id else "",
    }
    return render(request, "agents/case/beside.html", shown)


@require_POST
@door("patients.unmask", realm="staff")
def unmask(request: StaffRequest, number: str) -> HttpResponseBase:
    """The patient's own facts in plain, for this once."""
    found = reached(request, number)
    if found.patient_id is None:
        raise Http404
    plain = context.unmask(request.user, found)
    return render(request, "agents/case/unmasked.html", {"case": found, "plain": plain})


@require_POST
@door("users.invite", realm="staff")
def invite(request: StaffRequest, number: str) -> HttpResponseBase:
    """Ask the patient into the portal, at the address on file and no other."""
    found = reached(request, number)
    if found.patient is None:
        raise Http404
    try:
        invitations.invite_patient(request.user, patient=found.patient)
        said = _("The invitation is on its way to the address on file.")
    except ValueError:
        said = _("No e-mail address on file may be used for this: there is none, or it is too new.")
    return render(request, "agents/case/invited.html", {"said": said})


@require_POST
@door("cases.work", realm="staff")
def draft(request: StaffRequest, number: str) -> HttpResponseBase:
    found = reached(request, number)
    form = forms.DraftForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    workspace.save_draft(request.user, case=found, **form.cleaned_data)
    return HttpResponse(status=204)


@require_POST
@door("cases.work", realm="staff")
def say(request: StaffRequest, number: str) -> HttpResponseBase:
    """A reply or a note: 201 with what is new, 202 where it is on its way; 409 where a colleague replied since
    the draft began. What was not sent is kept as a draft, whether or not the page still stands there to show it.
    """
    found = opened(request, number, "case: reply")
    form = forms.SayForm(request.POST)
    answer = _said(request, found, form)
    if answer.status_code in (409, 422):
        _keep(request, found, form.cleaned_data)
    return answer


def _keep(request: StaffRequest, case: Case, said: dict[str, Any]) -> None:
    if "body" in said and "kind" in said:
        words = {"kind": said["kind"], "body": said["body"], "made_from": said.get("made_from", "")}
        files = said.get("attachments", [])
        workspace.save_draft(request.user, case=case, seen=said.get("seen") or 0, attachments=files, **words)


def _said(request: StaffRequest, found: Case, form: forms.SayForm) -> HttpResponseBase:
    if not form.is_valid():
        return _not_sent(request, " ".join(str(words) for errors in form.errors.values() for words in errors))
    said = form.cleaned_data
    if other := _overtaken(request, found, said):
        shown = {"other": other, "through_portal": said["through_portal"]}
        return render(request, "agents/case/overtaken.html", shown, status=409)
    try:
        if _waits(request, found, said):
            return _held(request, found, said)
        _say(request, found, said)
    except fitness.Unfit as unfit:
        return _unfit(request, found, unfit)
    except Refused as refused:
        return _twice(request) if refused.code == "conflict" else _not_sent(request, refused.detail)
    except ValidationError as error:
        return _not_sent(request, " ".join(error.messages))
    workspace.discard_draft(request.user, case=found, said=said["body"], files=said["attachments"])
    return _entries(request, found, said["seen"] or 0, status=201)


def _overtaken(request: StaffRequest, case: Case, said: dict[str, Any]) -> Any:
    if said["kind"] == "note" or said["seen"] is None:
        return None
    known = max(said["seen"], said["despite"] or 0)
    return timeline.newest_reply_of_others(request.user, case, after=known)


def _waits(request: StaffRequest, case: Case, said: dict[str, Any]) -> bool:
    """Whether it leaves later, or after a while in which it can be taken back; never what is live."""
    if said["kind"] != "reply" or said["now"]:
        return False
    if said["at"] is not None:
        return True
    thread = conversations.speaking(timeline.conversations(request.user, case))
    live = not said["through_portal"] and thread is not None and conversations.is_live(thread)
    return not live and workspace.preferences_of(request.user).undo_seconds > 0


def _held(request: StaffRequest, case: Case, said: dict[str, Any]) -> HttpResponseBase:
    sending.hold(
        request.user,
        case=case,
        body=said["body"],
        client_id=said["client_id"],
        seen=said["seen"] or 0,
        attachments=said["attachments"],
        at=said["at"],
        anyway=said["even_if"],
        made_from=said["made_from"],
        through_portal=said["through_portal"],
    )
    shown = {"held": sending.of(request.user, case), "case": case}
    return render(request, "agents/case/held.html", shown, status=202)


def _say(request: StaffRequest, case: Case, said: dict[str, Any]) -> None:
    words = {name: said[name] for name in ("body", "client_id", "made_from", "attachments")}
    if said["through_portal"] and said["kind"] == "reply":
        fitness.through_portal(request.user, case=case, **words)
        return
    thread = conversations.speaking(timeline.conversations(request.user, case)) or conversations.thread_of(
        case
    )
    write = conversations.note if said["kind"] == "note" else conversations.reply
    write(request.user, conversation=thread, **words)


def _unfit(request: StaffRequest, case: Case, unfit: fitness.Unfit) -> HttpResponseBase:
    """What may not leave the house can go through the portal, by one click."""
    shown = {"words": unfit.detail, "may_go_through_portal": fitness.may_go_through_portal(case)}
    return render(request, "agents/case/unfit.html", shown, status=422)


def _not_sent(request: StaffRequest, words: str, *, twice: bool = False) -> HttpResponseBase:
    shown = {"words": words, "twice": twice}
    return render(request, "agents/case/not_sent.html", shown, status=422)


def _twice(request: StaffRequest) -> HttpResponseBase:
    """Something else came under its id: an answer of ours was lost on the way, and the words changed since."""
    words = _(
        "Another version of this was sent, or taken back. Look at the thread; send again if this is to go."
    )
    return _not_sent(request, words, twice=True)


@require_POST
@door("cases.work", realm="staff")
def seen(request: StaffRequest, number: str) -> HttpResponseBase:
    """The case stands before the agent: what its customer wrote is read."""
    case_rules.seen(request.user, case=reached(request, number))
    return HttpResponse(status=204)
