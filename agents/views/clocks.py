"""The clocks of a case: the story of each, and what a lead may do to one by hand."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from agents.views.answers import StaffRequest, closes_dialog, told
from agents.views.work import reached
from cases import sla, snoozing
from cases.clocks import ACTIVE
from cases.models import Clock
from portal.access import allowed, door

LOCAL = "%Y-%m-%dT%H:%M"


class WhyForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"),
        help_text=_("At least ten characters. It stays with the story of the clock."),
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class MoveForm(WhyForm):
    """``due_at`` is by the supplier's clock on the wall."""

    due_at = forms.CharField(label=_("Due at"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    field_order = ("due_at", "reason")

    def clean_due_at(self) -> datetime:
        try:
            local = datetime.fromisoformat(self.cleaned_data["due_at"]).replace(tzinfo=None)
        except ValueError:
            raise ValidationError(_("Enter a day and a time.")) from None
        return snoozing.moment(local, _zone())


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.SUPPLIER_TIME_ZONE)


@require_GET
@door("cases.view", realm="staff")
def story(request: StaffRequest, number: str) -> HttpResponse:
    """Every clock of a case with all that was done to it, in a dialog."""
    case = reached(request, number)
    shown = {
        "case": case,
        "clocks": sla.standing(case),
        "may_change": allowed(request.user, "clocks.change"),
        "active": ACTIVE,
    }
    return render(request, "agents/case/clocks.html", shown)


@require_http_methods(["GET", "POST"])
@door("clocks.change", realm="staff")
def move(request: StaffRequest, number: str, pk: int) -> HttpResponseBase:
    """Let a clock run out at another moment."""
    clock = _reached(request, number, pk)
    due = (clock.due_at or timezone.now()).astimezone(_zone())
    form = MoveForm(request.POST or None, initial={"due_at": due.strftime(LOCAL)})
    words = (_("Move this clock"), _("Move"), _("A breach that has been noted stays on record."))
    if request.method == "POST" and form.is_valid():
        return _acted(
            request, form, words, number, lambda: sla.move(request.user, clock=clock, **form.cleaned_data)
        )
    return _shown(request, form, words)


@require_http_methods(["GET", "POST"])
@door("clocks.change", realm="staff")
def cancel(request: StaffRequest, number: str, pk: int) -> HttpResponseBase:
    """Take back a promise that should not have been made."""
    clock = _reached(request, number, pk)
    form = WhyForm(request.POST or None)
    words = (_("Cancel this clock"), _("Cancel the clock"), _("It counts neither as kept nor as missed."))
    if request.method == "POST" and form.is_valid():
        return _acted(
            request, form, words, number, lambda: sla.cancel(request.user, clock=clock, **form.cleaned_data)
        )
    return _shown(request, form, words)


def _reached(request: StaffRequest, number: str, pk: int) -> Clock:
    clocks = Clock.objects.visible_to(request.user).filter(case=reached(request, number))
    found: Clock = get_object_or_404(clocks, pk=pk)
    return found


def _acted(request: StaffRequest, form: forms.Form, words: Any, number: str, act: Any) -> HttpResponseBase:
    try:
        act()
    except ValidationError as error:
        form.add_error(None, error)
        return _shown(request, form, words)
    return told(
        closes_dialog("case-acted", number=number), str(_("Done. It stands in the story of the clock."))
    )


def _shown(request: StaffRequest, form: forms.Form, words: Any) -> HttpResponse:
    title, verb, lead = words
    shown = {"form": form, "title": title, "verb": verb, "lead": lead, "action": request.path}
    return render(request, "agents/case/form.html", shown, status=422 if form.errors else 200)
