"""Mass incidents: one cause, many patients (R-OPS-4)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases import cases, conversations, incident_runs, incidents, kin, merging
from cases.incidents import Scope
from cases.models import Case, Incident, IncidentRun, Message, Reason
from cases.tasks import work_incidents
from config.business_day import business_day
from portal import consent
from portal.models import Patient, User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    DeviceFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    ShipmentFactory,
    UserFactory,
    caregiver_of,
    patient_with_user,
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
    patient("FL", "L7", deceased_on=business_day())
    assert incidents.touched(lead, Scope(state="fl", lot="L7")) == [hit.pk]
    assert incidents.touched(lead, Scope()) == []


def test_parcels_on_their_way(lead: User) -> None:
    waiting, there = PatientFactory(), PatientFactory()
    ShipmentFactory(order=OrderFactory(patient=waiting), carrier="ups", state="in_transit")
    ShipmentFactory(order=OrderFactory(patient=there), carrier="ups", state="delivered")
    assert incidents.touched(lead, Scope(carrier="ups")) == [waiting.pk]


def declared(lead: User, reason: Reason, people: int = 3) -> Incident:
    for _ in range(people):
        DeviceFactory(patient=patient_with_user(), lot="L9")
    return incidents.declare(
        lead, title="Lot L9", cause="Valves stick.", reason=reason, scope=Scope(lot="L9")
    )


def test_everybody_touched_has_a_case_under_it(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason)
    assert incident.case.children.count() == 3
    assert incidents.counts([incident]) == {incident.pk: (3, 3)}
    assert not Message.objects.exists(), "nobody is written to yet"


WORDS = "We replace it by Friday."


def told(lead: User, incident: Incident, words: str = WORDS, **more: str) -> dict[str, str]:
    """Say it and let the worker run; by case number why it was not said, "" where it was."""
    run = incident_runs.say_to_all(lead, incident=incident, words=words, **more)
    incident_runs.work(run.pk)
    return {one.case.number: one.why for one in run.outcomes.select_related("case")}


def ended(lead: User, incident: Incident) -> int:
    """Resolve it and let the worker run; how many cases are still open under it."""
    run = incident_runs.resolve(lead, incident=incident, next_step="Nothing open")
    incident_runs.work(run.pk)
    return incidents.open_under(incident).count()


def test_one_word_to_all_and_one_end(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason)
    first = incident.case.children.order_by("pk").first()
    Case.objects.filter(pk=first.pk).update(state="closed", closed_at=timezone.now(), disposition="answered")
    assert list(told(lead, incident).values()) == ["", ""]
    assert Message.objects.filter(kind="reply").count() == 2
    told(lead, incident)
    assert Message.objects.filter(kind="reply").count() == 2, "a second click says nothing new"
    assert ended(lead, incident) == 0
    assert not Case.objects.exclude(state="closed").exists()
    with pytest.raises(ValidationError, match="over"):
        incident_runs.say_to_all(lead, incident=incident, words="Again")


def test_nobody_writes_to_those_who_have_died_since(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=2)
    gone = incident.case.children.order_by("pk").first().patient
    gone.deceased_on = business_day()
    gone.save()
    assert sorted(why[:16] for why in told(lead, incident).values()) == ["", "This patient has"]
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
        incidents.declare(lead, title="\N{ZERO WIDTH SPACE}", cause="", reason=reason, scope=Scope(lot="L9"))
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
                lead, title=f"Lot {people}", cause="Valves.", reason=reason, scope=Scope(lot=f"N{people}")
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


def test_what_a_killed_worker_left_is_done_by_the_sweep_and_nobody_is_told_twice(
    lead: User, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_runs, "AT_ONCE", 1)
    incident = declared(lead, reason)
    run = incident_runs.say_to_all(lead, incident=incident, words=WORDS)
    assert incident_runs.work_part(run.pk) == 1
    assert incident_runs.standing(incident)[0]["looked"] == 1
    assert incident_runs.say_to_all(lead, incident=incident, words=WORDS) == run, "a second click"
    with pytest.raises(ValidationError, match="still"):
        incident_runs.resolve(lead, incident=incident, next_step="None")
    work_incidents()
    assert Message.objects.filter(kind="reply").count() == 3
    run.refresh_from_db()
    assert (run.total, run.outcomes.count(), run.ended_at is not None) == (3, 3, True)
    assert work_incidents() == 0


def test_one_case_that_breaks_does_not_stop_the_others(
    lead: User, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident, close, calls = declared(lead, reason), cases.close, []

    def breaks(*args: object, **values: object) -> Case:
        calls.append(values)
        if len(calls) == 2:
            raise RuntimeError
        return close(*args, **values)

    monkeypatch.setattr(cases, "close", breaks)
    assert ended(lead, incident) == 1
    incident.refresh_from_db()
    assert incident.state == "open", "the lead sees the one that is left"
    assert ended(lead, incident) == 0
    incident.refresh_from_db()
    assert incident.state == "resolved"
    assert not Case.objects.exclude(state="closed").exists()


def test_what_a_thread_refuses_is_listed_and_the_others_are_told(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=1)

    def added(channel: str, words: dict[str, object], **patient: object) -> str:
        case = CaseFactory(channel=channel, state="open", patient=patient_with_user(**patient))
        ConversationFactory(case=case, patient=case.patient, channel=channel, **words)
        incidents.add(lead, incident=incident, case=case)
        return str(case.number)

    shut = added("chat", {"state": "closed", "closed_at": timezone.now()})
    open_text = added("sms", {})
    abroad = added("chat", {}, interpreter="Vietnamese")
    why = told(lead, incident, "Your oxygen concentrator is recalled.")
    assert "closed" in why[shut]
    assert why[open_text], "a text message may not hold this"
    assert "interpreter" in why[abroad]
    assert sorted(why.values())[0] == ""
    assert Message.objects.filter(kind="reply").count() == 1
    assert incident_runs.standing(incident)[0]["left_out"] == 3


def test_whoever_stopped_texts_is_listed_and_not_written_to(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=1)
    case = CaseFactory(channel="sms", state="open", patient=PatientFactory())
    ConversationFactory(case=case, patient=case.patient, channel="sms")
    incidents.add(lead, incident=incident, case=case)
    consent.choose(lead, patient=case.patient, choices={("sms", "orders"): True}, source="call")
    consent.stop(lead, patient=case.patient, channel="sms")
    assert "wants nothing" in told(lead, incident)[case.number]
    assert not Message.objects.filter(conversation__case=case, kind="reply").exists()


def test_whoever_signs_in_nowhere_is_listed_to_be_called(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=1)
    for patient in (PatientFactory(), caregiver_of(PatientFactory()).patient):
        case = CaseFactory(channel="portal", state="open", patient=patient)
        ConversationFactory(case=case, patient=patient, channel="portal")
        incidents.add(lead, incident=incident, case=case)
    listed = told(lead, incident)
    assert [why for why in listed.values() if why] == [
        "Nobody signs in to the portal for this patient: call them."
    ]
    assert Message.objects.filter(kind="reply").count() == 2


def test_who_speaks_spanish_reads_spanish(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=2)
    spanish = incident.case.children.order_by("pk").first().patient
    spanish.language = "es"
    spanish.save()
    told(lead, incident, words_es="Lo cambiamos hasta el viernes.")
    bodies = {note.conversation.patient_id: note.body for note in Message.objects.filter(kind="reply")}
    assert sorted(bodies.values()) == ["Lo cambiamos hasta el viernes.", WORDS]
    assert bodies[spanish.pk].startswith("Lo")


def test_a_patient_with_two_cases_is_told_once_where_they_wrote(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=1)
    theirs = CaseFactory(state="open", patient=incident.case.children.get().patient)
    incidents.add(lead, incident=incident, case=theirs)
    assert told(lead, incident)[theirs.number] == ""
    assert Message.objects.filter(kind="reply").count() == 1


def test_the_word_goes_into_the_thread_they_wrote_in_last(lead: User, reason: Reason) -> None:
    incident, now = declared(lead, reason, people=1), timezone.now()
    case, before = incident.case.children.get(), now - timedelta(days=3)
    case.conversations.all().delete()
    known = {"case": case, "patient": case.patient, "channel": "portal"}
    wrote = ConversationFactory(**known, started_at=before, last_message_at=now)
    ConversationFactory(**known, started_at=now - timedelta(days=1), last_message_at=now - timedelta(days=1))
    assert told(lead, incident)[case.number] == ""
    assert Message.objects.get(kind="reply").conversation == wrote


def test_a_case_merged_or_closed_in_between_is_left_out(lead: User, reason: Reason) -> None:
    incident = declared(lead, reason, people=2)
    first, second = incident.case.children.order_by("pk")
    run = incident_runs.say_to_all(lead, incident=incident, words=WORDS)
    into = CaseFactory(state="open", patient=first.patient)
    conversations.thread_of(into)
    merging.merge(UserFactory(roles=["supervisor"]), into=into, cases=[first])
    cases.close(lead, case=second, disposition="answered", next_step="None")
    assert incident_runs.work(run.pk) == 1
    assert run.outcomes.get().case == into, "what took the case in"
    assert ended(lead, incident) == 0


def test_two_leads_declare_one_incident(lead: User, reason: Reason) -> None:
    declared(lead, reason, people=1)
    with pytest.raises(ValidationError, match="goes on already"):
        incidents.declare(
            UserFactory(roles=["lead"]),
            title=" lot l9",
            cause="Stuck.",
            reason=reason,
            scope=Scope(lot="L9"),
        )
    assert Incident.objects.count() == 1
    assert not IncidentRun.objects.exists()


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
    assert ended(lead, incident) == 0
    incident.refresh_from_db()
    own.refresh_from_db()
    assert (incident.state, own.state != "closed") == ("resolved", True), (
        "another matter of theirs stays open"
    )
