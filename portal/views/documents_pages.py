"""The patient's documents: what they sent, what became of it, and sending more."""

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal import documents
from portal.forms import SendFileForm
from portal.models import Document
from portal.models.documents import DocumentKind, DocumentState
from portal.records import Record
from portal.uploads import CHUNK_MOST, UploadRefused
from portal.views.pages import page, seen

ROWS = 20


@page()
@require_safe
def document_list(request: HttpRequest, record: Record) -> HttpResponse:
    rows = Document.objects.visible_to(request.user).filter(patient=record.patient)
    rows = rows.exclude(kind=DocumentKind.EXPORT).exclude(state=DocumentState.WITHDRAWN)
    rows = rows.select_related("uploaded_by").order_by("-created_at", "-pk")
    found = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    listed = list(found)
    seen(record, "portal.documents", listed)
    form = SendFileForm(record=record, initial={"kind": request.GET.get("kind", "")})
    return render(
        request, "portal/documents/list.html", {"documents": listed, "page_obj": found, "form": form}
    )


@page()
@require_POST
def send(request: HttpRequest, record: Record) -> HttpResponseBase:
    """One small file by a plain form, for browsers without script."""
    form = SendFileForm(request.POST, request.FILES, record=record)
    if not form.is_valid():
        for problems in form.errors.values():
            messages.error(request, str(problems[0]))
        return redirect("portal:documents")
    try:
        _send(request, record, form)
    except UploadRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("We have your file. We are checking it now."))
    return redirect("portal:documents")


def _send(request: HttpRequest, record: Record, form: SendFileForm) -> None:
    file = form.cleaned_data["file"]
    upload = documents.begin_upload(
        request.user,
        kind=form.cleaned_data["kind"],
        filename=file.name,
        size=file.size,
        declared_type=file.content_type or "",
        patient=record.patient,
    )
    offset = 0
    for piece in file.chunks(CHUNK_MOST):
        documents.add_chunk(request.user, upload.ref, offset=offset, data=piece)
        offset += len(piece)
    documents.finish_upload(request.user, upload.ref)


@page()
@require_POST
def withdraw(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponseBase:
    try:
        documents.withdraw(request.user, ref)
    except (Document.DoesNotExist, PermissionDenied):
        raise Http404 from None
    except documents.NotReadable as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The file is taken back. We no longer have it."))
    return redirect("portal:documents")
