"""The complaint register and its terms (R-OPS-3)."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from cases import complaints
from cases.models import Complaint, ComplaintTerms
from config.business_day import business_day
from portal.models import AccessEntry, User
from tests.factories import CaseFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def entered(agent: User, **more: object) -> Complaint:
    told = {
        "kind": "delivery",
        "summary": "The van never came.",
        "channel": "phone",
        "complainant": "A neighbour",
    }
    return complaints.take_down(agent, **(told | more))  # type: ignore[arg-type]


def test_terms_are_calendar_days_from_the_day_it_came(agent: User) -> None:
    came = business_day() - timedelta(days=2)
    complaint = entered(agent, received_on=came)
    assert (complaint.acknowledge_by, complaint.answer_by) == (
        came + timedelta(days=5),
        came + timedelta(days=14),
    )


def test_terms_change_from_a_day_on(agent: User) -> None:
    ComplaintTerms.objects.create(since=date(2020, 1, 1), acknowledge_days=2, answer_days=7)
    ComplaintTerms.objects.create(since=business_day() + timedelta(days=1), acknowledge_days=1, answer_days=3)
    assert entered(agent).answer_by == business_day() + timedelta(days=7)


def test_it_is_acknowledged_and_answered_once(agent: User) -> None:
    complaint = entered(agent)
    complaints.acknowledge(agent, complaint=complaint)
    with pytest.raises(ValidationError, match="acknowledged already"):
        complaints.acknowledge(agent, complaint=complaint)
    complaints.answer(
        agent, complaint=complaint, findings="The route was cut.", told="A new window, and sorry."
    )
    with pytest.raises(ValidationError, match="answered already"):
        complaints.answer(agent, complaint=complaint, findings="x", told="y")
    complaint.refresh_from_db()
    assert (complaint.state, complaint.answered_by) == ("answered", agent)
    assert complaints.register(agent) == []
    assert complaints.register(agent, answered=True) == [complaint]


def test_an_answer_without_findings_is_none(agent: User) -> None:
    complaint = entered(agent)
    with pytest.raises(ValidationError) as wrong:
        complaints.answer(agent, complaint=complaint, findings="\N{ZERO WIDTH SPACE}", told="")
    assert set(wrong.value.message_dict) == {"findings", "told"}


def test_half_a_complaint_says_what_is_missing(agent: User) -> None:
    with pytest.raises(ValidationError) as wrong:
        entered(
            agent,
            summary="\N{ZERO WIDTH SPACE}",
            kind="x",
            complainant="",
            received_on=business_day() + timedelta(days=2),
        )
    assert set(wrong.value.message_dict) == {"summary", "kind", "complainant", "received_on"}


def test_what_is_late_is_said(agent: User) -> None:
    complaint = entered(agent)
    assert complaints.late(complaint, complaint.acknowledge_by) == ""
    assert complaints.late(complaint, complaint.acknowledge_by + timedelta(days=1)) == "acknowledge"
    complaint.state = "acknowledged"
    assert complaints.late(complaint, complaint.answer_by + timedelta(days=1)) == "answer"
    complaint.state = "answered"
    assert complaints.late(complaint, complaint.answer_by + timedelta(days=1)) == ""


def test_it_stands_on_its_case(agent: User) -> None:
    case = CaseFactory(product_line="oxygen")
    complaint = entered(agent, case=case, complainant="")
    assert (complaint.patient, complaint.product_line) == (case.patient, "oxygen")
    assert case.events.filter(kind="linked").exists()


def test_the_register_leaves_without_names_and_on_the_trail(agent: User) -> None:
    case = CaseFactory()
    complaint = entered(agent, case=case, complainant="Somebody Special")
    text = "".join(complaints.as_csv(agent))
    assert complaint.number in text
    assert "Somebody" not in text
    assert "van" not in text
    assert AccessEntry.objects.filter(kind="export", subjects__contains=[case.patient_id]).exists()


def test_the_register_leaves_whole(agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complaints, "AT_ONCE", 2)
    numbers = [entered(agent, case=CaseFactory()).number for _ in range(5)]
    lines = "".join(complaints.as_csv(agent)).splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == numbers
    exports = AccessEntry.objects.filter(kind="export")
    assert sorted(len(entry.subjects) for entry in exports) == [1, 2, 2]


def test_a_form_sent_twice_enters_one_complaint(agent: User) -> None:
    case, once = CaseFactory(), uuid4()
    first = entered(agent, case=case, once=once)
    assert entered(agent, case=case, once=once) == first
    assert case.events.filter(kind="linked").count() == 1
    assert entered(agent, case=case, once=once, summary="They shouted.") != first
    assert entered(agent, case=case, once=uuid4()) != first
    assert Complaint.objects.count() == 3


def test_others_do_not_see_it(agent: User) -> None:
    complaint = entered(agent)
    with pytest.raises(PermissionDenied):
        complaints.open_complaint(UserFactory(roles=["warehouse"]), complaint.ref)
