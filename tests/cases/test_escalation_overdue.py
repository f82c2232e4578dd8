"""What is overdue or forgotten reaches somebody, whatever else is set up or runs (R-SLA-2, 3)."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from cases import escalation as rules
from cases.cases import close
from cases.defaults import clocks as clock_defaults
from cases.defaults import escalation as defaults
from cases.models import Case, Clock, Escalation, EscalationPolicy
from cases.tasks import climb_escalations, climb_forgotten, look_at_clocks
from portal.access import System
from tests.cases.rotas import Companies, clinical_desk, clinician, layer, open_case, policy, rota
from tests.factories import ConversationFactory, ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db
CLINICAL = {"lane": "clinical", "why": "Short of breath", "symptoms": "Blue lips"}
NIGHT = "2026-03-03T09:00Z"


@pytest.fixture
def night(monkeypatch):
    Companies(monkeypatch)
    with time_machine.travel(NIGHT, tick=False) as clock:
        yield clock


@pytest.fixture
def agent():
    return UserFactory(roles=["agent"])


def taken_on(agent, case):
    """A clinical escalation of the case, and who of the desk has it."""
    first, *_ = clinical_desk()
    made = rules.escalate(agent, case=case, **CLINICAL)
    return rules.acknowledge(first, escalation=made), first


def called(made, person):
    return made.pages.filter(person=person, channel="sms").count()


def run_out(night, made):
    night.move_to(made.due_at + timedelta(seconds=1))
    climb_escalations()


def for_hours(night, hours):
    for _ in range(6 * hours):
        night.shift(timedelta(minutes=10))
        climb_escalations()


# --- clinical ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("with_manager", ["no policy", "taken on for something else", "in office hours"])
def test_a_clinical_one_that_runs_out_calls_the_supervisors_whatever_a_manager_does(
    agent, night, with_manager
):
    boss, case = clinician("Sam Super", roles=["supervisor"]), open_case()
    if with_manager != "no policy":
        policy("manager", None, {"who": "supervisors"}, around_the_clock=with_manager != "in office hours")
    if with_manager == "taken on for something else":
        up = rules.escalate(agent, case=case, lane="manager", why="Wants the money back")
        rules.acknowledge(boss, escalation=up)
    made, _ = taken_on(agent, case)
    assert called(made, boss) == 0
    run_out(night, made)
    made.refresh_from_db()
    assert (made.state, called(made, boss)) == ("paging", 1)
    for_hours(night, 2)
    assert called(made, boss) > 2
    rules.acknowledge(boss, escalation=made)
    calls = called(made, boss)
    for_hours(night, 3)
    assert called(made, boss) == calls
    made.refresh_from_db()
    assert made.acknowledged_by == boss


def test_who_had_it_is_called_again_too_and_stays_the_clinician_on_record(agent, night):
    clinician("Sam Super", roles=["supervisor"])
    made, first = taken_on(agent, open_case())
    run_out(night, made)
    for_hours(night, 1)
    made.refresh_from_db()
    assert called(made, first) > 1
    assert made.clinician == f"staff-{first.pk}"


def test_without_a_supervisor_a_lead_hears_of_it(agent, night):
    lead = clinician("Lee Lead", roles=["lead"])
    made, _ = taken_on(agent, open_case())
    run_out(night, made)
    assert called(made, lead) == 1


def test_closing_the_case_ends_one_that_a_clinician_had(agent, night, django_capture_on_commit_callbacks):
    clinician("Sam Super", roles=["supervisor"])
    case = open_case(reason=ReasonFactory())
    made, _ = taken_on(agent, case)
    run_out(night, made)
    with django_capture_on_commit_callbacks(execute=True):
        close(agent, case=case, disposition="answered", next_step="None")
    made.refresh_from_db()
    assert made.state == "stood_down"


def test_a_specialists_that_runs_out_without_a_manager_calls_the_supervisors(agent, night):
    boss, of = clinician("Sam Super", roles=["supervisor"]), rota("billing")
    bea = clinician("Bea Billing", roles=["billing"])
    layer(of, bea)
    policy("specialist", of, resolve_minutes=60)
    made = rules.escalate(agent, case=open_case(), lane="specialist", why="Code unclear")
    rules.acknowledge(bea, escalation=made)
    run_out(night, made)
    assert called(made, boss) == 1


# --- forgotten -----------------------------------------------------------------------------------------
@pytest.fixture
def promises():
    clock_defaults.install()
    defaults.install()
    return clinician("Sam Super", roles=["supervisor"])


def asked(channel="portal"):
    from cases import cases, sla

    case = cases.open_case(System("intake"), channel=channel)
    if channel == "chat":
        ConversationFactory(case=case, channel="chat", state="queued", queued_at=timezone.now())
        sla.event(case, "customer_spoke")
    return case


def ran_out(case: Case, kind: str) -> None:
    clock = Clock.objects.get(case=case, kind=kind, state="running")
    look_at_clocks()
    clock.refresh_from_db()
    assert clock.breached_at is not None
    rules.climb(case.pk, clock=kind)


def lanes(case: Case) -> list[str]:
    return list(case.escalations.order_by("pk").values_list("lane", flat=True))


def test_a_lane_that_names_nobody_is_passed_over(promises, night):
    EscalationPolicy.objects.filter(lane="specialist").update(active=False)
    case = asked()
    night.shift(timedelta(days=3))
    ran_out(case, "acknowledgement")
    assert lanes(case) == ["manager"]


def test_what_a_manager_was_done_with_goes_up_again_once_for_another_promise(promises, agent, night):
    case = asked()
    by_hand = rules.escalate(agent, case=case, lane="manager", why="Wants it today")
    rules.acknowledge(promises, escalation=by_hand)
    rules.resolve(promises, escalation=by_hand, outcome="Rang them")
    night.shift(timedelta(days=3))
    ran_out(case, "resolution")
    assert lanes(case) == ["manager", "manager"]
    rules.resolve(promises, escalation=Escalation.objects.live().get(), outcome="Rang them again")
    rules.climb(case.pk, clock="resolution")
    assert climb_forgotten() == 0
    assert lanes(case) == ["manager", "manager"]


def test_what_a_manager_has_is_not_looked_at_again_and_again(promises, agent, night):
    case = asked()
    rules.escalate(agent, case=case, lane="manager", why="Wants it today")
    night.shift(timedelta(hours=49))
    look_at_clocks()
    night.shift(timedelta(minutes=30))
    assert rules.forgotten() == []


def test_a_chat_that_nobody_takes_goes_up_when_it_is_forgotten_not_when_it_is_late(promises, night):
    """R-SLA-1 gives the first reply a minute: who leads hears of that, and only a wait that goes on goes up."""
    night.move_to("2026-03-03T16:00Z")
    case = asked("chat")
    night.shift(timedelta(minutes=2))
    ran_out(case, "first_response")
    assert lanes(case) == []
    night.shift(timedelta(minutes=10))
    assert climb_forgotten() == 0
    night.shift(timedelta(minutes=5))
    assert climb_forgotten() == 1
    assert lanes(case) == ["specialist"]
