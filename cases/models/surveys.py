"""What customers think of a closed case: what is asked, who was asked, what they answered."""

import uuid
from typing import Any, cast

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import CHANNELS, LANGUAGES, Case, Reason, Team
from cases.models.conversations import Conversation
from cases.models.words import Words
from config.security.fields import EncryptedTextField
from portal import access
from portal.models import Patient
from portal.models.orders import OfPatientQuerySet


class Survey(Words):
    """The one or two questions after a case, in both languages, and when they are asked."""

    code = models.SlugField(max_length=24, unique=True)
    question = models.CharField(max_length=200)
    question_es = models.CharField(max_length=200)
    low_label = models.CharField(max_length=40)
    low_label_es = models.CharField(max_length=40)
    high_label = models.CharField(max_length=40)
    high_label_es = models.CharField(max_length=40)
    scale = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(2), MaxValueValidator(10)], help_text=_("From 1 to this.")
    )
    second_question = models.CharField(
        max_length=200, blank=True, help_text=_("Answered in words; empty: one question alone.")
    )
    second_question_es = models.CharField(max_length=200, blank=True)
    delay_minutes = models.PositiveIntegerField(
        default=60, help_text=_("After the case was closed. In a chat it is asked at its end.")
    )
    quiet_days = models.PositiveSmallIntegerField(
        default=14, help_text=_("A patient is asked once in so many days.")
    )
    open_days = models.PositiveSmallIntegerField(default=14, help_text=_("How long it can be answered."))
    low_score = models.PositiveSmallIntegerField(
        default=2, help_text=_("This score, or a lower one, is followed up by a lead.")
    )

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["active"], condition=Q(active=True), name="one_survey_in_force")
        ]

    def __str__(self) -> str:
        return self.code

    def said(self, name: str, language: str) -> str:
        """One of the texts in the customer's language."""
        spanish = getattr(self, f"{name}_es") if language == "es" else ""
        return str(spanish or getattr(self, name))


class SurveyInvitationQuerySet(OfPatientQuerySet):
    permission = "cases.view"
    caregiver_scope = "everything"

    def visible_to(self, user: Any) -> "SurveyInvitationQuerySet":
        """A patient's own; nobody answers for them."""
        if getattr(user, "realm", None) == access.PATIENT_REALM:
            return self.filter(patient__user=user) if access.allowed(user, "portal.use") else self.none()
        return cast(SurveyInvitationQuerySet, super().visible_to(user))


class SurveyInvitation(models.Model):
    """That a case is asked about: once, whatever happens to it. Written with its close.

    ``agent``, ``team``, ``reason`` and ``case_channel`` are those of the close: what is done later does not
    change whose score it is.
    """

    STATES = [
        ("due", _("Due")),
        ("sent", _("Sent")),
        ("answered", _("Answered")),
        ("skipped", _("Not asked")),
        ("failed", _("Given up")),
    ]
    WHYS = [
        ("no_consent", _("No consent")),
        ("nowhere", _("No way to ask")),
        ("quiet", _("Asked lately")),
        ("reopened", _("Case was opened again")),
        ("not_asked_of", _("Not asked of these cases")),
        ("expired", _("Too late")),
    ]
    WAYS = [
        ("portal", _("Portal")),
        ("email", _("E-mail")),
        ("sms", _("Text message")),
        ("chat", _("Chat")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="invitations")
    version = models.PositiveIntegerField()
    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="survey_invitation")
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="survey_invitations"
    )
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    case_channel = models.CharField(max_length=8, choices=CHANNELS)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.ForeignKey(Reason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    way = models.CharField(max_length=8, choices=WAYS, blank=True)
    state = models.CharField(max_length=8, choices=STATES, default="due")
    why = models.CharField(max_length=16, choices=WHYS, blank=True)
    token_digest = models.CharField(max_length=64, null=True, blank=True, unique=True)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = SurveyInvitationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="due"), name="surveys_due"),
            models.Index(fields=["patient", "-sent_at"], name="surveys_of_patient"),
            models.Index(fields=["-sent_at"], name="surveys_sent"),
        ]

    def __str__(self) -> str:
        return f"survey invitation {self.pk}"


class SurveyAnswer(models.Model):
    """What somebody answered. It counts for the case of its invitation."""

    invitation = models.OneToOneField(SurveyInvitation, on_delete=models.PROTECT, related_name="answer")
    score = models.PositiveSmallIntegerField()
    scale = models.PositiveSmallIntegerField(default=5, help_text=_("The highest score there was then."))
    comment = EncryptedTextField(blank=True)
    redactions = models.PositiveSmallIntegerField(default=0)
    answered_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["-answered_at"], name="survey_answers_by_time")]

    def __str__(self) -> str:
        return f"survey answer {self.pk}"


class SurveyFollowUp(models.Model):
    """A low score, until a lead has seen to it."""

    answer = models.OneToOneField(SurveyAnswer, on_delete=models.CASCADE, related_name="follow_up")
    opened_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = EncryptedTextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["opened_at"], condition=Q(done_at=None), name="survey_follow_ups_open")
        ]

    def __str__(self) -> str:
        return f"survey follow-up {self.pk}"
