"""How cases belong together, as agents say it: merged, split, linked, snoozed, followed, tagged."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import context, kinship, workspace
from agents import forms_kin as forms
from agents.views.answers import StaffRequest
from agents.views.work import Gate, done, reached, refused, through
from cases import cases as rules
from cases import following, kin, merging, snoozing, splitting
from cases import tags as tag_rules
from cases.models import Case, CaseLink, Message
from portal.access import door
from portal.models import Order, User

TALK = 30


@require_GET
@door("cases.view", realm="staff")
def beside(request: StaffRequest, number: str) -> HttpResponseBase:
    """What belongs to this case: above, below, beside, merged, taken up, and what may be the same matter."""
    case = reached(request, number)
    shown = {"case": case, "kin": kinship.of(request.user, case)}
    return render(request, "agents/case/kin.html", shown)


@require_http_methods(["GET", "POST"])
@door("cases.merge", realm="staff")
def merge(request: StaffRequest, number: str) -> HttpResponseBase:
    case = reached(request, number)
    build = partial(forms.MergeForm, actor=request.user, candidates=kinship.mergeable(request.user, case))
    gate = Gate(
        gettext_lazy("Merge cases"), gettext_lazy("Merge"), build, _merge,
        gettext_lazy("What was said and done on them goes into this case. It can be undone for a while."),
    )  # fmt: skip
    alike = request.GET.get("alike", "")
    return through(request, number, gate, {"cases": [alike]} if alike else None)


def _merge(actor: User, *, case: Case, cases: list[Case], version: int) -> None:
    merging.merge(actor, into=case, cases=cases)


@require_POST
@door("cases.merge", realm="staff")
def unmerge(request: StaffRequest, number: str) -> HttpResponseBase:
    """``shown`` is the case on the screen, of the two: that one is read anew."""
    return _at_once(request, number, merging.unmerge, shown=request.POST.get("shown", ""))


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def split(request: StaffRequest, number: str) -> HttpResponseBase:
    """The messages to choose from are shown, so the case is opened."""
    case = _opened(request, number, "case: split")
    said = kinship.talk(request.user, case, TALK)
    build = partial(forms.SplitForm, messages=[(str(pk), words) for pk, words in said])
    gate = Gate(gettext_lazy("Split the case"), gettext_lazy("Split"), build, _split)
    initial = {"message": request.GET.get("message", ""), "whole": "yes"}
    return through(request, number, gate, initial)


def _opened(request: StaffRequest, number: str, what: str) -> Case:
    reached(request, number)
    return workspace.open_case(request.user, number, what)


def _split(
    actor: User, *, case: Case, message: str, whole: str, subject: str, reason: Any, version: int
) -> None:
    chosen = Message.objects.visible_to(actor).filter(pk=message).first()
    if chosen is None:
        raise ValidationError({"message": gettext_lazy("That message is not there any more.")})
    if whole:
        splitting.split(actor, case=case, messages=[chosen], subject=subject, reason=reason, version=version)
    else:
        splitting.open_from(actor, case=case, message=chosen, subject=subject, reason=reason)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def snooze(request: StaffRequest, number: str) -> HttpResponseBase:
    gate = Gate(
        gettext_lazy("Snooze"), gettext_lazy("Snooze"), forms.SnoozeCaseForm, snoozing.snooze,
        gettext_lazy("The case leaves the lists until then. Its clocks run on."),
    )  # fmt: skip
    return through(request, number, gate, {"when": "opening"})


@require_POST
@door("cases.work", realm="staff")
def wake(request: StaffRequest, number: str) -> HttpResponseBase:
    return _at_once(request, number, snoozing.wake)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def follow(request: StaffRequest, number: str) -> HttpResponseBase:
    """Follow a case, or no longer."""
    case = reached(request, number)
    if following.follows(request.user, case):
        words = gettext_lazy("Stop following this case?"), gettext_lazy("Stop following")
        return through(request, number, Gate(*words, _plain, following.unfollow))
    words = gettext_lazy("Follow this case?"), gettext_lazy("Follow")
    lead = gettext_lazy("You hear when the customer writes, and what becomes of the case.")
    return through(request, number, Gate(*words, _plain, following.follow, lead))


def _plain(*args: Any, **kwargs: Any) -> Form:
    return forms.PlainForm(*args, **kwargs)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def tags(request: StaffRequest, number: str) -> HttpResponseBase:
    case = reached(request, number)
    gate = Gate(gettext_lazy("Tags"), gettext_lazy("Save"), forms.TagsForm, tag_rules.set_tags)
    return through(request, number, gate, {"tags": list(case.tags.values_list("name", flat=True))})


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def change(request: StaffRequest, number: str) -> HttpResponseBase:
    """What a case is about; its subject is shown, so the case is opened. Orders only to who may see them."""
    case, orders = _opened(request, number, "case: change"), None
    if context.standing(request.user, case).opens("orders"):
        orders = Order.objects.visible_to(request.user).filter(patient=case.patient_id).order_by("-placed_at")
    build = partial(forms.ChangeForm, orders=orders)
    gate = Gate(gettext_lazy("Change the case"), gettext_lazy("Save"), build, _change)
    return through(request, number, gate, _as_it_is(case))


def _as_it_is(case: Case) -> dict[str, Any]:
    return {
        "subject": case.subject,
        "reason": case.reason.code if case.reason else "",
        "priority": case.priority,
        "product_line": case.product_line,
        "order": case.order.number if case.order else "",
    }


def _change(actor: User, *, case: Case, version: int, **said: Any) -> None:
    """Only what is new counts as changed."""
    new = {name: value for name, value in said.items() if value != getattr(case, name)}
    if new:
        rules.change(actor, case=case, version=version, **new)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def link(request: StaffRequest, number: str) -> HttpResponseBase:
    build = partial(forms.LinkForm, actor=request.user)
    return through(
        request, number, Gate(gettext_lazy("Link to a case"), gettext_lazy("Link"), build, kin.link)
    )


@require_POST
@door("cases.work", realm="staff")
def unlink(request: StaffRequest, number: str, pk: int) -> HttpResponseBase:
    case = reached(request, number)
    tie = get_object_or_404(CaseLink.objects.visible_to(request.user).filter(pk=pk, case=case))
    kin.unlink(request.user, tie=tie)
    return done(case)


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def parent(request: StaffRequest, number: str) -> HttpResponseBase:
    case = reached(request, number)
    build = partial(forms.ParentForm, actor=request.user)
    gate = Gate(gettext_lazy("Put under another case"), gettext_lazy("Save"), build, kin.set_parent)
    return through(request, number, gate, {"parent": case.parent.number if case.parent else ""})


@require_http_methods(["GET", "POST"])
@door("cases.work", realm="staff")
def wait_on(request: StaffRequest, number: str) -> HttpResponseBase:
    gate = Gate(
        gettext_lazy("Wait for somebody"), gettext_lazy("Wait"), forms.WaitForm, rules.wait,
        gettext_lazy("Clocks stand still only while the customer has the word."),
    )  # fmt: skip
    return through(request, number, gate, {"on": "prescriber"})


def _at_once(
    request: StaffRequest, number: str, act: Callable[..., Any], *, shown: str = ""
) -> HttpResponseBase:
    """An act without a form; why it can't be is told at the edge of the page."""
    case = reached(request, number)
    on_screen = reached(request, shown) if shown else case
    try:
        act(request.user, case=case)
    except ValidationError as error:
        return refused(on_screen, " ".join(error.messages))
    return done(on_screen)
