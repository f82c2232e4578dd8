"""Referrals on their way to a set-up, and records that may be one person's."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import forms_floor as forms
from agents import search as directory
from agents.views.answers import StaffRequest
from agents.views.pages import pressed, shown, through
from portal import duplicates, intake, patient_merges
from portal.access import allowed, door
from portal.models import LookAlike, Patient, PatientMerge, Referral


@require_http_methods(["GET", "POST"])
@door("intake.work", realm="staff")
def referrals(request: StaffRequest) -> HttpResponseBase:
    """The list, and a form for the next one."""
    form = forms.ReferralForm(request.POST or None)
    if request.method == "POST" and (
        answer := through(
            request,
            form,
            intake.take_in,
            back=reverse("agents:referrals"),
            said=_("The referral is in the list."),
        )
    ):
        return answer
    return shown(
        request,
        "referrals",
        form=form,
        referrals=intake.waiting(request.user),
        may_merge=allowed(request.user, "patients.merge"),
    )


def _opened(request: StaffRequest, ref: UUID) -> Referral:
    try:
        return intake.open_referral(request.user, ref)
    except Referral.DoesNotExist:
        raise Http404 from None


@require_GET
@door("intake.work", realm="staff")
def referral(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    found = _opened(request, ref)
    return _page(request, found, forms.BecauseForm())


def _page(request: StaffRequest, found: Referral, decline: forms.BecauseForm) -> HttpResponseBase:
    """Whoever may not compare records sees of those alike what the directory shows, and not why they are."""
    matches = intake.alike(request.user, found) if found.patient_id is None else []
    alike = [(match, directory.person(match.patient)) for match in matches]
    may_compare = allowed(request.user, "patients.merge")
    return shown(
        request, "referral", referral=found, alike=alike, may_compare=may_compare,
        steps=intake.steps(found), decline=decline,
    )  # fmt: skip


ACTS: dict[str, tuple[Any, str]] = {
    "take": (intake.take, "You have it in hand."),
    "ready": (intake.ready, "It is ready for the set-up."),
    "set-up": (intake.set_up, "The set-up is written down."),
}


@require_POST
@door("intake.work", realm="staff")
def referral_act(request: StaffRequest, ref: UUID, act: str) -> HttpResponseBase:
    """take, ready or set-up."""
    if act not in ACTS:
        raise Http404
    rule, said = ACTS[act]
    found = _opened(request, ref)
    return pressed(request, rule, back=reverse("agents:referral", args=[ref]), said=_(said), referral=found)


@require_POST
@door("intake.work", realm="staff")
def referral_decline(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    found, form = _opened(request, ref), forms.BecauseForm(request.POST)

    def declined(actor: Any, because: str) -> None:
        intake.decline(actor, referral=found, because=because)

    back = reverse("agents:referrals")
    return through(request, form, declined, back=back, said=_("The referral is declined.")) or _page(
        request, found, form
    )


@require_POST
@door("intake.work", realm="staff")
def referral_record(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    """``patient``: the record this person has; without one a new record is made."""
    found, back = _opened(request, ref), reverse("agents:referral", args=[ref])
    if chosen := request.POST.get("patient"):
        patient = get_object_or_404(Patient.objects.visible_to(request.user).in_force(), ref=_uuid(chosen))
        return pressed(
            request, intake.tie, back=back, said=_("The referral is tied to the record."),
            referral=found, patient=patient,
        )  # fmt: skip
    return pressed(
        request, intake.make_record, back=back, said=_("The record is made."),
        referral=found, although="although" in request.POST,
    )  # fmt: skip


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


# --- records that may be one person's ----------------------------------------------------------------
@require_GET
@door("patients.merge", realm="staff")
def look_alikes(request: StaffRequest) -> HttpResponseBase:
    pairs = [(pair, duplicates.in_words(pair.because)) for pair in duplicates.to_decide(request.user)]
    return shown(request, "look_alikes", pairs=pairs, merges=patient_merges.lately(request.user))


@require_POST
@door("patients.merge", realm="staff")
def look_alike(request: StaffRequest, ref: UUID) -> HttpResponseBase:
    """``keep`` is ``first`` or ``second``: the other is folded into it. Without it they are two people."""
    pair = get_object_or_404(LookAlike.objects.select_related("first", "second"), ref=ref)
    back, keep = reverse("agents:look-alikes"), request.POST.get("keep", "")
    if keep not in {"", "first", "second"}:
        raise Http404
    if not keep:
        return pressed(request, duplicates.are_two, back=back, said=_("They stay two people."), pair=pair)
    kept, folded = (pair.first, pair.second) if keep == "first" else (pair.second, pair.first)
    return pressed(
        request, patient_merges.merge, back=back, said=_("The records are one now. You can undo it for a day."),
        keep=kept, fold=folded,
    )  # fmt: skip


@require_POST
@door("patients.merge", realm="staff")
def unmerge(request: StaffRequest, pk: int) -> HttpResponseBase:
    record = get_object_or_404(PatientMerge, pk=pk)
    return pressed(
        request, patient_merges.undo, back=reverse("agents:look-alikes"),
        said=_("The records are two again."), record=record,
    )  # fmt: skip


@require_POST
@door("patients.merge", realm="staff")
def sweep(request: StaffRequest) -> HttpResponseBase:
    """Look for pairs now, not only at night."""
    duplicates.sweep()
    return redirect("agents:look-alikes")
