"""How a patient wants to hear from us: one choice for each channel and topic."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal import consent
from portal.models import Consent
from portal.records import Record
from portal.views.pages import page, seen


@page("own")
@require_http_methods(["GET", "HEAD", "POST"])
def contacts(request: HttpRequest, record: Record) -> HttpResponseBase:
    if request.method == "POST":
        return _save(request, record)
    seen(record, "portal.contacts")
    return _show(request, record)


def _show(request: HttpRequest, record: Record) -> HttpResponse:
    known = consent.standing(record.patient)
    rows = [
        {"label": label, "choices": [_choice(known, channel, topic) for channel, _name in consent.CHANNELS]}
        for topic, label in consent.TOPICS
    ]
    return render(request, "portal/profile/contacts.html", {"rows": rows, "channels": consent.CHANNELS})


def _choice(known: dict[consent.Choice, Consent], channel: str, topic: str) -> dict[str, object]:
    row = known.get((channel, topic))
    return {
        "name": f"{channel}-{topic}",
        "channel": dict(consent.CHANNELS)[channel],
        "granted": row is not None and row.granted,
        "since": row.at if row else None,
        "stopped": row is not None and row.source == "stop",
    }


def _save(request: HttpRequest, record: Record) -> HttpResponseBase:
    choices = {
        (channel, topic): f"{channel}-{topic}" in request.POST
        for channel, _name in consent.CHANNELS
        for topic, _label in consent.TOPICS
    }
    consent.choose(request.user, patient=record.patient, choices=choices)
    messages.success(request, _("Saved. Your choices count from now on."))
    return redirect("portal:contacts")
