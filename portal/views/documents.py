"""Files out of the vault: only to whom the rules let read, on the trail, and boxed in on arrival.

The address carries the document's reference, for staff a purpose, and no permission of its own.
"""

import re
import uuid
from collections.abc import AsyncIterator, Callable
from functools import wraps

import structlog
from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.security.storage import NotStored
from config.security.streams import CHUNK, Damaged, Reader
from portal import documents
from portal.access import door
from portal.documents import Opened
from portal.formats import IMAGES, PDF, VIDEOS
from portal.models import Document

log = structlog.get_logger(__name__)

View = Callable[..., HttpResponseBase]
SHOWN_INLINE = IMAGES | VIDEOS | {PDF}
ONE_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
PURPOSE = re.compile(r"case:\d{1,18}|review")
BOXED_IN = {
    "Cache-Control": "no-store, private",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; "
    "frame-ancestors 'self'; sandbox",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class Unsatisfiable(Exception):
    """The range lies outside the file, or there are several."""


def answering(view: View) -> View:
    """Somebody else's file is not found; one that may not be read says why."""

    @wraps(view)
    def answer(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
        try:
            return view(request, ref)
        except Document.DoesNotExist:
            raise Http404 from None
        except documents.NotReadable as refusal:
            return HttpResponse(str(refusal), status=409, content_type="text/plain; charset=utf-8")
        except (Damaged, NotStored):
            log.error("file unreadable", document=str(ref))
            return HttpResponse(_("This file can't be read. Please send it again."), status=500)

    return answer


@door(None)
@require_safe
@answering
def download(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    return serve(request, documents.open_document(request.user, ref, purpose=named(request)))


@door(None)
@require_safe
@answering
def preview(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    """The file to be looked at in the page: pictures, PDFs and films; all else is downloaded."""
    opened = documents.open_document(request.user, ref, purpose=named(request))
    return serve(request, opened, inline=opened.content_type in SHOWN_INLINE)


@door(None)
@require_safe
@answering
def thumbnail(request: HttpRequest, ref: uuid.UUID) -> HttpResponseBase:
    opened = documents.open_thumbnail(request.user, ref, purpose=named(request))
    return serve(request, opened, inline=True)


def named(request: HttpRequest) -> str:
    """What staff say they need the file for, such as ``?for=case:81``. It opens nothing by itself."""
    purpose = request.GET.get("for", "")
    return purpose if PURPOSE.fullmatch(purpose) else ""


def serve(request: HttpRequest, opened: Opened, *, inline: bool = False) -> HttpResponseBase:
    """Stream an opened file, or the one range of it that was asked for."""
    size = opened.reader.size
    try:
        # We give no validators, so a conditional range is answered with the whole.
        asked = "" if "If-Range" in request.headers else request.headers.get("Range", "")
        wanted = asked_range(asked, size)
    except Unsatisfiable:
        opened.reader.close()
        return _with_headers(HttpResponse(status=416), {"Content-Range": f"bytes */{size}"})
    start, stop = wanted or (0, size)
    response = StreamingHttpResponse(stream(opened.reader, start, stop), status=206 if wanted else 200)
    # Closes the file where the answer is never read, to a HEAD for one.
    response._resource_closers.append(opened.reader.close)  # type: ignore[attr-defined]
    headers = {
        "Content-Type": opened.content_type,
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition_header(not inline, opened.document.filename) or "",
    }
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return _with_headers(response, headers)


def asked_range(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last, None for the whole file. Raises Unsatisfiable."""
    if not header.startswith("bytes="):
        return None
    if "," in header:
        raise Unsatisfiable
    match = ONE_RANGE.fullmatch(header)
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    start = _within(first, size) if first else size - _within(last, size)
    stop = min(_within(last, size) + 1, size) if first and last else size
    if start >= stop:
        raise Unsatisfiable
    return start, stop


def _within(digits: str, size: int) -> int:
    """The number, or ``size`` where it is larger: one of thousands of digits is never made."""
    digits = digits.lstrip("0")
    return size if len(digits) > len(str(size)) else min(int(digits or "0"), size)


async def stream(reader: Reader, start: int, stop: int) -> AsyncIterator[bytes]:
    """The bytes from ``start`` to ``stop``, opened in a thread a chunk at a time."""
    next_piece = sync_to_async(_next_piece, thread_sensitive=False)
    try:
        reader.seek(start)
        while reader.position < stop:
            piece = await next_piece(reader, stop)
            if not piece:
                return
            yield piece
    finally:
        reader.close()


def _next_piece(reader: Reader, stop: int) -> bytes:
    return bytes(reader.piece(min(CHUNK, stop - reader.position)))


def _with_headers(response: HttpResponseBase, headers: dict[str, str]) -> HttpResponseBase:
    for name, value in (BOXED_IN | headers).items():
        response.headers[name] = value
    return response
