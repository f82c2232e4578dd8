"""Playbooks: how a matter is worked step by step, their versions, and what was done by them on a case."""

import uuid
from typing import Any, cast

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import Case, Reason
from config.security.fields import EncryptedCharField, EncryptedJSONField
from portal.access import STAFF_REALM
from portal.models.orders import OfPatientQuerySet


class Playbook(models.Model):
    """What is done about one kind of matter. What it says stands in its versions."""

    code = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=80)
    reasons = models.ManyToManyField(
        Reason, related_name="playbooks", blank=True, help_text=_("Cases it is offered on first.")
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class PlaybookVersion(models.Model):
    """What a playbook says (cases.playbook_content tells its shape). Published, it never changes again."""

    STATES = [
        ("draft", _("Draft")),
        ("review", _("In review")),
        ("published", _("Published")),
        ("withdrawn", _("Withdrawn")),
    ]

    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=STATES, default="draft")
    content = models.JSONField(default=dict)
    note = models.CharField(max_length=200, blank=True, help_text=_("What is new in it, in a sentence."))
    edited_by = ArrayField(models.IntegerField(), default=list, help_text=_("Everybody who wrote on it."))
    revision = models.PositiveIntegerField(default=0)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    effective_from = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["playbook", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["playbook", "number"], name="one_version_per_number"),
            models.UniqueConstraint(
                fields=["playbook"], condition=Q(state__in=["draft", "review"]), name="one_draft_per_playbook"
            ),
            models.CheckConstraint(
                condition=~Q(state="published") | Q(published_at__isnull=False, effective_from__isnull=False),
                name="published_playbooks_say_when",
            ),
        ]

    def __str__(self) -> str:
        return f"playbook {self.playbook_id}, version {self.number}"

    @property
    def name(self) -> str:
        return f"{self.playbook.title}, {_('version')} {self.number}"


class OfCaseQuerySet(OfPatientQuerySet):
    """Rows of our own work on a case: no customer sees them."""

    permission = "cases.view"
    patient_path = "case__patient"

    def visible_to(self, user: Any) -> "OfCaseQuerySet":
        if getattr(user, "realm", None) not in {STAFF_REALM, "system"}:
            return self.none()
        return cast(OfCaseQuerySet, super().visible_to(user))


class OfRunQuerySet(OfCaseQuerySet):
    patient_path = "run__case__patient"


class PlaybookRun(models.Model):
    """One version worked on one case. ``revision`` counts its steps, so that of two agents the second is told."""

    STATES = [("running", _("Running")), ("done", _("Done")), ("abandoned", _("Abandoned"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="playbook_runs")
    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="runs")
    version = models.ForeignKey(PlaybookVersion, on_delete=models.PROTECT, related_name="runs")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=10, choices=STATES, default="running")
    at_step = models.CharField(max_length=40)
    step_since = models.DateTimeField(default=timezone.now)
    path = ArrayField(
        models.CharField(max_length=40), default=list, help_text=_("Steps behind it, in order.")
    )
    collected = EncryptedJSONField(default=dict, blank=True)
    acted = EncryptedJSONField(
        default=dict, blank=True, help_text=_("What its steps have set going, so that nothing is twice.")
    )
    end_reason = EncryptedCharField(max_length=400, blank=True)
    revision = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "playbook"], condition=Q(state="running"), name="one_run_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["case", "-started_at"], name="runs_of_case"),
            models.Index(fields=["version", "state"], name="runs_of_version"),
        ]

    def __str__(self) -> str:
        return f"playbook run {self.pk}"


class PlaybookStepTaken(models.Model):
    """What was done at one step: by whom, how long it took, what was decided. Rows are only added."""

    OUTCOMES = [
        ("done", _("Done")),
        ("failed", _("Not verified")),
        ("skipped", _("Skipped")),
        ("back", _("Gone back")),
        ("taken_over", _("Taken over")),
        ("abandoned", _("Abandoned")),
    ]

    run = models.ForeignKey(PlaybookRun, on_delete=models.CASCADE, related_name="taken")
    step = models.CharField(max_length=40)
    outcome = models.CharField(max_length=10, choices=OUTCOMES)
    required = models.BooleanField(default=False, help_text=_("A skip of it is flagged."))
    decision = EncryptedCharField(max_length=200, blank=True)
    to_step = models.CharField(max_length=40, blank=True)
    values = EncryptedJSONField(default=dict, blank=True)
    reason = EncryptedCharField(max_length=400, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    began_at = models.DateTimeField()
    at = models.DateTimeField(default=timezone.now)

    objects = OfRunQuerySet.as_manager()

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["run", "at", "id"], name="steps_of_run")]

    def __str__(self) -> str:
        return f"playbook step {self.pk}"
