"""Download my data: asked for, made in the background, opened by a passphrase that is shown once."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal import documents, my_data
from portal.models import DataExport
from portal.records import Record
from portal.views.documents import serve
from portal.views.pages import page

SHOWN = 5
EXPORT = "my_data.export"


@page("own", permission=EXPORT)
@require_safe
def my_data_page(request: HttpRequest, record: Record) -> HttpResponse:
    rows = (
        DataExport.objects.visible_to(request.user).filter(patient=record.patient).select_related("document")
    )
    exports = list(rows[:SHOWN])
    return render(request, "portal/my_data/page.html", {"exports": exports, "under_way": my_data.UNDER_WAY})


@page("own", permission=EXPORT, step_up=True)
@require_POST
def ask(request: HttpRequest, record: Record) -> HttpResponseBase:
    my_data.ask(request.user, patient=record.patient)
    return redirect("portal:my-data")


@page("own", permission=EXPORT, extends_session=False)
@require_safe
def state(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponse:
    """How far a copy is, as the part of the page that is asked for again."""
    export = _export(request, ref)
    return render(request, "portal/my_data/export.html", {"export": export, "under_way": my_data.UNDER_WAY})


@page("own", permission=EXPORT, step_up=True)
@require_POST
def passphrase(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    export = _export(request, ref)
    try:
        shown = my_data.reveal(request.user, export=export)
    except my_data.AlreadyShown:
        messages.error(request, _("This passphrase was shown before. If you lost it, ask for a new copy."))
        return redirect("portal:my-data")
    return render(request, "portal/my_data/passphrase.html", {"passphrase": shown})


@page("own", permission=EXPORT, step_up=True)
@require_safe
def download(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    try:
        return serve(request, my_data.open_archive(request.user, export=_export(request, ref)))
    except documents.NotReadable:
        messages.error(request, _("This copy is no longer here. Please ask for a new one."))
        return redirect("portal:my-data")


def _export(request: HttpRequest, ref: uuid.UUID) -> DataExport:
    export = (
        DataExport.objects.visible_to(request.user)
        .select_related("document", "patient")
        .filter(ref=ref)
        .first()
    )
    if export is None:
        raise Http404
    found: DataExport = export
    return found
