"""Calls that customers were promised."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import Case
from config.security.fields import EncryptedCharField
from portal.models.orders import OfPatientQuerySet


class CallbackQuerySet(OfPatientQuerySet):
    permission = "cases.view"
    patient_path = "case__patient"
    caregiver_scope = "everything"


class Callback(models.Model):
    """A call in a slot that the customer chose. One that nobody could reach is tried again, and counted."""

    STATES = [
        ("scheduled", _("Scheduled")),
        ("done", _("Done")),
        ("missed", _("Missed")),
        ("cancelled", _("Cancelled")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="callbacks")
    phone = EncryptedCharField(max_length=24)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=STATES, default="scheduled")
    tries = models.PositiveSmallIntegerField(default=0, help_text=_("Calls that nobody answered."))
    late = models.BooleanField(default=False, help_text=_("Its slot passed without a call of ours."))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = CallbackQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(state="scheduled"), name="one_callback_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="callbacks_end_later"
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at", "case"], condition=Q(state="scheduled"), name="callbacks_scheduled"
            )
        ]

    def __str__(self) -> str:
        return f"callback {self.pk}"


class CallbackRules(models.Model):
    """How callbacks are promised here; one row, which supervisors change."""

    slot_minutes = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(5), MaxValueValidator(240)]
    )
    slot_capacity = models.PositiveSmallIntegerField(
        default=4,
        validators=[MinValueValidator(1)],
        help_text=_("How many customers may be promised the same slot."),
    )
    most_tries = models.PositiveSmallIntegerField(default=3, validators=[MinValueValidator(1)])
    retry_minutes = models.PositiveSmallIntegerField(
        default=60, help_text=_("Business minutes until a call that nobody answered is tried again.")
    )

    class Meta:
        verbose_name_plural = _("callback rules")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_row_of_callback_rules")]

    def __str__(self) -> str:
        return "callback rules"
