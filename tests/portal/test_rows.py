"""The rows themselves know whose they are, whatever the page before them asks as well (R-SEC-2)."""

from collections.abc import Callable
from typing import Any

import pytest

from cases.models import Conversation, Message
from portal.models import DataExport, Patient
from tests import factories

pytestmark = pytest.mark.django_db


def message(patient: Patient) -> Message:
    return factories.message_in(factories.ConversationFactory(patient=patient))


def export(patient: Patient) -> DataExport:
    return factories.DataExportFactory(patient=patient, requested_by=patient.user)


def of(factory: Any, path: str = "patient") -> Callable[[Patient], Any]:
    return lambda patient: factory(**{path: patient})


ROWS = {
    "orders": of(factories.OrderFactory),
    "lines": of(factories.OrderLineFactory, "order__patient"),
    "shipments": of(factories.ShipmentFactory, "order__patient"),
    "milestones": of(factories.OrderMilestoneFactory, "order__patient"),
    "devices": of(factories.DeviceFactory),
    "prescriptions": of(factories.PrescriptionFactory),
    "documents": of(factories.DocumentFactory),
    "coverage": of(factories.CoverageFactory),
    "conversations": of(factories.ConversationFactory),
    "messages": message,
    "exports": export,
    "caregivers": of(factories.CaregiverFactory),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_its_patients_and_no_strangers(name: str) -> None:
    patient, stranger = factories.patient_with_user(), factories.patient_with_user()
    row = ROWS[name](patient)
    visible = type(row).objects.visible_to
    assert list(visible(patient.user)) == [row]
    assert not visible(stranger.user).exists()


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"caregivers"}))
def test_a_row_is_not_for_staff_without_the_permission(name: str) -> None:
    row = ROWS[name](factories.patient_with_user())
    assert not type(row).objects.visible_to(factories.UserFactory(roles=["administrator"])).exists()


def test_a_conversation_is_also_of_whoever_began_it_until_it_is_about_somebody_else() -> None:
    began = factories.patient_user()
    mine = factories.ConversationFactory(patient=None, customer=began)
    factories.ConversationFactory(patient=None, customer=factories.patient_user())
    factories.ConversationFactory(patient=factories.PatientFactory(), customer=began)
    assert list(Conversation.objects.visible_to(began)) == [mine]
