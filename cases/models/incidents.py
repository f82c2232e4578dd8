"""One cause that touches many patients: a recalled lot, a carrier's strike, a storm."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import Case
from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedTextField
from portal import access


class IncidentQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "IncidentQuerySet":
        return self if access.allowed(user, "cases.view") else self.none()


class Incident(models.Model):
    """``case`` is the parent of one case for each patient it touches; its thread says how it goes."""

    STATES = [("open", _("Going on")), ("resolved", _("Resolved"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    title = models.CharField(max_length=120, help_text=_("Without a name or anything of one patient."))
    cause = EncryptedTextField()
    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="incident")
    state = models.CharField(max_length=10, choices=STATES, default="open")
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    declared_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-declared_at"]

    def __str__(self) -> str:
        return f"incident {self.pk}"
