"""Mass incidents, and what the floor is told."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import announcements as announcing
from agents import forms_floor as forms
from agents.models import Announcement
from agents.views.answers import StaffRequest
from agents.views.pages import pressed, shown, through
from cases import incident_runs as runs
from cases import incidents as rules
from cases.incidents import Scope
from cases.models import Incident
from portal.access import allowed, door


@require_http_methods(["GET", "POST"])
@door("cases.view", realm="staff")
def incidents(request: StaffRequest) -> HttpResponseBase:
    may = allowed(request.user, "incidents.manage")
    form = forms.IncidentForm(request.POST or None) if may else None

    def declared(actor: Any, title: str, cause: str, reason: Any, ref: UUID | None, **scope: str) -> None:
        rules.declare(actor, title=title, cause=cause, reason=reason, scope=Scope(**scope), ref=ref)

    if request.method == "POST" and form is not None:
        back = reverse("agents:incidents")
        if answer := through(request, form, declared, back=back, said=_("The incident is declared.")):
            return answer
    found = rules.going_on(request.user)
    counts = rules.counts(found)
    return shown(request, "incidents", form=form, incidents=[(one, *counts[one.pk]) for one in found])


def _reached(request: StaffRequest, ref: UUID) -> Incident:
    rows = Incident.objects.visible_to(request.user).select_related("case")
    found: Incident = get_object_or_404(rows, ref=ref)
    return found


@require_GET
@door("cases.view", realm="staff")
def incident(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    return _page(request, _reached(request, ref), forms.WordsForm(), forms.ResolveForm())


def _page(
    request: StaffRequest, found: Incident, words: forms.WordsForm, resolve: forms.ResolveForm
) -> HttpResponseBase:
    return shown(
        request, "incident", incident=found, counts=rules.counts([found])[found.pk],
        may=allowed(request.user, "incidents.manage"), words=words, resolve=resolve,
        runs=runs.standing(found),
    )  # fmt: skip


@require_GET
@door("cases.view", realm="staff", extends_session=False)
def incident_runs(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    """How far it is, asked again while something is being done."""
    found = _reached(request, ref)
    counts = rules.counts([found])[found.pk]
    return shown(request, "incident_runs", incident=found, counts=counts, runs=runs.standing(found))


@require_POST
@door("incidents.manage", realm="staff")
def incident_say(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    found, form = _reached(request, ref), forms.WordsForm(request.POST)

    def said(actor: Any, words: str, words_es: str) -> None:
        runs.say_to_all(actor, incident=found, words=words, words_es=words_es)

    back = reverse("agents:incident", args=[ref])
    return through(request, form, said, back=back, said=_("It is being said in every open case.")) or _page(
        request, found, form, forms.ResolveForm()
    )


@require_POST
@door("incidents.manage", realm="staff")
def incident_resolve(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    found, form = _reached(request, ref), forms.ResolveForm(request.POST)

    def over(actor: Any, next_step: str) -> None:
        runs.resolve(actor, incident=found, next_step=next_step)

    back = reverse("agents:incident", args=[ref])
    return through(request, form, over, back=back, said=_("Its cases are being closed.")) or (
        _page(request, found, forms.WordsForm(), form)
    )


@require_http_methods(["GET", "POST"])
@door("announcements.manage", realm="staff")
def announcements(request: StaffRequest) -> HttpResponseBase:
    form, back = forms.AnnouncementForm(request.POST or None), reverse("agents:announcements")
    if request.method == "POST" and (
        answer := through(request, form, announcing.announce, back=back, said=_("The floor sees it now."))
    ):
        return answer
    return shown(request, "announcements", form=form, board=announcing.board(request.user))


@require_POST
@door("announcements.manage", realm="staff")
def announcement_withdraw(request: StaffRequest, pk: int) -> HttpResponseBase:
    return pressed(
        request, announcing.withdraw, back=reverse("agents:announcements"), said=_("Nobody sees it any more."),
        announcement=get_object_or_404(Announcement, pk=pk),
    )  # fmt: skip
