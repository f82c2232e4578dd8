"""Files on their way in: begun, sent in chunks that can be sent again, finished or given up.

A chunk is sealed the moment it arrives and kept as a file of its own under the upload's folder, named by its
place, so nobody's plain bytes touch a disk and a torn write is simply written again. An upload outlives the
session it began in: the same person goes on where it stopped.
"""

import re
import unicodedata
import uuid
from datetime import timedelta
from io import BytesIO
from math import ceil
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from config import health
from config.security.storage import StorageFull
from config.security.throttle import Limit, TooMany, take
from portal import owners
from portal.access import STAFF_REALM, System, allowed, require
from portal.formats import EXTENSIONS
from portal.models import Document, Order, Patient, Upload, User
from portal.models.documents import DocumentKind, DocumentState, Refusal, UploadState
from portal.parts import part_name, remove_parts, vault

MEGABYTE = 1024 * 1024
CHUNK_MOST = 2 * MEGABYTE
CHUNK_LEAST = 16 * 1024  # but for the last: a file of single bytes would be as many files
LARGEST = {DocumentKind.VIDEO: 500 * MEGABYTE}
LARGEST_OTHERWISE = 25 * MEGABYTE
FROM_A_GUEST = (20, 100 * MEGABYTE)  # files and bytes a day, of somebody nobody knows
# Of all guests at one address: a clinic's or an office's, too. Chats cost nothing, so a guest may be many.
FROM_AN_ADDRESS = Limit("megabytes from guests", 300, 24 * 3600)
LIFETIME = timedelta(days=2)
OPEN_AT_ONCE = 20
NOT_FROM_CUSTOMERS = {DocumentKind.EXPORT, DocumentKind.TRANSCRIPT, DocumentKind.DELIVERY_PROOF}
LONGEST_NAME = 120
BLANK = re.compile(r"\s+")


class UploadRefused(Exception):
    """Why an upload can't go on. ``status`` is HTTP's, ``code`` for programs, the text for people."""

    status, code = 400, "invalid"

    def __init__(self, text: str, *, code: str = "", retry_after: int | None = None) -> None:
        super().__init__(text)
        self.code = code or self.code
        self.retry_after = retry_after


class OutOfStep(UploadRefused):
    """The chunk does not join on. ``offset`` is where the next one has to begin."""

    status, code = 409, "out_of_step"

    def __init__(self, offset: int) -> None:
        super().__init__(_("This part of the file does not join on. Please go on from where we are."))
        self.offset = offset


class TooLarge(UploadRefused):
    status, code = 413, Refusal.TOO_LARGE.value


class QuotaUsed(UploadRefused):
    status, code = 429, "quota"


class Closed(UploadRefused):
    status, code = 410, "closed"


class NoRoom(UploadRefused):
    status, code = 507, "storage_full"

    def __init__(self) -> None:
        super().__init__(_("Storage is full, nothing was saved. Please try again later."))


def begin(
    actor: Any,
    *,
    kind: str,
    filename: str,
    size: int,
    declared_type: str = "",
    patient: Patient | None = None,
    owner_ref: str = "",
    order: Order | None = None,
    purpose: str = "",
    address: str = "",
) -> Upload:
    """Take up a file of ``size`` bytes for a patient or for what ``owner_ref`` names; a guest's from ``address``.

    Raises UploadRefused with what to tell the person, PermissionDenied where it is not theirs to send,
    Order.DoesNotExist where the order is not that patient's.
    """
    _require_owner(actor, patient, owner_ref)
    if order is not None and (patient is None or order.patient_id != patient.pk):
        raise Order.DoesNotExist
    _refuse_announced(actor, kind, size)
    user = actor if isinstance(actor, User) else None
    with transaction.atomic():
        if patient is None or not isinstance(actor, System):  # an import brings what it brings
            _refuse_beyond_quota(user, patient, owner_ref, size)
        if user is None and patient is None and not isinstance(actor, System):
            _refuse_beyond_address(address, size)
        ref = uuid.uuid4()
        return Upload.objects.create(
            ref=ref,
            kind=kind,
            filename=clean_filename(filename),
            size=size,
            declared_type=declared_type if declared_type in EXTENSIONS else "",
            patient=patient,
            owner_ref=owner_ref,
            order=order,
            purpose=purpose,
            uploaded_by=user,
            part_folder=f"incoming/{ref.hex}",
            expires_at=timezone.now() + LIFETIME,
        )


def add_chunk(actor: Any, ref: uuid.UUID | str, *, offset: int, data: bytes) -> Upload:
    """Store the bytes from ``offset`` on. The same chunk sent again changes nothing.

    Raises OutOfStep, Closed, TooLarge, NoRoom; Upload.DoesNotExist where it is not the actor's.
    """
    if len(data) > CHUNK_MOST:
        raise TooLarge(_("Please send at most 2 MiB at a time."), code="chunk_too_large")
    with transaction.atomic():
        upload = find(actor, ref, lock=True)
        _require_open(upload)
        if not _joins_on(upload, offset, data):
            return upload
        _store_chunk(upload, data)
        upload.received += len(data)
        # Not by save(): every chunk would be an entry on the access trail.
        Upload.objects.filter(pk=upload.pk).update(
            received=upload.received, expires_at=timezone.now() + LIFETIME
        )
    return upload


def finish(actor: Any, ref: uuid.UUID | str) -> Document:
    """All bytes are here: make the document and have it checked. Finishing again gives the same document."""
    from portal.tasks import process_upload

    with transaction.atomic():
        upload = find(actor, ref, lock=True)
        if upload.document:
            return upload.document
        _require_open(upload)
        if upload.received < upload.size:
            raise OutOfStep(upload.received)
        document = _document_of(upload)
        upload.state, upload.document = UploadState.FINISHED, document
        upload.save(update_fields=["state", "document"])
        transaction.on_commit(lambda: process_upload.delay(document.pk), robust=True)
    return document


def abandon(actor: Any, ref: uuid.UUID | str) -> Upload:
    """Give up an upload that is not finished; its bytes are removed."""
    with transaction.atomic():
        upload = find(actor, ref, lock=True)
        _require_unfinished(upload)
        upload.state = UploadState.ABANDONED
        upload.save(update_fields=["state"])
        transaction.on_commit(lambda: remove_parts(upload), robust=True)
    return upload


def find(actor: Any, ref: uuid.UUID | str, *, lock: bool = False) -> Upload:
    """The upload, if this actor began it (or its owner lets them) and may still send files there.

    Raises Upload.DoesNotExist.
    """
    uploads = Upload.objects.select_for_update(of=("self",)) if lock else Upload.objects.all()
    upload: Upload = uploads.get(ref=ref)
    if isinstance(actor, System) or _may_go_on(actor, upload):
        return upload
    raise Upload.DoesNotExist


def unfinished(actor: Any) -> list[Upload]:
    """What this person began and has not finished, so that a page can offer to go on."""
    if not isinstance(actor, User):
        return []
    begun = Upload.objects.filter(uploaded_by=actor, state=UploadState.OPEN).order_by("created_at")
    return [upload for upload in begun.select_related("patient") if _may_go_on(actor, upload)]


def largest(kind: str) -> int:
    """The most bytes a file of this kind may have."""
    return LARGEST.get(DocumentKind(kind), LARGEST_OTHERWISE)


def clean_filename(name: str) -> str:
    """A name that is safe to show and to save under: no path, no invisible or turning characters."""
    bare = unicodedata.normalize("NFC", name.replace("\\", "/")).rpartition("/")[2]
    seen = "".join(sign if unicodedata.category(sign)[0] != "C" else "" for sign in bare)
    path = PurePosixPath(BLANK.sub(" ", seen).strip(" .") or "file")
    suffix = path.suffix[:12]
    return path.name[: len(path.name) - len(path.suffix)][: LONGEST_NAME - len(suffix)].strip() + suffix


def _require_owner(actor: Any, patient: Patient | None, owner_ref: str) -> None:
    if patient is None:
        if not isinstance(actor, System) and not owners.reaches(actor, owner_ref):
            raise PermissionDenied("uploads.create")
        if isinstance(actor, User):
            require(actor, "uploads.create")
        return
    require(actor, "uploads.create", patient)


def _refuse_announced(actor: Any, kind: str, size: int) -> None:
    ours = getattr(actor, "realm", "") in (STAFF_REALM, "system")
    if kind not in DocumentKind or (kind in NOT_FROM_CUSTOMERS and not ours):
        raise UploadRefused(str(Refusal.KIND.label), code=Refusal.KIND.value)
    if size <= 0:
        raise UploadRefused(str(Refusal.EMPTY.label), code=Refusal.EMPTY.value)
    if size > largest(kind):
        raise TooLarge(str(Refusal.TOO_LARGE.label))


def _refuse_beyond_quota(user: User | None, patient: Patient | None, owner_ref: str, size: int) -> None:
    """So many files and bytes a day for a person, or for the thing a guest writes to."""
    whose = {"uploaded_by": user} if user else {"patient": patient} if patient else {"owner_ref": owner_ref}
    _one_at_a_time(f"uploads:{user.pk if user else patient.pk if patient else owner_ref}")
    today = Upload.objects.filter(created_at__gt=timezone.now() - timedelta(days=1), **whose)
    if today.filter(state=UploadState.OPEN).count() >= OPEN_AT_ONCE:
        raise QuotaUsed(
            _("Many files are on their way already. Please let them finish first."), retry_after=60
        )
    known = (settings.UPLOADS_PER_DAY, settings.UPLOAD_BYTES_PER_DAY)
    files, most = known if user or patient else FROM_A_GUEST
    spent = today.aggregate(total=Sum("size"))["total"] or 0
    if today.count() >= files or spent + size > most:
        raise QuotaUsed(
            _("That is all we can take today. Please go on tomorrow, or call us."), retry_after=3600
        )


def _refuse_beyond_address(address: str, size: int) -> None:
    try:
        take((FROM_AN_ADDRESS, address), times=ceil(size / MEGABYTE))
    except TooMany as wait:
        raise QuotaUsed(
            _("That is all we can take today. Please go on tomorrow, or call us."),
            retry_after=wait.retry_after,
        ) from None


def _one_at_a_time(what: str) -> None:
    """Two at once would both see room for one more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])


def _may_go_on(actor: Any, upload: Upload) -> bool:
    if isinstance(actor, System):
        return upload.uploaded_by_id is None
    if upload.uploaded_by_id is not None:
        return (
            isinstance(actor, User) and actor.pk == upload.uploaded_by_id and _may_still_send(actor, upload)
        )
    return bool(upload.owner_ref) and owners.reaches(actor, upload.owner_ref)


def _may_still_send(actor: User, upload: Upload) -> bool:
    """A right that was taken back or ran out since ends what was begun by it."""
    if upload.patient is not None:
        return allowed(actor, "uploads.create", upload.patient)
    return allowed(actor, "uploads.create") and owners.reaches(actor, upload.owner_ref)


def _require_unfinished(upload: Upload) -> None:
    if upload.state != UploadState.OPEN:
        raise Closed(_("This file was sent or given up already. Please choose it again."))


def _require_open(upload: Upload) -> None:
    _require_unfinished(upload)
    if upload.expires_at < timezone.now():
        raise Closed(_("This file waited too long to be finished. Please choose it again."))


def _joins_on(upload: Upload, offset: int, data: bytes) -> bool:
    """Whether the chunk is the next one; False where it was stored before. Raises what is wrong with it."""
    end = offset + len(data)
    if offset < upload.received and end <= upload.received:
        return False
    if offset != upload.received:
        raise OutOfStep(upload.received)
    if end > upload.size:
        raise TooLarge(
            _("More arrived than was announced. Please choose the file again."), code="longer_than_said"
        )
    if not data or (end < upload.size and len(data) < CHUNK_LEAST):
        raise UploadRefused(_("Please send larger parts."), code="chunk_too_small")
    return True


def _store_chunk(upload: Upload, data: bytes) -> None:
    try:
        vault().put(part_name(upload, upload.received), BytesIO(data))
    except StorageFull:
        health.found_full()
        raise NoRoom from None


def _document_of(upload: Upload) -> Document:
    return Document.objects.create(
        ref=upload.ref,
        patient=upload.patient,
        owner_ref=upload.owner_ref,
        order=upload.order,
        kind=upload.kind,
        filename=upload.filename,
        purpose=upload.purpose,
        uploaded_by=upload.uploaded_by,
        size=upload.size,
        state=DocumentState.RECEIVED,
    )
