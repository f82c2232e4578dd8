"""Which prescriptions are in force, and for how long."""

from datetime import date
from typing import Any

from django.db.models import Q
from django.utils import timezone

from portal.models import Patient, Prescription


def in_force(actor: Any, patient: Patient, *, on: date | None = None) -> list[Prescription]:
    """The patient's prescriptions that can be filled on a day, the one that ends first in front."""
    day = on or timezone.localdate()
    valid = Q(valid_until=None) | Q(valid_until__gte=day)
    rows = Prescription.objects.visible_to(actor).filter(valid, patient=patient, written_on__lte=day)
    return sorted(rows.select_related("practitioner"), key=lambda row: row.valid_until or date.max)
