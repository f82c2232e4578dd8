"""How people come to us: referrals, records of the same person, and stays that change what may be shipped."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.business_day import business_day
from config.security.audit import AuditedQuerySet
from config.security.fields import (
    EncryptedCharField,
    EncryptedDateField,
    EncryptedEmailField,
    EncryptedTextField,
)
from portal import access
from portal.models.orders import PRODUCT_LINES, OfPatientQuerySet, Practitioner
from portal.models.people import LANGUAGES, Patient


class ReferralQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "ReferralQuerySet":
        """Intake's alone: a referral is not yet anybody's record."""
        return self if access.allowed(user, "intake.work") else self.none()


class Referral(models.Model):
    """Somebody a prescriber, a hospital or they themselves asked us to serve, on their way to a set-up."""

    SOURCES = [
        ("prescriber", _("Prescriber")),
        ("hospital", _("Hospital or facility")),
        ("payer", _("Payer")),
        ("self", _("The patient")),
        ("transfer", _("Another supplier")),
    ]
    STATES = [
        ("new", _("New")),
        ("working", _("In work")),
        ("ready", _("Ready for set-up")),
        ("set_up", _("Set up")),
        ("declined", _("Declined")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    source = models.CharField(max_length=12, choices=SOURCES)
    practitioner = models.ForeignKey(
        Practitioner, null=True, blank=True, on_delete=models.PROTECT, related_name="referrals"
    )
    state = models.CharField(max_length=8, choices=STATES, default="new")
    received_at = models.DateTimeField(default=timezone.now)
    first_name = EncryptedCharField(max_length=60)
    last_name = EncryptedCharField(max_length=60)
    birth_date = EncryptedDateField()
    phone = EncryptedCharField(max_length=24, blank=True)
    email = EncryptedEmailField(blank=True)
    state_code = models.CharField(max_length=2, blank=True)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    interpreter = models.CharField(max_length=40, blank=True)
    tty = models.BooleanField(default=False)
    product_line = models.CharField(max_length=16, choices=PRODUCT_LINES)
    wanted = EncryptedTextField(blank=True, help_text=_("What was ordered, in the words of the referral."))
    payer = EncryptedCharField(max_length=80, blank=True)
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="referrals"
    )
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    declined_because = EncryptedCharField(max_length=200, blank=True)

    objects = ReferralQuerySet.as_manager()

    class Meta:
        ordering = ["received_at", "id"]
        indexes = [
            models.Index(
                fields=["received_at", "id"],
                condition=Q(state__in=["new", "working", "ready"]),
                name="referrals_in_work",
            )
        ]

    def __str__(self) -> str:
        return f"referral {self.pk}"


class FacilityStayQuerySet(OfPatientQuerySet):
    permission = "patients.view"
    caregiver_scope = "everything"

    def current(self) -> "FacilityStayQuerySet":
        today = business_day()
        return self.filter(Q(until=None) | Q(until__gte=today), since__lte=today)


class FacilityStay(models.Model):
    """A time in a hospital, a nursing facility or a hospice, when others pay for equipment."""

    KINDS = [
        ("hospital", _("Hospital")),
        ("snf", _("Skilled nursing facility")),
        ("hospice", _("Hospice")),
        ("other", _("Other facility")),
    ]

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="facility_stays")
    kind = models.CharField(max_length=10, choices=KINDS)
    name = EncryptedCharField(max_length=120, blank=True)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)

    objects = FacilityStayQuerySet.as_manager()

    class Meta:
        ordering = ["-since"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=F("since")), name="stays_end_after_they_begin"
            )
        ]

    def __str__(self) -> str:
        return f"facility stay {self.pk}"


class LookAlike(models.Model):
    """Two records that may be one person. ``first`` is the older one."""

    STATES = [("open", _("To be decided")), ("same", _("The same person")), ("distinct", _("Two people"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    first = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField()
    because = ArrayField(models.CharField(max_length=16), default=list)
    state = models.CharField(max_length=8, choices=STATES, default="open")
    found_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-score", "id"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="one_row_per_two_records"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="older_record_first"),
        ]
        indexes = [
            models.Index(fields=["-score", "id"], condition=Q(state="open"), name="look_alikes_to_decide")
        ]

    def __str__(self) -> str:
        return f"look-alike {self.pk}"


class PatientMerge(models.Model):
    """One record folded into another, with all that moved, so that it can be undone for a day.

    ``moved`` tells what went ``over`` and what was the kept record's ``own``, each ``{"app.model.field": [primary
    keys]}``; ``filled`` the fields that were empty before.
    """

    kept = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    folded = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    moved = models.JSONField(default=dict)
    filled = ArrayField(models.CharField(max_length=40), default=list)
    merged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    merged_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["folded"], condition=Q(undone_at=None), name="one_merge_in_force_per_record"
            )
        ]

    def __str__(self) -> str:
        return f"merge of records {self.pk}"
