"""A clinical escalation is a clinician's: who else answers is heard, and clinicians are called on (R-SLA-2, 3)."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from cases import duty
from cases import escalation as rules
from cases.models import CaseEvent, Escalation, RotaMember
from cases.tasks import climb_escalations
from tests.cases.rotas import Companies, clinical_desk, clinician, open_case, paged, policy, rota
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
CLINICAL = {"lane": "clinical", "why": "Short of breath", "symptoms": "Blue lips"}


@pytest.fixture
def night(monkeypatch):
    Companies(monkeypatch)
    with time_machine.travel("2026-03-03T09:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def boss():
    return clinician("Sam Super", roles=["supervisor"])


def escalated():
    return rules.escalate(UserFactory(roles=["agent"]), case=open_case(), **CLINICAL)


def ten_minutes(night):
    night.shift(timedelta(minutes=10))
    climb_escalations()


def test_a_supervisors_answer_settles_their_pages_and_clinicians_are_called_on(night, boss):
    policy("clinical", rota())  # nobody is on duty
    made = escalated()
    for _ in range(2):
        held = rules.acknowledge(boss, escalation=made)
        assert (held.state, held.clinician, held.acknowledged_by) == ("paging", "", None)
    assert {state for _name, _channel, state in paged(made)} == {"acknowledged", "skipped"}
    assert CaseEvent.objects.filter(case=made.case, kind="acknowledged", actor=boss).count() == 1
    assert duty.calling(boss) == []
    ten_minutes(night)
    assert duty.calling(boss) != []


def test_who_takes_it_over_by_name_ends_the_paging_and_is_no_clinician(night, boss):
    clinical_desk()
    made = escalated()
    held = rules.acknowledge(boss, escalation=made, take_over=True)
    assert (held.state, held.clinician, held.acknowledged_by) == ("acknowledged", "", boss)
    ten_minutes(night)
    assert [name for name, *_ in paged(made)] == ["Cleo Clinic", "Cleo Clinic"]


def test_a_clinician_who_answers_after_a_supervisor_has_it(night, boss):
    first, second, _policy = clinical_desk()
    made = escalated()
    rules.acknowledge(boss, escalation=made)
    ten_minutes(night)
    assert "Dana Second" in [name for name, *_ in paged(made)]
    held = rules.acknowledge(second, escalation=made)
    assert (held.state, held.clinician) == ("acknowledged", f"staff-{second.pk}")
    assert duty.calling(first) == []


def test_any_other_lane_is_taken_on_by_whoever_answers(night, boss):
    policy("manager", None, {"who": "supervisors"})
    made = rules.escalate(
        UserFactory(roles=["agent"]), case=open_case(), lane="manager", why="Third complaint"
    )
    assert rules.acknowledge(boss, escalation=made).acknowledged_by == boss


def test_only_who_is_no_clinician_is_offered_to_take_it_over(night, boss):
    first, *_ = clinical_desk()
    made = escalated()
    offered = {user: duty.of_case(user, made.case)[0].takes_over for user in (first, boss)}
    assert offered == {first: False, boss: True}
    rules.acknowledge(first, escalation=made)
    assert not duty.of_case(boss, made.case)[0].takes_over


# --- worse than it was ---------------------------------------------------------------------------------
def worse(made, symptoms="Does not answer any more", **values):
    told = CLINICAL | {"why": "They called again", "symptoms": symptoms} | values
    return rules.escalate(UserFactory(roles=["agent"]), case=made.case, **told)


@time_machine.travel("2026-03-03T16:04Z", tick=False)
def test_other_symptoms_stand_below_the_first_with_their_time():
    clinical_desk()
    made = worse(escalated())
    kept = Escalation.objects.get()
    assert kept == made
    assert kept.symptoms == "Blue lips\n10:04 Does not answer any more"
    assert kept.why == "Short of breath\n10:04 They called again"
    assert kept.case.events.filter(kind="escalated").count() == 2


def test_whoever_has_it_is_called_again_and_the_chain_after_them(night):
    first, second, _policy = clinical_desk()
    made = escalated()
    rules.acknowledge(first, escalation=made)
    RotaMember.objects.filter(layer__rank=1).update(user=second)  # somebody else is on duty by now
    before = made.pages.count()
    made = worse(made)
    again = made.pages.order_by("pk")[before:]
    assert {page.person for page in again} == {first}
    assert {page.channel for page in again} == {"console", "sms", "call", "email"}
    assert duty.calling(first) != []
    ten_minutes(night)
    assert made.pages.filter(person=second).exists()
    held = rules.acknowledge(first, escalation=made)
    assert (held.state, held.acknowledged_by) == ("acknowledged", first)


def test_where_nobody_had_it_the_chain_begins_at_its_head(night):
    first, *_ = clinical_desk()
    made = escalated()
    ten_minutes(night)
    made = worse(made)
    assert [page.person for page in made.pages.filter(round=2, channel="sms")] == [first]


def test_a_supervisors_old_answer_does_not_hold_for_what_is_new(night, boss):
    clinical_desk()
    made = escalated()
    rules.acknowledge(boss, escalation=made, take_over=True)
    made = worse(made)
    assert rules.acknowledge(boss, escalation=made).state == "paging"


def test_what_was_said_already_is_no_news():
    clinical_desk()
    made = worse(escalated())
    for words in ("Blue lips", "Does not answer any more"):
        with pytest.raises(ValidationError, match="escalated there already"):
            worse(made, words)
