"""The complaint register that a supplier must keep."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import CHANNELS, Case
from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedCharField, EncryptedTextField
from portal import access
from portal.models import Patient
from portal.models.orders import PRODUCT_LINES


class ComplaintQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "ComplaintQuerySet":
        return self if access.allowed(user, "complaints.work") else self.none()


class Complaint(models.Model):
    """What somebody complained of, when we said we had it, what we found and what we answered.

    ``acknowledge_by`` and ``answer_by`` are calendar days, as suppliers are held to.
    """

    KINDS = [
        ("equipment", _("Equipment")),
        ("delivery", _("Delivery")),
        ("billing", _("Billing")),
        ("service", _("How we treated somebody")),
        ("privacy", _("Privacy")),
        ("other", _("Something else")),
    ]
    STATES = [
        ("received", _("Received")),
        ("acknowledged", _("Acknowledged")),
        ("answered", _("Answered")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=16, unique=True)
    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.PROTECT, related_name="complaints")
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="complaints"
    )
    kind = models.CharField(max_length=10, choices=KINDS)
    product_line = models.CharField(max_length=16, choices=PRODUCT_LINES, blank=True)
    channel = models.CharField(max_length=8, choices=CHANNELS)
    complainant = EncryptedCharField(
        max_length=120, help_text=_("Who complained, where it is not the patient.")
    )
    reach_them = EncryptedCharField(max_length=160, blank=True)
    summary = EncryptedTextField()
    state = models.CharField(max_length=12, choices=STATES, default="received")
    received_at = models.DateTimeField(default=timezone.now)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledge_by = models.DateField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answer_by = models.DateField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    findings = EncryptedTextField(blank=True)
    answer = EncryptedTextField(blank=True, help_text=_("What was done, and what we told them."))

    objects = ComplaintQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="answered") | Q(answered_at__isnull=False), name="answered_says_when"
            )
        ]
        indexes = [
            models.Index(fields=["answer_by"], condition=~Q(state="answered"), name="complaints_to_answer")
        ]

    def __str__(self) -> str:
        return f"complaint {self.number}"


class ComplaintTerms(models.Model):
    """How long we give ourselves, from a day on."""

    since = models.DateField(unique=True)
    acknowledge_days = models.PositiveSmallIntegerField(default=5)
    answer_days = models.PositiveSmallIntegerField(default=14)

    class Meta:
        ordering = ["-since"]
        verbose_name_plural = _("complaint terms")
        constraints = [
            models.CheckConstraint(
                condition=Q(answer_days__gte=models.F("acknowledge_days")), name="answered_after_acknowledged"
            )
        ]

    def __str__(self) -> str:
        return f"complaint terms since {self.since}"
