"""What is promised to whom by what keeps them alive, and by what a supervisor says (R-SLA-1)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from cases import cases
from cases.defaults import clocks as defaults
from cases.models import Case, Clock
from config.business_day import business_day
from portal import orders, tiers
from portal.access import System
from portal.models import AccessEntry, OrderLine, Patient, Product, User
from tests.factories import DeviceFactory, OrderFactory, PatientFactory, ProductFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db
DAY, TWO_DAYS = timedelta(hours=24), timedelta(hours=48)


@pytest.fixture
def concentrator() -> Product:
    return ProductFactory(life_sustaining=True, product_line="oxygen")


@pytest.fixture
def boss() -> User:
    return UserFactory(roles=["supervisor"])


def opened(patient: Patient) -> Case:
    defaults.install()
    return cases.open_case(System("test"), channel="portal", patient=patient)


def promised(case: Case) -> timedelta:
    return Clock.objects.filter(case=case, kind="resolution", state="running").get().within


def test_oxygen_at_home_is_promised_a_day_until_it_is_returned(concentrator: Product) -> None:
    device = DeviceFactory(product=concentrator)
    assert (tiers.of(device.patient), promised(opened(device.patient))) == ("life_sustaining", DAY)
    device.returned_on = business_day()
    device.save()
    assert (tiers.of(device.patient), promised(opened(device.patient))) == ("standard", TWO_DAYS)


@pytest.mark.parametrize(
    ("state", "tier"),
    [
        ("draft", "standard"),
        ("open", "life_sustaining"),
        ("delivered", "life_sustaining"),
        ("cancelled", "standard"),
    ],
)
def test_oxygen_that_is_ordered_counts_while_its_order_is_in_force(
    concentrator: Product, state: str, tier: str
) -> None:
    order = OrderFactory(state=state)
    OrderLine.objects.create(order=order, product=concentrator, unit_price=1)
    assert tiers.of(order.patient) == tier


def test_what_was_delivered_on_an_order_and_returned_counts_no_more(concentrator: Product) -> None:
    order = OrderFactory(state="delivered")
    OrderLine.objects.create(order=order, product=concentrator, unit_price=1)
    DeviceFactory(patient=order.patient, order=order, product=concentrator, returned_on=business_day())
    assert tiers.of(order.patient) == "standard"


def test_an_order_of_it_moves_the_promises_that_run(
    boss: User, concentrator: Product, django_capture_on_commit_callbacks: Any
) -> None:
    order = OrderFactory(state="open")
    case = opened(order.patient)
    assert promised(case) == TWO_DAYS
    OrderLine.objects.create(order=order, product=concentrator, unit_price=1)
    with django_capture_on_commit_callbacks(execute=True):
        orders.set_step(boss, order=order, step="packing", state="now")
    assert promised(case) == DAY


def test_a_supervisor_says_the_tier_and_why(boss: User, django_capture_on_commit_callbacks: Any) -> None:
    patient = PatientFactory()
    case = opened(patient)
    page = signed_in(boss)
    address = reverse("admin:portal_patient_tier", args=[patient.pk])
    assert address in page.get(reverse("admin:portal_patient_change", args=[patient.pk])).content.decode()
    told = {"tier": "life_sustaining", "reason": "A ventilator of another supplier."}
    assert page.post(address, told | {"reason": "short"}).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert page.post(address, told).status_code == 302
    assert promised(case) == DAY
    entry = AccessEntry.objects.filter(kind="update", actor=boss, reason__isnull=False).latest("id")
    assert (entry.reason.words, entry.subjects) == (told["reason"], [patient.pk])


def test_nobody_else_says_it_and_nobody_without_a_reason(boss: User) -> None:
    patient = PatientFactory()
    for role in ("agent", "lead", "administrator"):
        with pytest.raises(PermissionDenied):
            tiers.choose(UserFactory(roles=[role]), patient=patient, tier="priority", reason="Because.")
    for wrong in ({"reason": " "}, {"tier": "gold"}):
        with pytest.raises(ValidationError):
            tiers.choose(boss, patient=patient, **({"tier": "priority", "reason": "Asked for it."} | wrong))
    assert tiers.of(patient) == "standard"
