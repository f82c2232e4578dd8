"""Mass incidents: one cause, many patients (R-OPS-4)."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from cases import incidents
from cases.incidents import Scope
from cases.models import Case, Incident, Message, Reason
from portal.models import Patient, User
from tests.factories import (
    CaseFactory,
    DeviceFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    ShipmentFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> User:
    return UserFactory(roles=["lead"])


@pytest.fixture
def reason() -> Reason:
    return ReasonFactory()


def test_only_those_who_fit_all_that_is_named(lead: User) -> None:
    def patient(state: str, lot: str, **more: object) -> Patient:
        found: Patient = PatientFactory(state=state, **more)
        DeviceFactory(patient=found, lot=lot)
        return found

    hit = patient("FL", "L7")
    patient("FL", "L8")
    patient("GA", "L7")
    patient("FL", "L7", deceased_on=timezone.localdate())
    assert incidents.touched(lead, Scope(state="fl", lot="L7")) == [hit.pk]
    assert incidents.touched(lead, Scope()) == []


def test_parcels_on_their_way(lead: User) -> None:
    waiting, there = PatientFactory(), PatientFactory()
    ShipmentFactory(order=OrderFactory(patient=waiting), carrier="ups", state="in_transit")
    ShipmentFactory(order=OrderFactory(patient=there), carrier="ups", state="delivered")
    assert incidents.touched(lead, Scope(carrier="ups")) == [waiting.pk]


def declared(lead: User, reason: Reason, people: int = 3) -> Incident:
    for _ in range(people):
        DeviceFactory(patient=PatientFactory(), lot="L9")
    return incidents.declare(
        lead, title="Lot L9", cause="Valves stick.", reason=reason, scope=Scope(lot="L9")
    )


def test_everybody_touched_has_a_case_under_it(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason)
    assert incident.case.children.count() == 3
    assert incidents.counts([incident]) == {incident.pk: (3, 3)}
    assert not Message.objects.exists(), "nobody is written to yet"


def test_one_word_to_all_and_one_end(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason)
    first = incident.case.children.order_by("pk").first()
    Case.objects.filter(pk=first.pk).update(state="closed", closed_at=timezone.now(), disposition="answered")
    assert incidents.say_to_all(lead, incident=incident, words="We replace it by Friday.") == 2
    assert Message.objects.filter(kind="reply").count() == 2
    incidents.say_to_all(lead, incident=incident, words="We replace it by Friday.")
    assert Message.objects.filter(kind="reply").count() == 2, "a second click says nothing new"
    assert incidents.resolve(lead, incident=incident, next_step="Nothing open") == 2
    assert not Case.objects.exclude(state="closed").exists()
    with pytest.raises(ValidationError, match="over"):
        incidents.say_to_all(lead, incident=incident, words="Again")


def test_nobody_writes_to_those_who_have_died_since(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=2)
    gone = incident.case.children.order_by("pk").first().patient
    gone.deceased_on = timezone.localdate()
    gone.save()
    assert incidents.say_to_all(lead, incident=incident, words="We replace it by Friday.") == 1
    assert not Message.objects.filter(conversation__patient=gone).exists()


def test_somebody_who_calls_about_it_is_added(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=1)
    case = CaseFactory()
    incidents.add(UserFactory(roles=["agent"]), incident=incident, case=case)
    case.refresh_from_db()
    assert case.parent == incident.case


def test_bad_incidents_say_why_and_open_nothing(lead: User, reason: Reason) -> None:
    with pytest.raises(ValidationError, match="Nobody is touched"):
        incidents.declare(lead, title="x", cause="y", reason=reason, scope=Scope(lot="none"))
    with pytest.raises(ValidationError) as wrong:
        incidents.declare(lead, title=" ", cause="", reason=reason, scope=Scope(lot="L9"))
    assert set(wrong.value.message_dict) == {"title", "cause"}
    assert not Case.objects.exists()
    with pytest.raises(PermissionDenied):
        incidents.touched(UserFactory(roles=["agent"]), Scope(lot="L9"))
