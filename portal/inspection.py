"""The way of a file from its last chunk to where it may be read: type, virus check, contents, thumbnail.

Every step can run again: a file left behind by a killed worker is picked up by the sweeper, and what was
written before is written over. Until a file is ready nobody can open it.
"""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from config import health
from config.integrations import scanner
from config.security.audit import acting
from config.security.storage import NotStored, StorageFull
from config.security.streams import Damaged, KeyMissing, Readable
from config.sweeps import each
from portal import films, formats, signals
from portal.access import System
from portal.models import Document, Upload
from portal.models.documents import DocumentKind, DocumentState, Refusal, UploadState
from portal.parts import Arrived, remove_parts, vault
from portal.uploads import MEGABYTE, Closed, abandon

log = structlog.get_logger(__name__)

INSPECTOR = System("file inspection")
DECODER = Path(__file__).with_name("decoder.py")
DECODE_SECONDS = 60
PIXELS_MOST = 80_000_000
PAGES_MOST = 100
ATTEMPTS_MOST = 5
STUCK_AFTER = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT) + timedelta(
    minutes=5
)  # nobody works on it now
UNTOUCHED_AFTER = timedelta(minutes=1)
# What a kind of document may be; pictures and PDFs where nothing else is said.
TAKEN = {
    DocumentKind.VIDEO: formats.VIDEOS,
    DocumentKind.PHOTO: formats.IMAGES,
    DocumentKind.WARRANTY_PHOTO: formats.IMAGES,
    DocumentKind.OTHER: formats.IMAGES | formats.VIDEOS | {formats.PDF},
}


class Refused(Exception):
    """The file is not taken. ``reason`` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass
class Result:
    """What is to be kept of a file: its bytes from ``source``, and what is known about it."""

    source: BinaryIO
    content_type: str
    pages: int | None = None
    thumbnail: bytes = b""


def process(document_id: int) -> str:
    """Take a finished upload through all checks; the state it came to. Safe to call at any time."""
    document = _claim(document_id)
    if document is None:
        return "nothing to do"
    try:
        result_state = _inspect(document)
    except Refused as refusal:
        result_state = _refuse(document, refusal.reason)
    except scanner.NotScanned:
        result_state = _put_off(document, DocumentState.NOT_SCANNED)
    except KeyMissing:
        _put_off(document, DocumentState.SCANNING)
        raise
    except Damaged:
        result_state = _refuse(document, Refusal.CHANGED)
    except NotStored:
        raise  # counts: a file that is lost is given up in the end, one whose disk is away for a while is not
    except StorageFull:
        result_state = _put_off(document, DocumentState.RECEIVED)
        health.found_full()
    except Exception:
        # The decoder answers for what a file may bring about. This is ours: the file is kept and tried again.
        _put_off(document, DocumentState.SCANNING)
        raise
    log.info("file inspected", document=document.pk, state=result_state)
    return result_state


def sweep() -> dict[str, int]:
    """Pick up files that were left behind, and clear away uploads nobody finished."""
    from portal.tasks import process_upload

    now = timezone.now()
    stuck = Q(state=DocumentState.SCANNING, changed_at__lt=now - STUCK_AFTER)
    untouched = Q(state=DocumentState.RECEIVED, changed_at__lt=now - UNTOUCHED_AFTER)
    waiting = Q(state=DocumentState.NOT_SCANNED) if _scannable() else Q(pk__in=[])
    rows = Document.objects.filter(stuck | untouched | waiting).order_by("changed_at", "pk")
    due = list(rows.values_list("pk", flat=True)[:500])
    for document_id in due:
        process_upload.delay(document_id)
    expired = Upload.objects.filter(state=UploadState.OPEN, expires_at__lt=now)[:500]
    each(_expire, expired)
    return {"picked_up": len(due), "expired": len(expired), "tidied": vault().tidy(24 * 3600)}


def _claim(document_id: int) -> Document | None:
    """Take hold of the file, unless somebody has or it is done with."""
    with transaction.atomic(), acting(INSPECTOR):
        stale = Q(state=DocumentState.SCANNING, changed_at__lt=timezone.now() - STUCK_AFTER)
        free = Q(state__in=[DocumentState.RECEIVED, DocumentState.NOT_SCANNED])
        rows = Document.objects.select_for_update(skip_locked=True, of=("self",))
        document = rows.filter(stale | free, pk=document_id, upload__isnull=False).first()
        if document is not None:
            _set(document, state=DocumentState.SCANNING, attempts=document.attempts + 1)
        return document


def _inspect(document: Document) -> str:
    if document.attempts > ATTEMPTS_MOST:
        raise Refused(Refusal.SLOW)
    file = Arrived(document.upload)
    kind = _type_of(document, file)
    checked = _scan(file)
    result = _look_inside(file, kind)
    return _keep(document, result, checked)


def _type_of(document: Document, file: Arrived) -> str:
    if not file.size:
        raise Refused(Refusal.EMPTY)
    file.seek(0)
    kind = formats.content_type(file.read(16))
    if kind is None:
        raise Refused(Refusal.TYPE)
    if kind not in TAKEN.get(DocumentKind(document.kind), formats.IMAGES | {formats.PDF}):
        raise Refused(Refusal.KIND)
    return kind


def _scan(file: Arrived) -> bool:
    """Whether the scanner found the file clean; False only where unscanned files are let through."""
    try:
        verdict = scanner.scan(formats.pieces(cast(BinaryIO, file)))
    except scanner.NotScanned:
        if settings.UPLOADS_ACCEPT_UNSCANNED:
            return False
        raise
    if verdict is scanner.Verdict.INFECTED:
        raise Refused(Refusal.INFECTED)
    return True


def _look_inside(file: Arrived, kind: str) -> Result:
    stream = cast(BinaryIO, file)
    try:
        formats.check_whole_and_only(stream, file.size, kind)
        if kind in formats.VIDEOS:
            bare = io.BufferedReader(films.Bare(stream, films.notes(stream, file.size)), MEGABYTE)
            return Result(cast(BinaryIO, bare), kind)
    except formats.Incomplete:
        raise Refused(Refusal.TRUNCATED) from None
    except formats.Hiding:
        raise Refused(Refusal.POLYGLOT) from None
    except formats.Overgrown:
        raise Refused(Refusal.SLOW) from None
    return _decoded(stream, kind)


def _decoded(stream: BinaryIO, kind: str) -> Result:
    """What the decoder made of it, in a process of its own."""
    stream.seek(0)
    data = stream.read()
    answer, rest = _run_decoder(data, kind)
    if refusal := answer.get("refused"):
        raise Refused(Refusal(refusal))
    new, small = rest[: answer["new"]], rest[answer["new"] :]
    return Result(BytesIO(new or data), answer["type"], answer["pages"], small)


def _run_decoder(data: bytes, kind: str) -> tuple[dict[str, Any], bytes]:
    wanted = json.dumps({"type": kind, "pixels": PIXELS_MOST, "pages": PAGES_MOST})
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(DECODER), wanted],
            input=data,
            capture_output=True,
            timeout=DECODE_SECONDS,
            env={"LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(Refusal.SLOW) from None
    head, _, rest = done.stdout.partition(b"\n")
    if done.returncode or not head:
        # Killed by its limits, or brought down by the file.
        raise Refused(Refusal.SLOW if done.returncode < 0 else Refusal.TRUNCATED)
    return json.loads(head), rest


def _keep(document: Document, result: Result, checked: bool) -> str:
    """Write the file to its place and open it to readers, unless it was taken back meanwhile."""
    place = f"documents/{document.ref.hex[:2]}/{document.ref.hex}"
    source = Digesting(result.source)
    size = vault().put(place, source)
    small = f"{place}-small" if result.thumbnail else ""
    if small:
        vault().put(small, BytesIO(result.thumbnail))
    state = _settle(
        document,
        lambda it: _set(
            it,
            state=DocumentState.READY,
            virus_checked=checked,
            content_type=result.content_type,
            filename=_named(it.filename, result.content_type),
            size=size,
            sha256=source.hexdigest(),
            pages=result.pages,
            storage_name=place,
            thumbnail_name=small,
        ),
    )
    if state != DocumentState.READY:
        _remove(place, small)
    return state


def _put_off(document: Document, state: DocumentState) -> str:
    """Leave the file for a later run. Only runs that never came back, killed by it, count against a file."""
    return _settle(document, lambda it: _set(it, state=state, attempts=max(0, it.attempts - 1)))


def _refuse(document: Document, reason: Refusal) -> str:
    """Keep nothing of the file but why it was not taken."""
    state = DocumentState.INFECTED if reason is Refusal.INFECTED else DocumentState.REFUSED
    return _settle(document, lambda it: _set(it, state=state, reason=reason.value))


def _settle(document: Document, change: Callable[[Document], None]) -> str:
    """Bring the file to its new state, unless somebody else changed it while we worked."""
    with transaction.atomic(), acting(INSPECTOR):
        here: Document = Document.objects.select_for_update(of=("self",)).get(pk=document.pk)
        if here.state == DocumentState.SCANNING:
            change(here)
            _announce(here)
        return here.state


def _announce(document: Document) -> None:
    if document.state == DocumentState.READY:
        signal = signals.document_ready
    elif document.state in (DocumentState.REFUSED, DocumentState.INFECTED):
        signal = signals.document_refused
    else:
        return
    transaction.on_commit(lambda: signal.send(Document, document_id=document.pk), robust=True)
    transaction.on_commit(lambda: remove_parts(document.upload), robust=True)


def _expire(upload: Upload) -> None:
    with acting(INSPECTOR), suppress(Closed):
        abandon(INSPECTOR, upload.ref)


def _set(document: Document, **values: Any) -> None:
    for name, value in values.items():
        setattr(document, name, value)
    document.save(update_fields=[*values, "changed_at"])


def _named(filename: str, content_type: str) -> str:
    """The name with the ending that fits what the file is now."""
    suffix = formats.EXTENSIONS[content_type]
    path = PurePosixPath(filename or "file")
    same = {".jpeg": ".jpg", ".tiff": ".tif"}.get(path.suffix.lower(), path.suffix.lower()) == suffix
    return path.name if same else f"{path.stem}{suffix}"


def _remove(*names: str) -> None:
    for name in names:
        if name:
            default_storage.delete(name)


def _scannable() -> bool:
    return scanner.works() or settings.UPLOADS_ACCEPT_UNSCANNED


class Digesting:
    """A stream that takes the checksum of what is read from it."""

    def __init__(self, source: Readable) -> None:
        self.source = source
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self.source.read(size)
        self.hash.update(piece)
        return piece

    def hexdigest(self) -> str:
        return self.hash.hexdigest()
