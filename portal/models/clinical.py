"""What a patient is treated for, as far as equipment depends on it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.security.fields import EncryptedCharField
from portal.models.orders import OfPatientQuerySet
from portal.models.people import Patient


class Diagnosis(models.Model):
    """A condition on record, by its code (ICD-10-CM or SNOMED CT) and how the source worded it."""

    SYSTEMS = [("icd10", "ICD-10-CM"), ("snomed", "SNOMED CT"), ("other", _("Other"))]

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="diagnoses")
    system = models.CharField(max_length=8, choices=SYSTEMS)
    code = EncryptedCharField(max_length=24)
    label = EncryptedCharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)
    recorded_on = models.DateField(null=True, blank=True)

    objects = OfPatientQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("diagnoses")

    def __str__(self) -> str:
        return f"diagnosis {self.pk}"
