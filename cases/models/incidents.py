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


class IncidentRun(models.Model):
    """One thing done in every case of an incident, some cases at a time: a word to all, or the end of them.

    ``total`` is how many cases were open as it began; ``words`` what is said, or what comes next.
    """

    KINDS = [("say", _("Told")), ("resolve", _("Closed"))]

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="runs")
    kind = models.CharField(max_length=10, choices=KINDS)
    words = EncryptedTextField()
    words_es = EncryptedTextField(blank=True, default="")
    total = models.PositiveIntegerField(default=0)
    begun_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-begun_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"], condition=models.Q(ended_at=None), name="one_incident_run_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"incident run {self.pk}"


class IncidentOutcome(models.Model):
    """What became of one case in a run: done, or not and why. ``why`` holds words of ours alone."""

    run = models.ForeignKey(IncidentRun, on_delete=models.CASCADE, related_name="outcomes")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    done = models.BooleanField()
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "case"], name="one_outcome_of_a_run")]

    def __str__(self) -> str:
        return f"incident outcome {self.pk}"
