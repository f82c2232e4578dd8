"""Copies of a patient's own data, made for them."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedCharField
from portal import access


class DataExportQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "DataExportQuerySet":
        """A copy of all data is for the patient alone: for no caregiver and for no staff."""
        if isinstance(user, access.System):
            return self
        return self.filter(patient__user=user) if access.allowed(user, "my_data.export") else self.none()


class DataExport(models.Model):
    """An encrypted archive of a patient's data. The passphrase is kept, sealed, only until it was shown."""

    STATES = [
        ("waiting", _("Waiting to start")),
        ("building", _("Being prepared")),
        ("ready", _("Ready")),
        ("failed", _("Could not be prepared")),
        ("expired", _("Expired")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey("portal.Patient", models.PROTECT, related_name="exports")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=STATES, default="waiting")
    percent = models.PositiveSmallIntegerField(default=0)
    passphrase = EncryptedCharField(max_length=60, blank=True)
    passphrase_shown_at = models.DateTimeField(null=True, blank=True)
    document = models.OneToOneField(
        "portal.Document", models.PROTECT, null=True, blank=True, related_name="export"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = DataExportQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(state__in=["waiting", "building"]),
                name="one_export_at_a_time",
            )
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="ready"), name="exports_to_expire"),
        ]

    def __str__(self) -> str:
        return f"data export {self.pk}"
