"""Somebody on the line: an agent with a case of a patient, and what the caller says."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal import verification
from portal.models import Patient
from tests import factories

RIGHT = {"birth_date": "4/12/1961", "last4": "4321"}
WRONG = {"birth_date": "4/13/1961", "last4": "4321"}
LONG_AGO = timedelta(days=60)


class Line:
    """An agent with a caller on a case of ``patient``."""

    def __init__(self, patient: Patient | None = None, *, role: str = "agent") -> None:
        known = patient or factories.patient_with_user(created_at=timezone.now() - LONG_AGO)
        self.case = factories.CaseFactory(patient=known, channel="phone")
        self.patient, self.agent = known, factories.UserFactory(roles=[role])
        self.on = {"patient": known, "purpose": f"case:{self.case.pk}"}

    def says(self, given: dict[str, str], **kwargs: Any) -> verification.Outcome:
        return verification.attempt(self.agent, given=given, **self.on, **kwargs)

    @property
    def standing(self) -> verification.Standing:
        return verification.standing(self.agent, self.patient, purpose=self.on["purpose"])

    def colleague(self) -> "Line":
        other = Line(self.patient)
        other.case, other.on = self.case, self.on
        return other
