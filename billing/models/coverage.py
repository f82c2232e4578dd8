"""Who pays: payers and what they cover of whom."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import normal
from config.security.fields import BlindIndexField, EncryptedCharField
from portal.models import Document, Patient
from portal.models.orders import OfPatientQuerySet


class Payer(models.Model):
    """An insurer or programme that pays for equipment."""

    CLASSES = [
        ("medicare", _("Medicare")),
        ("medicare_advantage", _("Medicare Advantage")),
        ("medicaid", _("Medicaid")),
        ("commercial", _("Commercial")),
        ("self_pay", _("Self-pay")),
    ]

    payer_id = models.CharField(max_length=24, unique=True)
    name = models.CharField(max_length=120)
    payer_class = models.CharField(max_length=20, choices=CLASSES)
    synthetic = models.BooleanField(default=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"payer {self.payer_id}"


class CoverageQuerySet(OfPatientQuerySet):
    permission = "coverage.view"
    caregiver_scope = "billing"


class Coverage(models.Model):
    """A patient's insurance with one payer, in its order of paying."""

    RANKS = [(1, _("Primary")), (2, _("Secondary")), (3, _("Tertiary"))]
    RELATIONS = [("self", _("Self")), ("spouse", _("Spouse")), ("child", _("Child")), ("other", _("Other"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="coverages")
    payer = models.ForeignKey(Payer, on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField(choices=RANKS, default=1)
    member_id = EncryptedCharField(max_length=40, blank=True)
    member_index = BlindIndexField(source="member_id", normalise=normal.member_id)
    group_number = EncryptedCharField(max_length=40, blank=True)
    plan_name = models.CharField(max_length=120, blank=True)
    relationship = models.CharField(max_length=8, choices=RELATIONS, default="self")
    active = models.BooleanField(default=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    card_front = models.ForeignKey(
        Document, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    card_back = models.ForeignKey(Document, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CoverageQuerySet.as_manager()

    class Meta:
        ordering = ["patient", "rank"]

    def __str__(self) -> str:
        return f"coverage {self.pk}"
