"""What a customer has begun to write and not sent yet."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from cases.models.conversations import Conversation
from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedCharField, EncryptedTextField
from portal import access
from portal.models import Patient


class CustomerDraftQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "CustomerDraftQuerySet":
        """A draft is its writer's alone, as long as the patient is theirs to write about."""
        if not access.allowed(user, "portal.use"):
            return self.none()
        return self.filter(user=user, patient__in=Patient.objects.visible_to(user))


class CustomerDraft(models.Model):
    """The text of one person for one conversation, or for a new one. ``client_id`` becomes the message's."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="customer_drafts"
    )
    topic = models.CharField(max_length=40, blank=True)
    subject = EncryptedCharField(max_length=160, blank=True)
    body = EncryptedTextField(blank=True)
    client_id = models.UUIDField(default=uuid.uuid4)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = CustomerDraftQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "patient", "conversation"],
                nulls_distinct=False,
                name="one_customer_draft_per_thread",
            )
        ]

    def __str__(self) -> str:
        return f"customer draft {self.pk}"
