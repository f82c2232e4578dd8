"""What a patient allows on each channel, and the changes of contact they ask for."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security.fields import EncryptedCharField
from portal.models.people import Patient, User


class Consent(models.Model):
    """What a patient allows on a channel, and when they said so or took it back. Rows are only added."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="consents")
    channel = models.CharField(max_length=8, choices=Patient.CHANNELS)
    topic = models.CharField(
        max_length=16,
        choices=[
            ("orders", _("Orders and deliveries")),
            ("resupply", _("Resupply")),
            ("surveys", _("Surveys")),
            ("marketing", _("Offers")),
        ],
    )
    granted = models.BooleanField()
    given_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=16, default="portal")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["patient", "channel", "topic", "-at"], name="latest_consent")]

    def __str__(self) -> str:
        return f"consent {self.pk}"


class ContactChange(models.Model):
    """A change of contact that billing or proof depends on: proposed, then accepted or refused by staff."""

    STATES = [
        ("proposed", _("Proposed")),
        ("accepted", _("Accepted")),
        ("refused", _("Refused")),
        ("withdrawn", _("Replaced by a newer wish")),
        ("stopped", _("Stopped by the patient")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="contact_changes")
    field = models.CharField(max_length=20)
    old_value = EncryptedCharField(max_length=254, blank=True)
    new_value = EncryptedCharField(max_length=254, blank=True)
    state = models.CharField(max_length=10, choices=STATES, default="proposed")
    proposed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    asked_on = models.CharField(max_length=80, blank=True, help_text=_("The purpose staff asked it for."))
    old_since = models.DateTimeField(null=True, blank=True, help_text=_("Since when the old value stood."))
    delivers_from = models.DateTimeField(
        null=True, blank=True, help_text=_("When the new value is used for deliveries and payments.")
    )
    proves_from = models.DateTimeField(
        null=True, blank=True, help_text=_("When the new value proves anything.")
    )

    class Meta:
        indexes = [models.Index(fields=["patient", "field", "-proposed_at"], name="changes_of_contact")]

    def __str__(self) -> str:
        return f"contact change {self.pk}"
