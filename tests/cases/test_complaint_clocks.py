"""The clocks of a complaint run beside those of its case (R-SLA-2, R-OPS-3)."""

from datetime import timedelta

import pytest

from cases import cases, complaints, merging, sla
from cases.defaults import clocks as defaults
from cases.models import Case, Clock, Complaint
from config.business_day import business_day
from portal.models import Patient, User
from tests.factories import PatientFactory, UserFactory

pytestmark = pytest.mark.django_db
BOTH = {"complaint_acknowledgement": "running", "complaint_answer": "running"}


@pytest.fixture(autouse=True)
def promises() -> None:
    defaults.install()


@pytest.fixture
def lead() -> User:
    return UserFactory(roles=["agent", "lead"])


def case_of(lead: User, patient: Patient | None = None) -> Case:
    return cases.open_case(lead, channel="phone", patient=patient or PatientFactory())


def entered(lead: User, case: Case, **more: object) -> Complaint:
    told = {"kind": "delivery", "summary": "The van never came.", "channel": "phone"} | more
    return complaints.take_down(lead, case=case, **told)  # type: ignore[arg-type]


def turning(case: Case) -> dict[str, str]:
    """How the newest clock of each kind of a complaint stands."""
    rows = Clock.objects.filter(case=case, kind__startswith="complaint").order_by("pk")
    return dict(rows.values_list("kind", "state"))


def test_they_start_with_the_complaint_and_stop_with_what_was_promised(lead: User) -> None:
    case = case_of(lead)
    complaint = entered(lead, case)
    assert turning(case) == BOTH
    complaints.acknowledge(lead, complaint=complaint)
    assert turning(case) == {"complaint_acknowledgement": "stopped", "complaint_answer": "running"}
    complaints.answer(lead, complaint=complaint, findings="The route was cut.", told="A new window.")
    assert turning(case) == {"complaint_acknowledgement": "stopped", "complaint_answer": "stopped"}


def test_a_complaint_told_of_late_runs_since_the_day_it_came(lead: User) -> None:
    case, came = case_of(lead), business_day() - timedelta(days=3)
    complaint = entered(lead, case, received_on=came)
    assert business_day(complaint.received_at) == came
    clock = Clock.objects.get(case=case, kind="complaint_answer")
    assert clock.started_at == complaint.received_at
    assert clock.due_at is not None
    assert business_day(clock.due_at) in (complaint.answer_by, complaint.answer_by + timedelta(days=1))


def test_the_clock_of_one_goes_on_while_another_waits(lead: User) -> None:
    case = case_of(lead)
    first, second = entered(lead, case), entered(lead, case, kind="billing")
    complaints.acknowledge(lead, complaint=first)
    assert turning(case) == BOTH
    complaints.acknowledge(lead, complaint=second)
    assert turning(case)["complaint_acknowledgement"] == "stopped"


def test_closing_the_case_answers_no_complaint(lead: User) -> None:
    case = case_of(lead)
    entered(lead, case)
    Case.objects.filter(pk=case.pk).update(reason=None)
    sla.event(cases.locked(case), "closed")
    assert turning(case) == BOTH


def test_they_go_with_a_merge_and_come_back(lead: User) -> None:
    patient = PatientFactory()
    case, into = case_of(lead, patient), case_of(lead, patient)
    entered(lead, case)
    merging.merge(lead, into=into, cases=[case])
    assert turning(into) == BOTH
    assert set(turning(case).values()) == {"cancelled"}
    case.refresh_from_db()
    assert case.next_due_at is None
    merging.unmerge(lead, case=case)
    assert turning(case) == BOTH
    assert set(turning(into).values()) == {"stopped"}
