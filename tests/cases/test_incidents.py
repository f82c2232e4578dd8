"""Mass incidents: one cause, many patients (R-OPS-4)."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases import cases, incidents, kin
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


# --- twice, many, and half way -------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_declare_one_incident(lead: User, reason: Reason) -> None:
    DeviceFactory(patient=PatientFactory(), lot="L9")
    ref = uuid4()

    def declare(_click: int) -> int:
        try:
            return incidents.declare(
                lead, title="Lot L9", cause="Valves stick.", reason=reason, scope=Scope(lot="L9"), ref=ref
            ).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as clicks:
        assert len(set(clicks.map(declare, range(2)))) == 1
    assert Incident.objects.count() == 1
    assert Case.objects.count() == 2, "the incident's own and the patient's"


def test_a_case_more_costs_next_to_nothing(lead: User, reason: Reason) -> None:
    """Two thousand patients are one request: nothing but a number is fetched for each of them."""
    from cases.defaults.clocks import install

    install()
    asked = []
    for people in (5, 25):
        DeviceFactory.create_batch(people, lot=f"N{people}")
        with CaptureQueriesContext(connection) as made:
            told = incidents.declare(
                lead, title="Lot", cause="Valves.", reason=reason, scope=Scope(lot=f"N{people}")
            )
        assert incidents.counts([told])[told.pk] == (people, people)
        asked.append(len(made))
        assert not [query for query in made if f"pg_advisory_xact_lock({kin.TREE})" in query["sql"]]
    assert asked[1] - asked[0] <= 20


def test_each_case_opens_as_any_other_would(lead: User, reason: Reason) -> None:
    from cases.defaults.clocks import install

    install()
    child = declared(lead, reason, people=1).case.children.get()
    alone = cases.open_case(
        lead, channel="portal", patient=PatientFactory(), subject=child.subject, reason=reason
    )
    alone.refresh_from_db()
    for name in ("state", "channel", "reason_id", "team_id", "priority", "subject_tokens", "next_due_kind"):
        assert getattr(child, name) == getattr(alone, name), name
    kinds = [event.kind for event in child.events.order_by("pk")]
    assert kinds == ["opened", "linked"]
    assert sorted(child.clocks.values_list("kind", "state")) == sorted(
        alone.clocks.values_list("kind", "state")
    )


def test_what_broke_off_half_way_is_ended_by_the_next_try(
    lead: User, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "AT_ONCE", 1)
    incident, close, calls = declared(lead, reason), cases.close, []

    def breaks(*args: object, **values: object) -> Case:
        calls.append(values)
        if len(calls) == 2:
            raise RuntimeError
        return close(*args, **values)

    monkeypatch.setattr(cases, "close", breaks)
    with pytest.raises(RuntimeError):
        incidents.resolve(lead, incident=incident, next_step="Nothing open")
    assert incidents.counts([incident]) == {incident.pk: (3, 2)}
    assert incidents.resolve(lead, incident=incident, next_step="Nothing open") == 2
    assert not Case.objects.exclude(state="closed").exists()


def test_an_incident_ends_though_its_case_was_closed_by_hand(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=1)
    child = incident.case.children.get()
    own = CaseFactory(patient=child.patient, parent=child)
    cases.close(
        lead,
        case=incident.case,
        disposition="answered",
        next_step="Nothing open",
        reason=reason,
        children="leave",
    )
    assert incidents.resolve(lead, incident=incident, next_step="Nothing open") == 1
    incident.refresh_from_db()
    own.refresh_from_db()
    assert (incident.state, own.state != "closed") == ("resolved", True), (
        "another matter of theirs stays open"
    )
