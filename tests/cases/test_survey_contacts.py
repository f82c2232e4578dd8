"""A survey goes where deliveries go: not to a contact that still waits out its hold (R-CASE-3)."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from cases import cases, survey_sending
from portal import consent, profile
from portal.access import System
from tests import factories
from tests.cases.test_surveys import in_force

pytestmark = pytest.mark.django_db


def test_a_new_address_gets_no_survey_before_its_hold_is_over() -> None:
    in_force()
    patient = factories.patient_with_user(preferred_channel="email")
    old = patient.email
    consent.choose(patient.user, patient=patient, choices={("email", "surveys"): True})
    change = profile.propose(patient.user, patient=patient, field="email", value="new@example.org")
    assert change is not None
    profile.decide(factories.UserFactory(roles=["intake"]), change=change, accept=True)
    patient.refresh_from_db()
    case = factories.CaseFactory(patient=patient, reason=factories.ReasonFactory())
    cases.close(System("test desk"), case=case, disposition="answered", next_step="None.")
    mail.outbox.clear()
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        assert [survey_sending.send(pk) for pk in survey_sending.due()] == [True]
    assert [letter.to for letter in mail.outbox] == [[old]]
