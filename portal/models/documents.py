"""Files that people give us and that we make for them, and the uploads they come in by."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedCharField
from portal import access
from portal.models.people import Caregiver


class DocumentKind(models.TextChoices):
    INSURANCE_CARD_FRONT = "insurance_card_front", _("Insurance card, front")
    INSURANCE_CARD_BACK = "insurance_card_back", _("Insurance card, back")
    PRESCRIPTION = "prescription", _("Prescription")
    ID_CARD = "id_card", _("Photo ID")
    PHOTO = "photo", _("Photo")
    WARRANTY_PHOTO = "warranty_photo", _("Photo for a warranty claim")
    VIDEO = "video", _("Video for a warranty claim")
    CHART_NOTE = "chart_note", _("Chart note")
    DELIVERY_PROOF = "delivery_proof", _("Proof of delivery")
    TRANSCRIPT = "transcript", _("Chat transcript")
    EXPORT = "export", _("Copy of my data")
    OTHER = "other", _("Other document")


BILLING_KINDS = {
    DocumentKind.INSURANCE_CARD_FRONT,
    DocumentKind.INSURANCE_CARD_BACK,
    DocumentKind.PRESCRIPTION,
    DocumentKind.ID_CARD,
    DocumentKind.CHART_NOTE,
}
DELIVERY_KINDS = {DocumentKind.DELIVERY_PROOF, DocumentKind.WARRANTY_PHOTO, DocumentKind.VIDEO}
# What each scope of a caregiver opens. A copy of all data is for the patient alone.
CAREGIVER_KINDS = {
    "billing": BILLING_KINDS,
    "deliveries": DELIVERY_KINDS,
    "everything": set(DocumentKind) - {DocumentKind.EXPORT},
}


class DocumentState(models.TextChoices):
    RECEIVED = "received", _("Received")
    SCANNING = "scanning", _("Being checked")
    NOT_SCANNED = "not_scanned", _("Waiting for the virus check")
    REFUSED = "refused", _("Could not be accepted")
    INFECTED = "infected", _("Blocked by the virus check")
    READY = "ready", _("Received and checked")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    REVIEWED = "reviewed", _("Reviewed by our team")


# Nothing is kept of these but the parts they came in.
UNCHECKED = (DocumentState.RECEIVED, DocumentState.SCANNING, DocumentState.NOT_SCANNED)


class Refusal(models.TextChoices):
    """Why a file was not taken. The label is what its sender reads: what is wrong and what to do."""

    EMPTY = "empty", _("This file is empty. Please choose the file again, or take a new photo.")
    TRUNCATED = "truncated", _("This file is damaged or incomplete. Please make a new copy and send that.")
    TYPE = "type", _("We can't take this type of file. Please send a JPEG, PNG, HEIC, TIFF, PDF, MP4 or MOV.")
    KIND = "kind", _("This type of file does not fit here. Please choose another file or another kind.")
    POLYGLOT = (
        "polyglot",
        _("This file hides another one inside it. Please send a new photo or scan instead."),
    )
    TOO_LARGE = "too_large", _("This file is too large. Please send a smaller photo or a shorter video.")
    PIXELS = "pixels", _("This picture has too many pixels. Please send it in a smaller size.")
    PAGES = "pages", _("This document has too many pages. Please send it in parts.")
    ENCRYPTED = "encrypted", _("This PDF is locked. Please save it without a password and send it again.")
    ACTIVE = "active", _("This PDF has scripts or attachments in it. Please send it as photos instead.")
    INFECTED = "infected", _("The virus check found something harmful in this file, so we removed it.")
    CHANGED = "changed", _("This file did not arrive as it was sent. Please send it again.")
    SLOW = "slow", _("This file could not be read in time. Please send a simpler copy or a photo.")


class UploadState(models.TextChoices):
    OPEN = "open", _("Being sent")
    FINISHED = "finished", _("Sent")
    ABANDONED = "abandoned", _("Given up")


def owned_by_one(name: str) -> models.CheckConstraint:
    """A file belongs to a patient or to one other thing, never to both or to nobody."""
    nobody = Q(patient__isnull=True)
    return models.CheckConstraint(
        name=name,
        condition=(nobody & ~Q(owner_ref="")) | (~nobody & Q(owner_ref="")),
    )


class Owned(models.Model):
    """Whose file it is: a patient's, or of the thing ``owner_ref`` names, such as ``conversation:<uuid>``."""

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey("portal.Patient", models.PROTECT, null=True, blank=True, related_name="+")
    owner_ref = models.CharField(max_length=80, blank=True, default="", db_index=True)
    order = models.ForeignKey("portal.Order", models.PROTECT, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=24, choices=DocumentKind)
    filename = EncryptedCharField(max_length=255, blank=True, default="")
    # What the file is for, as an opaque id of an app to the right (a case, a claim).
    purpose = models.CharField(max_length=80, blank=True, default="", db_index=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True


class DocumentQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "DocumentQuerySet":
        """The files ``user`` may see: a patient's own, a caregiver's in scope, staff's by permission.

        What only its owner's rule can tell (a guest and the files of their chat) is no row's business:
        portal.documents.find asks that rule.
        """
        if isinstance(user, access.System):
            return self
        if getattr(user, "realm", None) == access.STAFF_REALM:
            theirs = self.exclude(kind=DocumentKind.EXPORT)
            return theirs if access.allowed(user, "documents.view") else self.none()
        if not access.allowed(user, "portal.use"):
            return self.none()
        return self.filter(Q(patient__user=user) | self._cared_for(user))

    def _cared_for(self, user: Any) -> Q:
        """Files of the patients ``user`` cares for, as far as each one's scopes reach."""
        reach = Q(pk__in=[])
        if "caregiver" not in user.role_names():
            return reach
        caring = Caregiver.objects.in_force().filter(user=user)
        for patient_id, scopes in caring.values_list("patient", "scopes"):
            kinds = {kind for scope in scopes for kind in CAREGIVER_KINDS[scope]}
            reach |= Q(patient=patient_id) & (Q(kind__in=kinds) | Q(uploaded_by=user))
        return reach

    def readable(self) -> "DocumentQuerySet":
        """The files that may leave the vault at all: checked, and neither withdrawn nor refused."""
        return self.filter(state__in=[DocumentState.READY, DocumentState.REVIEWED])


class Document(Owned):
    """A file at rest in the vault. ``state`` tells whether anybody may read it yet."""

    patient = models.ForeignKey(
        "portal.Patient", models.PROTECT, null=True, blank=True, related_name="documents"
    )
    order = models.ForeignKey("portal.Order", models.PROTECT, null=True, blank=True, related_name="documents")
    title = EncryptedCharField(max_length=255, blank=True, default="")
    content_type = models.CharField(max_length=60, blank=True, default="")
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    pages = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=DocumentState, default=DocumentState.RECEIVED)
    reason = models.CharField(max_length=12, choices=Refusal, blank=True, default="")
    virus_checked = models.BooleanField(default=False)
    storage_name = models.CharField(max_length=100, blank=True, default="")
    thumbnail_name = models.CharField(max_length=100, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = DocumentQuerySet.as_manager()

    class Meta:
        constraints = [owned_by_one("document_owned_by_one")]
        indexes = [
            models.Index(fields=["patient", "-created_at"]),
            models.Index(
                name="document_unfinished",
                fields=["changed_at"],
                condition=Q(state__in=["received", "scanning", "not_scanned"]),
            ),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"document {self.pk}"

    @property
    def readable(self) -> bool:
        return self.state in (DocumentState.READY, DocumentState.REVIEWED)

    @property
    def unscanned(self) -> bool:
        """Let through although no scanner saw it."""
        return self.readable and not self.virus_checked

    @property
    def state_text(self) -> str:
        """The state in words. What no scanner saw is not said to be checked."""
        if self.unscanned and self.state == DocumentState.READY:
            return gettext("Received, not scanned for viruses")
        return str(self.get_state_display())

    @property
    def withdrawable(self) -> bool:
        """A file can be taken back until one of us has reviewed it."""
        return self.state not in (DocumentState.REVIEWED, DocumentState.WITHDRAWN)


class Upload(Owned):
    """A file on its way in. Its document, once there is one, has the same ``ref``."""

    size = models.BigIntegerField()
    declared_type = models.CharField(max_length=100, blank=True, default="")
    received = models.BigIntegerField(default=0)
    part_folder = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=UploadState, default=UploadState.OPEN)
    expires_at = models.DateTimeField(db_index=True)
    document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="upload")

    class Meta:
        constraints = [
            owned_by_one("upload_owned_by_one"),
            models.CheckConstraint(
                name="upload_received_within_size",
                condition=Q(received__gte=0) & Q(received__lte=models.F("size")),
            ),
        ]

    def __str__(self) -> str:
        return f"upload {self.pk}"
