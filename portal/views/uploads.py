"""Sending files: JSON answers for static/js/upload.js and for programs.

    POST   /uploads/                  {kind, filename, size, type?, patient?, order?}  201
    GET    /uploads/                  what I have not finished
    PUT    /uploads/<ref>/?offset=N   a chunk of at most 2 MiB as the body
    GET    /uploads/<ref>/            how far it is
    POST   /uploads/<ref>/finish/     all is sent: have it checked
    POST   /uploads/<ref>/withdraw/   take it back

Whatever can't be done is answered ``{"error": {"code", "detail"}}``; 409 also says the right ``offset``.
"""

import json
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from config.security import audit
from portal import documents, uploads
from portal.access import door
from portal.models import Document, Order, Patient, Upload
from portal.uploads import UploadRefused

View = Callable[..., HttpResponseBase]
NOT_THEIRS = (Document.DoesNotExist, Upload.DoesNotExist, Patient.DoesNotExist, Order.DoesNotExist)


def answering(view: View) -> View:
    """Answer what an upload's rules refuse, in JSON."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except UploadRefused as refusal:
            return refused(refusal)
        except documents.NotReadable as refusal:
            return error(409, "state", str(refusal))
        except RequestDataTooBig:
            return error(413, "chunk_too_large", _("Please send at most 2 MiB at a time."))
        except (ValueError, TypeError, KeyError, RecursionError, ValidationError):
            return error(400, "invalid", _("We could not understand this request."))
        except NOT_THEIRS:
            raise Http404 from None

    return answer


def refused(refusal: UploadRefused) -> JsonResponse:
    """The answer to an upload that can't go on, for whoever takes files by these rules."""
    more = {"offset": refusal.offset} if isinstance(refusal, uploads.OutOfStep) else {}
    answer = error(refusal.status, refusal.code, str(refusal), **more)
    if refusal.retry_after:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def error(status: int, code: str, detail: str, **more: Any) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "detail": detail} | more}, status=status)


def progress(upload: Upload) -> dict[str, Any]:
    """How far an upload is, and what became of it."""
    return {
        "upload": str(upload.ref),
        "offset": upload.received,
        "size": upload.size,
        "chunk_max": uploads.CHUNK_MOST,
        "state": upload.state,
        "document": outcome(upload.document) if upload.document else None,
    }


def outcome(document: Document) -> dict[str, Any]:
    """What a page shows of a document without opening it. Names no file: that is PHI."""
    small = document.readable and document.thumbnail_name
    return {
        "ref": str(document.ref),
        "kind": document.kind,
        "state": document.state,
        "state_text": document.state_text,
        "reason": document.reason,
        "reason_text": str(document.get_reason_display()) if document.reason else "",
        "virus_checked": document.virus_checked,
        "withdrawable": document.withdrawable,
        "size": document.size,
        "content_type": document.content_type,
        "url": reverse("portal:document", args=[document.ref]) if document.readable else None,
        "thumbnail": reverse("portal:document-thumbnail", args=[document.ref]) if small else None,
    }


@door("uploads.create")
@require_http_methods(["GET", "POST"])
@answering
def collection(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        return _unfinished(request)
    wanted = json.loads(request.body)
    if not isinstance(wanted["size"], int) or not isinstance(wanted["filename"], str):
        raise TypeError
    upload = documents.begin_upload(
        request.user,
        kind=str(wanted["kind"]),
        filename=wanted["filename"],
        size=wanted["size"],
        declared_type=str(wanted.get("type", "")),
        patient=_patient(request, wanted.get("patient")),
        order=_order(request, wanted.get("order")),
    )
    return JsonResponse(progress(upload), status=201)


@door("uploads.create")
@require_http_methods(["GET", "PUT", "POST"])
@answering
def one(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    if request.method == "GET":
        return JsonResponse(progress(documents.find_upload(request.user, ref)))
    offset = int(request.GET["offset"])
    return JsonResponse(progress(documents.add_chunk(request.user, ref, offset=offset, data=request.body)))


@door("uploads.create")
@require_POST
@answering
def finish(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    document = documents.finish_upload(request.user, ref)
    return JsonResponse(progress(document.upload), status=202)


@door("uploads.create")
@require_POST
@answering
def withdraw(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    """Take back a document, or give up an upload that never became one."""
    if Document.objects.filter(ref=ref).exists():
        return JsonResponse({"document": outcome(documents.withdraw(request.user, ref))})
    return JsonResponse(progress(documents.abandon(request.user, ref)))


def _unfinished(request: HttpRequest) -> JsonResponse:
    waiting = uploads.unfinished(request.user)
    whose = {upload.patient_id for upload in waiting if upload.patient_id}
    if waiting:
        audit.read(whose, "unfinished uploads", objects=waiting, fields=["filename"])
    return JsonResponse(
        {"uploads": [progress(it) | {"filename": it.filename, "kind": it.kind} for it in waiting]}
    )


def _patient(request: HttpRequest, ref: Any) -> Patient:
    """The patient a file is of: the one named, else the person who sends it."""
    named = {"ref": ref} if ref else {"user": request.user}
    patient: Patient = Patient.objects.visible_to(request.user).get(**named)
    return patient


def _order(request: HttpRequest, ref: Any) -> Order | None:
    return Order.objects.visible_to(request.user).get(ref=ref) if ref else None
