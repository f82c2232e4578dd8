"""Each page's queries, in one table: the same number for one row and for thirty, and at most a dozen.

Session, rights, decryption and the entry on the trail are inside. A page of PHI writes one read entry,
however much it shows. Add a page by adding a line to PAGES.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django.utils import timezone

from agents.models import Announcement
from cases import complaints as complaint_rules
from cases.models import Case, Incident
from config.security import audit
from portal import consent
from portal.access import System, public
from portal.models import AccessEntry, LookAlike, Patient, Referral
from tests import factories
from tests.cases import rotas
from tests.people import signed_in

# Transactions, and the clock of idle time, which is written down once in five seconds.
NOT_QUERIES = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK", "SET ", 'UPDATE "portal_usersession"')
READS = ("read", "list")
Fill = Callable[[Patient, int], Any]


def orders(patient: Patient, rows: int) -> None:
    for _ in range(rows):
        order = factories.OrderFactory(patient=patient)
        factories.OrderLineFactory(order=order)
        factories.ShipmentFactory(order=order)
        for step in ("prescription", "insurance", "shipped"):
            factories.OrderMilestoneFactory(order=order, step=step)


def one_order(patient: Patient, rows: int) -> list[Any]:
    order = factories.OrderFactory(patient=patient)
    for _ in range(rows):
        factories.OrderLineFactory(order=order)
        factories.ShipmentEventFactory(shipment=factories.ShipmentFactory(order=order))
    return [order.ref]


def devices(patient: Patient, rows: int) -> None:
    factories.DeviceFactory.create_batch(rows, patient=patient)


def documents(patient: Patient, rows: int) -> None:
    factories.DocumentFactory.create_batch(rows, patient=patient)


def coverages(patient: Patient, rows: int) -> None:
    factories.CoverageFactory.create_batch(rows, patient=patient)


def threads(patient: Patient, rows: int) -> None:
    for _ in range(rows):
        factories.message_in(factories.ConversationFactory(patient=patient))


def one_thread(patient: Patient, rows: int) -> list[Any]:
    conversation = factories.ConversationFactory(patient=patient)
    for _ in range(rows):
        factories.attach(factories.message_in(conversation), factories.DocumentFactory(patient=patient))
    return [conversation.pk]


def caregivers(patient: Patient, rows: int) -> None:
    for _ in range(rows):
        factories.caregiver_of(patient)


def sightings(patient: Patient, rows: int) -> None:
    for _ in range(rows):
        with audit.acting(factories.UserFactory(roles=["agent"]), purpose="case:1"):
            audit.read([patient], "portal.orders")


def choices(patient: Patient, rows: int) -> None:
    for number in range(rows):
        consent.choose(patient.user, patient=patient, choices={("sms", "orders"): number % 2 == 0})


def exports(patient: Patient, rows: int) -> None:
    for _ in range(rows):
        factories.DataExportFactory(patient=patient, requested_by=patient.user)


def changes(patient: Patient, rows: int) -> None:
    for _ in range(rows):
        factories.ContactChangeFactory(patient=patient)


def everything(patient: Patient, rows: int) -> None:
    for fill in (orders, devices, documents, coverages, threads):
        fill(patient, rows)


def topics(patient: Patient, rows: int) -> None:
    factories.ReasonFactory.create_batch(rows)


# page, what fills it, queries, entries on the trail
PAGES: list[tuple[str, Fill, int, int]] = [
    ("portal:home", everything, 12, 1),
    ("portal:orders", orders, 12, 1),
    ("portal:order", one_order, 12, 1),
    ("portal:devices", devices, 12, 1),
    ("portal:documents", documents, 12, 1),
    ("portal:profile", changes, 12, 1),
    ("portal:contacts", choices, 12, 1),
    ("portal:caregivers", caregivers, 12, 1),
    ("portal:record-access", sightings, 12, 1),
    ("portal:my-data", exports, 12, 0),
    ("billing:coverage", coverages, 12, 1),
    ("cases:messages", threads, 12, 1),
    ("cases:thread", one_thread, 12, 1),
    ("cases:compose", topics, 12, 1),
]


def desk(patient: Patient, rows: int) -> str:
    """Cases of an agent, of one patient, with all that may stand beside them; the number of one of them."""
    everything(patient, rows)
    for _ in range(rows):
        case = factories.CaseFactory(patient=patient, state="open")
        one = factories.ConversationFactory(case=case, patient=patient)
        case.last_message = factories.message_in(one, "Hello", role="customer")
        case.save()
    rotas.busy_night(case, rows)
    return str(case.number)


# page, whether it wants a case, further arguments, queries, entries on the trail
DESK_PAGES: list[tuple[str, bool, list[str], int, int]] = [
    ("agents:console", False, [], 12, 0),
    ("agents:view", False, ["open"], 12, 1),
    ("agents:rows", False, ["open"], 12, 1),
    ("agents:rail", False, [], 12, 0),
    ("agents:case", True, [], 12, 1),
    ("agents:case-head", True, [], 12, 1),
    ("agents:case-new", True, [], 12, 1),
    ("agents:case-beside", True, [], 12, 1),
    ("agents:case-more", True, [], 12, 1),
    ("agents:case-rest", True, [], 12, 1),
    ("agents:case-customer", True, [], 12, 1),
    ("agents:case-side", True, [], 12, 1),
    ("agents:case-held", True, [], 12, 1),
    ("agents:case-people", True, [], 12, 0),
    ("agents:case-callback", True, [], 12, 1),
    ("agents:case-clocks", True, [], 10, 0),
    ("agents:notifications", False, [], 12, 0),
    ("agents:saved-view-new", False, [], 12, 0),
    ("agents:case-new-by-hand", False, [], 12, 0),
    ("agents:case-canned", True, [], 12, 0),
    ("agents:case-subject", True, [], 12, 1),
    ("agents:case-macros", True, [], 12, 0),
    ("agents:case-playbooks", True, [], 12, 0),
    ("agents:case-macro-items", True, [], 12, 0),
    ("agents:case-why", True, [], 12, 0),
    ("agents:offers", False, [], 12, 0),
    ("agents:baton", False, [], 12, 0),
    ("agents:capacity", False, [], 12, 0),
    ("agents:case-kin", True, [], 12, 1),
    ("agents:case-escalate", True, [], 12, 0),
    ("agents:case-escalations", True, [], 12, 1),
    ("agents:escalations-banner", False, [], 12, 0),
    ("agents:rota", False, [], 12, 0),
]


def referrals(rows: int) -> None:
    for _ in range(rows):
        Referral.objects.create(
            source="self", first_name="A", last_name="B", birth_date=date(1950, 1, 1), product_line="cpap"
        )


def look_alikes(rows: int) -> None:
    for _ in range(rows):
        first, second = factories.PatientFactory(), factories.PatientFactory()
        LookAlike.objects.create(first=first, second=second, score=60, because=["born_and_named"])


def complaints(rows: int) -> None:
    for _ in range(rows):
        taking = {"kind": "other", "summary": "x", "channel": "phone", "case": factories.CaseFactory()}
        complaint_rules.take_down(System("test"), **taking)


def incidents(rows: int) -> None:
    for _ in range(rows):
        Incident.objects.create(title="Storm", cause="x", case=factories.CaseFactory())


def announcements(rows: int) -> None:
    for _ in range(rows):
        Announcement.objects.create(title="x", until=timezone.now() + timedelta(days=1))


def promises(rows: int) -> None:
    factories.CaseFactory.create_batch(rows, next_due_at=timezone.now())


def dependents(rows: int) -> None:
    product = factories.ProductFactory(life_sustaining=True)
    for _ in range(rows):
        factories.DeviceFactory(product=product)


# page of the floor, what fills it, queries
FLOOR_PAGES: list[tuple[str, Callable[[int], None], int]] = [
    ("agents:referrals", referrals, 12),
    ("agents:look-alikes", look_alikes, 12),
    ("agents:complaints", complaints, 12),
    ("agents:incidents", incidents, 12),
    ("agents:announcements", announcements, 12),
    ("agents:downtime", promises, 12),
    ("agents:disaster-list", dependents, 12),
]


@pytest.mark.parametrize(("name", "fill", "budget"), FLOOR_PAGES, ids=[page[0] for page in FLOOR_PAGES])
def test_a_page_of_the_floor_keeps_to_its_budget(db, name, fill, budget):
    client = signed_in(factories.UserFactory(roles=["supervisor"]))
    counted = {}
    for rows in (1, 29):
        fill(rows)
        counted[rows] = queries_of(client, reverse(name))
    assert counted[1] == counted[29]
    assert counted[29] <= budget


def queries_of(client: Client, address: str) -> int:
    client.get(address)  # what is cached for good is cached
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return sum(not query["sql"].startswith(NOT_QUERIES) for query in captured.captured_queries)


@public
def one_by_one(request: HttpRequest) -> HttpResponse:
    """A query for each row, as no page may."""
    found = [Patient.objects.get(pk=pk).state for pk in Patient.objects.values_list("pk", flat=True)]
    return HttpResponse(", ".join(found))


class planted_urls:  # noqa: N801 - stands in for a module
    urlpatterns = [path("one-by-one", one_by_one, name="healthz")]


def test_a_page_that_asks_for_each_row_is_noticed(db, settings):
    settings.ROOT_URLCONF = planted_urls
    counted = []
    for _ in range(2):
        factories.PatientFactory.create_batch(3)
        counted.append(queries_of(Client(), "/one-by-one"))
    assert counted[1] - counted[0] == 3


def entries_of(patient: Patient) -> int:
    return AccessEntry.objects.filter(subjects__contains=[patient.pk], kind__in=READS).count()


@pytest.mark.parametrize(("name", "fill", "budget", "entries"), PAGES, ids=[page[0] for page in PAGES])
def test_a_page_keeps_to_its_budget(db, name, fill, budget, entries):
    counted = {}
    for rows in (1, 30):
        patient = factories.patient_with_user()
        address = reverse(name, args=fill(patient, rows) or [])
        client = signed_in(patient.user)
        before = entries_of(patient)
        counted[rows] = queries_of(client, address)
        assert entries_of(patient) - before == 2 * entries
    assert counted[1] == counted[30]
    assert counted[30] <= budget


@pytest.mark.parametrize(
    ("name", "of_case", "args", "budget", "entries"), DESK_PAGES, ids=[page[0] for page in DESK_PAGES]
)
def test_a_page_of_the_desk_keeps_to_its_budget(db, name, of_case, args, budget, entries):
    counted = {}
    for rows in (1, 30):
        patient = factories.PatientFactory()
        number = desk(patient, rows)
        client = signed_in(factories.UserFactory(roles=["agent"]))
        before = entries_of(patient)
        counted[rows] = queries_of(client, reverse(name, args=[number] if of_case else args))
        assert entries_of(patient) - before == 2 * entries
    assert counted[1] == counted[30]
    assert counted[30] <= budget


OPENED = ["case", "case-head", "case-beside", "case-more", "case-rest", "case-customer", "case-customer-said"]


@pytest.mark.parametrize("name", OPENED)
def test_a_case_whose_caller_is_verified_keeps_to_its_budget(db, name):
    """Level 2 opens every panel, and costs no page more than a dozen (R-CASE-3)."""
    counted = {}
    for rows in (1, 30):
        agent = factories.UserFactory(roles=["agent"])
        number = desk(factories.PatientFactory(), rows)
        factories.verified(agent, Case.objects.get(number=number))
        counted[rows] = queries_of(signed_in(agent), reverse(f"agents:{name}", args=[number]))
    assert counted[1] == counted[30]
    assert counted[30] <= 12
