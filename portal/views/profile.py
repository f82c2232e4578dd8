"""The patient's own particulars."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal import contact_holds, profile
from portal.forms import CONTACT_FORMS, ChoicesForm
from portal.models import ContactChange
from portal.records import Record
from portal.views.pages import page, seen


@page("own")
@require_safe
def profile_page(request: HttpRequest, record: Record) -> HttpResponse:
    return _show(request, record)


def _show(request: HttpRequest, record: Record, sent: dict[str, object] | None = None) -> HttpResponse:
    seen(record, "portal.profile")
    patient, waiting, sent = record.patient, profile.waiting(record.patient), sent or {}
    contacts = [
        {
            "field": field,
            "label": label,
            "value": profile.shown(profile.value_of(patient, field)),
            "waiting": profile.shown(waiting[field].new_value) if field in waiting else "",
            "since": waiting[field].proposed_at if field in waiting else None,
            "ref": waiting[field].ref if field in waiting else None,
            "form": sent.get(field) or CONTACT_FORMS[field].of(patient),
            "open": field in sent,
        }
        for field, label in profile.PROPOSED.items()
    ]
    shown = {
        "contacts": contacts,
        "held": [_held(change) for change in contact_holds.in_force(patient)],
        "choices": sent.get("choices") or ChoicesForm.of(patient),
    }
    return render(request, "portal/profile/profile.html", shown, status=422 if sent else 200)


def _held(change: ContactChange) -> dict[str, object]:
    """A change that is on file already, and from when on it is used."""
    waits = change.delivers_from is not None and change.delivers_from > timezone.now()
    return {
        "ref": change.ref,
        "label": profile.PROPOSED[change.field],
        "old": profile.shown(change.old_value),
        "at": change.decided_at,
        "used_from": change.delivers_from if waits else None,
    }


@page("own")
@require_POST
def stop(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    change = get_object_or_404(ContactChange, patient=record.patient, ref=ref)
    try:
        profile.stop(request.user, change=change)
        messages.success(request, _("Stopped. What you had before stays on file."))
    except profile.NotStoppable as refused:
        messages.error(request, str(refused))
    return redirect("portal:profile")


@page("own")
@require_POST
def save_choices(request: HttpRequest, record: Record) -> HttpResponseBase:
    form = ChoicesForm(request.POST)
    if not form.is_valid():
        return _show(request, record, {"choices": form})
    profile.set_choices(request.user, patient=record.patient, choices=profile.Choices(**form.cleaned_data))
    language = form.cleaned_data["language"]
    translation.activate(language)
    messages.success(request, _("Saved."))
    response = redirect("portal:profile")
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
    return response


@page("own")
@require_POST
def propose(request: HttpRequest, record: Record, field: str) -> HttpResponseBase:
    if field not in CONTACT_FORMS:
        raise Http404
    form = CONTACT_FORMS[field](request.POST)
    if not form.is_valid():
        return _show(request, record, {field: form})
    if profile.propose(request.user, patient=record.patient, field=field, value=form.value()) is None:
        messages.info(request, _("That is what we have on file already."))
    else:
        messages.success(request, _("Thank you. Our team will check this within 1 business day."))
    return redirect("portal:profile")
