"""Documents in the vault: who may open them, and how they are taken back, reviewed and kept.

Files that people send come in through portal.uploads and portal.inspection; ``keep`` is for those that we
make ourselves.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from config.security import audit
from config.security.streams import Readable, Reader
from portal import levels, owners
from portal.access import PATIENT_REALM, STAFF_REALM, System, allowed, require
from portal.inspection import Digesting
from portal.models import Document, Order, Patient, Upload
from portal.models.documents import DocumentKind, DocumentState
from portal.owners import OWNERS
from portal.parts import remove_parts, vault
from portal.uploads import abandon, add_chunk, clean_filename
from portal.uploads import begin as begin_upload
from portal.uploads import find as find_upload
from portal.uploads import finish as finish_upload

__all__ = [
    "OWNERS",
    "NotReadable",
    "Opened",
    "abandon",
    "add_chunk",
    "begin_upload",
    "find",
    "find_upload",
    "finish_upload",
    "keep",
    "open_document",
    "open_thumbnail",
    "review",
    "withdraw",
]


REVIEW = "review"


class NotReadable(Exception):
    """The file is not, or no longer, open to readers. The text tells them why."""


@dataclass
class Opened:
    """A file that may be read now: ``reader`` stands open and is the caller's to close."""

    document: Document
    reader: Reader
    content_type: str

    def span(self, start: int, stop: int) -> Iterator[bytes]:
        return self.reader.span(start, stop)


def find(actor: Any, ref: uuid.UUID | str) -> Document:
    """The document if the actor may see it, by its row or by its owner's rule. Raises DoesNotExist."""
    document: Document | None = Document.objects.visible_to(actor).filter(ref=ref).first()
    if document is not None:
        return document
    other: Document = Document.objects.get(ref=ref)
    if not (other.owner_ref and owners.reaches(actor, other.owner_ref)):
        raise Document.DoesNotExist
    return other


def open_document(actor: Any, ref: uuid.UUID | str, *, purpose: str = "") -> Opened:
    """Open a file for reading, once the trail knows of it. Staff name what they need it for (``for_staff``).

    Raises DoesNotExist, NotReadable, levels.NotVerified, streams.Damaged, and what audit.read raises.
    """
    document = find(actor, ref)
    with audit.acting(purpose=for_staff(actor, document, purpose)):
        return _open(document, document.storage_name, document.content_type, "document")


def open_thumbnail(actor: Any, ref: uuid.UUID | str, *, purpose: str = "") -> Opened:
    """Its small picture; NotReadable where it has none (a PDF, a film)."""
    document = find(actor, ref)
    with audit.acting(purpose=for_staff(actor, document, purpose)):
        return _open(document, document.thumbnail_name, "image/jpeg", "thumbnail")


def for_staff(actor: Any, document: Document, purpose: str) -> str:
    """What the trail says a file was opened for. Staff open a patient's file for a case whose caller is verified,
    in an emergency, or because it waits for their review; else NotVerified.
    """
    patient = document.patient
    if getattr(actor, "realm", "") != STAFF_REALM or patient is None or document.uploaded_by_id == actor.pk:
        return audit.context.get().purpose
    if purpose == REVIEW and document.state == DocumentState.READY and allowed(actor, "documents.review"):
        return f"{REVIEW}:{document.pk}"
    levels.require_opened(actor, patient, purpose=purpose, what="documents")
    return purpose


def withdraw(actor: Any, ref: uuid.UUID | str) -> Document:
    """Take back a file that nobody has reviewed yet: its bytes are removed, that it was there remains.

    The person who sent it, the patient it is of and the guest who sent it may.
    """
    with transaction.atomic():
        document = _held(find(actor, ref))
        if not _is_theirs(actor, document):
            raise PermissionDenied("documents.withdraw")
        if document.state == DocumentState.WITHDRAWN:
            return document
        if not document.withdrawable:
            raise NotReadable(_("We have reviewed this file already, so it can't be taken back here."))
        _empty(document, DocumentState.WITHDRAWN)
    return document


def review(actor: Any, ref: uuid.UUID | str) -> Document:
    """Mark a ready file as looked at by one of us; from then on it can't be taken back."""
    require(actor, "documents.review")
    with transaction.atomic():
        document = _held(find(actor, ref))
        if document.state == DocumentState.REVIEWED:
            return document
        if document.state != DocumentState.READY:
            raise NotReadable(_("Only a file that is ready can be reviewed."))
        document.state, document.reviewed_by = DocumentState.REVIEWED, actor if actor.pk else None
        document.save(update_fields=["state", "reviewed_by", "changed_at"])
    return document


def keep(
    actor: Any,
    *,
    kind: str,
    filename: str,
    content_type: str,
    source: Readable,
    patient: Patient | None = None,
    owner_ref: str = "",
    order: Order | None = None,
    purpose: str = "",
    title: str = "",
    pages: int | None = None,
) -> Document:
    """Put a file that we made ourselves (an export, a transcript, a letter) into the vault, ready to read."""
    if patient is not None:
        require(actor, "uploads.create", patient)
    elif not isinstance(actor, System) and not owners.reaches(actor, owner_ref):
        raise PermissionDenied("uploads.create")
    ref = uuid.uuid4()
    place = f"documents/{ref.hex[:2]}/{ref.hex}"
    counted = Digesting(source)
    size = vault().put(place, counted)
    try:
        return Document.objects.create(
            ref=ref,
            kind=DocumentKind(kind),
            filename=clean_filename(filename),
            title=title,
            content_type=content_type,
            patient=patient,
            owner_ref=owner_ref,
            order=order,
            purpose=purpose,
            pages=pages,
            size=size,
            sha256=counted.hexdigest(),
            storage_name=place,
            state=DocumentState.READY,
            virus_checked=True,
            uploaded_by=actor if actor.pk else None,
        )
    except Exception:
        default_storage.delete(place)
        raise


def discard(actor: Any, document: Document) -> None:
    """Remove the bytes of a file that has served its time (an export, retention); its row remains."""
    require(actor, "documents.review")
    with transaction.atomic():
        _empty(_held(document), DocumentState.WITHDRAWN)


def names_of(document: Document) -> list[str]:
    """What is stored of a document: the file and its small picture."""
    return [name for name in (document.storage_name, document.thumbnail_name) if name]


def _open(document: Document, name: str, content_type: str, what: str) -> Opened:
    if not document.readable or not name:
        raise NotReadable(why_not(document))
    reader = vault().open_reader(name)
    try:
        whose = [document.patient_id] if document.patient_id else []
        audit.read(whose, what, objects=[document])
    except BaseException:
        reader.close()
        raise
    return Opened(document, reader, content_type)


def _held(document: Document) -> Document:
    """The row as it is now, held until the transaction ends."""
    row: Document = Document.objects.select_for_update(of=("self",)).get(pk=document.pk)
    return row


def why_not(document: Document) -> str:
    """What to tell somebody who can't open this file now."""
    if document.reason:
        return str(document.get_reason_display())
    return document.state_text


def _is_theirs(actor: Any, document: Document) -> bool:
    if isinstance(actor, System):
        return True
    if document.uploaded_by_id is not None and document.uploaded_by_id == actor.pk:
        return True
    if document.owner_ref:
        return document.uploaded_by_id is None and owners.reaches(actor, document.owner_ref)
    # What their caregivers sent, the patient may take back; what we made or were handed, nobody.
    sender, patient = document.uploaded_by, document.patient
    from_them = sender is not None and sender.realm == PATIENT_REALM
    return from_them and patient is not None and patient.user_id == actor.pk


def _empty(document: Document, state: DocumentState) -> None:
    """Leave the row and remove the bytes, once the row says so for good."""
    names = names_of(document)
    document.state, document.storage_name, document.thumbnail_name = state, "", ""
    document.save(update_fields=["state", "storage_name", "thumbnail_name", "changed_at"])
    upload = Upload.objects.filter(document=document).first()

    def remove() -> None:
        for name in names:
            default_storage.delete(name)
        if upload is not None:
            remove_parts(upload)

    transaction.on_commit(remove, robust=True)
