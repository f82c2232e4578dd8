"""Handing a case up: what is wanted, who may take it on, how it ends, and what climbs by itself (R-SLA-2, 3, 5)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone

from cases import calendars, escalation_ratios
from cases import escalation as rules
from cases.cases import Conflict, close
from cases.models import Case, CaseEvent, Clock, Escalation, Notification, PolicyStep
from cases.signals import clock_breached
from cases.tasks import climb_escalations, climb_forgotten
from portal.access import System
from tests.cases.rotas import clinical_desk, clinician, layer, open_case, paged, policy, rota
from tests.factories import (
    CaregiverFactory,
    ConversationFactory,
    ReasonFactory,
    UserFactory,
    patient_with_user,
)

pytestmark = pytest.mark.django_db
NPI = "1234567893"
SAID = {"why": "Short of breath", "symptoms": "Blue lips since noon"}


@pytest.fixture
def agent():
    return UserFactory(roles=["agent"], display_name="Alex Agent")


def clinical(agent, case=None, **values):
    return rules.escalate(agent, case=case or open_case(), lane="clinical", **(SAID | values))


def specialist_desk(**values):
    """A lead above an on-duty specialist."""
    lead = clinician("Lee Lead", roles=["lead"])
    of = rota("billing")
    layer(of, clinician("Bea Billing", roles=["billing"]))
    return lead, policy("specialist", of, resolve_minutes=240, **values)


def managers(**values):
    boss = clinician("Sam Super", roles=["supervisor"])
    made = policy("manager", None, {"who": "supervisors"}, resolve_minutes=1440, **values)
    return boss, made


def a_clock(case, kind):
    now = timezone.now()
    times = {"started_at": now, "changed_at": now, "running_since": now, "due_at": now, "next_moment_at": now}
    return Clock.objects.create(
        case=case, kind=kind, channel="portal", policy_name="p", within=timedelta(hours=1), **times
    )


@time_machine.travel("2026-03-03T09:00Z", tick=False)
def test_at_three_in_the_morning_whoever_is_on_duty_is_called_at_once(agent):
    clinical_desk()
    case = open_case()
    made = clinical(agent, case, clinician=NPI)
    assert (made.tier, made.lane, made.opened_by, made.clinician) == (2, "clinical", agent, NPI)
    assert made.acknowledge_by == timezone.now() + timedelta(hours=1)
    assert paged(made) == [("Cleo Clinic", "console", "due"), ("Cleo Clinic", "sms", "due")]
    case.refresh_from_db()
    assert case.tier == 2
    assert list(case.events.values_list("kind", flat=True)) == ["escalated", "paged"]


def test_symptoms_and_clinician_are_kept_sealed(agent):
    clinical_desk()
    made = clinical(agent, clinician=NPI)
    with connection.cursor() as cursor:
        cursor.execute("SELECT symptoms, clinician, why FROM cases_escalation WHERE id = %s", [made.pk])
        row = " ".join(cursor.fetchone())
    assert "Blue lips" not in row
    assert NPI not in row
    assert "breath" not in row
    kept = Escalation.objects.get(pk=made.pk)
    assert (kept.symptoms, kept.clinician) == ("Blue lips since noon", NPI)


def test_what_identifies_is_taken_out_of_what_is_written(agent):
    clinical_desk()
    assert "078-05-1120" not in clinical(agent, why="SSN 078-05-1120 called").why


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"symptoms": "\N{ZERO WIDTH SPACE}"}, "symptoms", "Write down the symptoms"),
        ({"why": ""}, "why", "Say why"),
        ({"lane": "upstairs"}, "lane", "Choose who is called"),
        ({"tier": 1}, "lane", "tier 2 or 3"),
        ({"clinician": "1234567890"}, "clinician", "check digit"),
        ({"clinician": "Dr Lee"}, "clinician", "NPI of ten digits"),
    ],
)
def test_half_an_escalation_is_refused_in_words(agent, changed, field, words):
    clinical_desk()
    with pytest.raises(ValidationError) as refused:
        rules.escalate(agent, case=open_case(), **({"lane": "clinical"} | SAID | changed))
    assert words in refused.value.message_dict[field][0]
    assert not Escalation.objects.exists()


def test_one_of_ours_is_named_by_their_id(agent):
    first, *_ = clinical_desk()
    assert clinical(agent, clinician=str(first.ref)).clinician == f"staff-{first.pk}"
    with pytest.raises(ValidationError, match="one of our clinicians"):
        rules.clinician_id(str(agent.ref))


def test_a_lane_nobody_set_up_says_so(agent):
    with pytest.raises(ValidationError, match="Nobody is named for this yet"):
        clinical(agent)
    assert Case.objects.get().tier == 1


def test_the_policy_of_the_reasons_family_goes_before_the_general_one(agent):
    general = policy("specialist", None, {"who": "leads"})
    billing = policy("specialist", None, {"who": "leads"}, family="billing")
    of = lambda family: rules.policy_for("specialist", open_case(reason=ReasonFactory(family=family)))  # noqa: E731
    assert (of("billing"), of("delivery")) == (billing, general)


def test_twice_to_the_same_lane_is_refused_and_to_another_is_not(agent):
    clinical_desk()
    managers()
    case = open_case()
    clinical(agent, case)
    with pytest.raises(ValidationError, match="escalated there already"):
        clinical(agent, case)
    assert rules.escalate(agent, case=case, lane="manager", why="Second fall").tier == 3
    case.refresh_from_db()
    assert case.tier == 3


def test_the_desk_escalates_and_nobody_else():
    clinical_desk()
    for outsider in (UserFactory(roles=["warehouse"]), patient_with_user().user):
        with pytest.raises(PermissionDenied):
            clinical(outsider)


# --- taken on ------------------------------------------------------------------------------------------
def test_acknowledging_stops_the_paging_and_is_named_and_timed(agent):
    first, *_ = clinical_desk()
    made = rules.acknowledge(first, escalation=clinical(agent))
    assert (made.state, made.acknowledged_by, made.acknowledged_through) == ("acknowledged", first, "console")
    assert made.clinician == f"staff-{first.pk}"
    assert paged(made) == [("Cleo Clinic", "console", "acknowledged"), ("Cleo Clinic", "sms", "skipped")]
    with time_machine.travel(made.due_at + timedelta(seconds=1)):
        assert climb_escalations() == 1  # its time is over; there is no supervisor to call
    assert not made.pages.filter(step__gt=1).exists()


def test_who_was_not_paged_takes_nothing_on_but_a_lead_does(agent):
    clinical_desk()
    made = clinical(agent)
    with pytest.raises(PermissionDenied):
        rules.acknowledge(clinician("Other"), escalation=made)
    lead = UserFactory(roles=["lead"])
    assert rules.acknowledge(lead, escalation=made, take_over=True).acknowledged_by == lead


def test_twice_by_the_same_is_once_and_by_another_is_told(agent):
    first, *_ = clinical_desk()
    made = clinical(agent)
    rules.acknowledge(first, escalation=made)
    rules.acknowledge(first, escalation=made)
    assert CaseEvent.objects.filter(kind="acknowledged").count() == 1
    with pytest.raises(Conflict) as late:
        rules.acknowledge(UserFactory(roles=["lead"]), escalation=made)
    assert (late.value.by, late.value.what) == ("Cleo", "acknowledged")


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_has_it_and_the_other_hears_who(agent):
    clinical_desk()
    made = clinical(agent)
    leads = [UserFactory(roles=["lead"], display_name=name) for name in ("Ann Lead", "Bob Lead")]
    together = Barrier(2)

    def take(lead):
        try:
            together.wait(10)
            return rules.acknowledge(lead, escalation=made, take_over=True).acknowledged_by.display_name
        except Conflict as conflict:
            return conflict.by
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as both:
        said = list(both.map(take, leads))
    made.refresh_from_db()
    winner = made.acknowledged_by.display_name
    assert sorted(said) == sorted([winner, winner.split()[0]])
    assert CaseEvent.objects.filter(kind="acknowledged").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_escalate_at_once_one_does():
    clinical_desk()
    case = open_case()
    agents = [UserFactory(roles=["agent"]) for _ in range(2)]
    together = Barrier(2)

    def up(agent):
        try:
            together.wait(10)
            return bool(clinical(agent, case))
        except ValidationError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(up, agents)) == [False, True]
    assert Escalation.objects.count() == 1


# --- ended ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("end", "state"), [(rules.resolve, "resolved"), (rules.stand_down, "stood_down")])
def test_how_it_ended_is_kept_and_its_pages_stop(agent, end, state):
    clinical_desk()
    made = end(agent, escalation=clinical(agent), outcome="Nurse visit booked")
    assert (made.state, made.ended_by, made.outcome) == (state, agent, "Nurse visit booked")
    assert {standing for *_, standing in paged(made)} == {"skipped"}
    with pytest.raises(Conflict):
        end(agent, escalation=made, outcome="Again")


def test_without_an_outcome_nothing_ends(agent):
    clinical_desk()
    made = clinical(agent)
    with pytest.raises(ValidationError, match="what was decided"):
        rules.resolve(agent, escalation=made, outcome="\N{ZERO WIDTH SPACE}")
    made.refresh_from_db()
    assert made.state == "paging"


def test_a_colleague_who_has_nothing_to_do_with_it_does_not_end_it(agent):
    clinical_desk()
    with pytest.raises(PermissionDenied):
        rules.stand_down(UserFactory(roles=["agent"]), escalation=clinical(agent), outcome="No")


def test_closing_the_case_stands_it_down_but_a_clinical_page_goes_on(
    agent, django_capture_on_commit_callbacks
):
    clinical_desk()
    specialist_desk()
    case = open_case(reason=ReasonFactory())
    urgent = clinical(agent, case)
    other = rules.escalate(agent, case=case, lane="specialist", why="Code unclear")
    with django_capture_on_commit_callbacks(execute=True):
        close(agent, case=case, disposition="answered", next_step="None")
    urgent.refresh_from_db()
    other.refresh_from_db()
    assert (urgent.state, other.state) == ("paging", "stood_down")


# --- by itself -----------------------------------------------------------------------------------------
def test_a_forgotten_case_climbs_tier_by_tier_and_each_once():
    specialist_desk(climbs_on=["resolution"])
    managers(climbs_on=["resolution"])
    case = open_case()
    clock = a_clock(case, "resolution")
    found = []
    for _ in range(4):
        clock_breached.send_robust(None, case_id=case.pk, clock_id=clock.pk)
        found.append(list(case.escalations.order_by("pk").values_list("lane", "tier", "opened_by_name")))
    first, then = ("specialist", 2, "forgotten cases"), ("manager", 3, "forgotten cases")
    assert found == [[first], [first, then], [first, then], [first, then]]


def test_news_that_was_lost_is_found_again():
    specialist_desk(climbs_on=["resolution"])
    cases = [open_case() for _ in range(4)]
    for case, minutes in zip(cases, (1, 10, 600, 10), strict=True):
        clock = a_clock(case, "resolution" if case != cases[3] else "first_response")
        Clock.objects.filter(pk=clock.pk).update(breached_at=timezone.now() - timedelta(minutes=minutes))
    assert climb_forgotten() == 1
    assert cases[1].escalations.get().lane == "specialist"
    assert climb_forgotten() == 0


def test_the_owner_hears_that_their_case_went_up():
    specialist_desk(climbs_on=["resolution"])
    owner = UserFactory(roles=["agent"])
    case = open_case(owner=owner)
    rules.climb(case.pk, clock="resolution")
    assert Notification.objects.get(user=owner).kind == "escalated"


def test_a_policy_says_which_clocks_it_climbs_on():
    specialist_desk(climbs_on=["resolution"])
    case = open_case()
    clock_breached.send_robust(None, case_id=case.pk, clock_id=a_clock(case, "first_response").pk)
    assert not case.escalations.exists()


def test_nobody_named_leaves_a_forgotten_case_where_it_is():
    assert rules.climb(open_case().pk, clock="resolution") is None
    assert rules.climb(0, clock="resolution") is None


def test_an_escalation_that_is_not_resolved_in_time_goes_to_the_manager(agent):
    lead, _policy = specialist_desk()
    boss, _ = managers()
    case = open_case()
    made = rules.escalate(agent, case=case, lane="specialist", why="Code unclear")
    rules.acknowledge(lead, escalation=made)
    with time_machine.travel(made.due_at + timedelta(seconds=1)):
        climb_escalations()
        climb_escalations()
    made.refresh_from_db()
    assert made.overdue_at is not None
    up = case.escalations.get(lane="manager")
    assert {name for name, *_ in paged(up)} == {boss.display_name}


def test_a_managers_that_runs_out_calls_every_supervisor_once(agent):
    boss, _ = managers()
    made = rules.escalate(agent, case=open_case(), lane="manager", why="Third complaint")
    rules.acknowledge(boss, escalation=made)
    with time_machine.travel(made.due_at + timedelta(seconds=1)):
        climb_escalations()
        climb_escalations()
    after = made.pages.filter(step=0)
    assert after.count() == 4
    assert set(after.values_list("person", flat=True)) == {boss.pk}


def test_business_hours_are_those_of_the_calendars(agent, monkeypatch):
    specialist_desk(around_the_clock=False)
    asked = []

    def add(calendar, start, minutes):
        asked.append(minutes)
        return start + timedelta(days=3)

    monkeypatch.setattr(calendars, "supplier", lambda: None)
    monkeypatch.setattr(calendars, "add", add)
    monkeypatch.setattr(calendars, "next_opening", lambda calendar, at: at)
    made = rules.escalate(agent, case=open_case(), lane="specialist", why="Code unclear")
    assert asked == [60, 240]
    assert made.due_at - made.opened_at == timedelta(days=3)


# --- not the customer's --------------------------------------------------------------------------------
def test_no_customer_sees_an_escalation(agent):
    clinical_desk()
    patient = patient_with_user()
    carer = CaregiverFactory(patient=patient, scopes=["everything"]).user
    made = clinical(agent, open_case(patient=patient))
    for user in (patient.user, carer):
        assert not Escalation.objects.visible_to(user).exists()
        assert not made.pages.model.objects.visible_to(user).exists()
    assert Escalation.objects.visible_to(System("test")).get() == made


# --- two ratios ----------------------------------------------------------------------------------------
def test_two_ratios_are_counted_by_case_and_apart(agent):
    """R-SLA-5: to phone or manager, and to clinical or billing."""
    clinical_desk()
    specialist_desk()
    managers()
    both, up, phoned, _plain, called_in = [open_case(channel="chat") for _ in range(4)] + [
        open_case(channel="phone")
    ]
    clinical(agent, both)
    rules.escalate(agent, case=both, lane="specialist", why="Code unclear")
    rules.escalate(agent, case=both, lane="manager", why="Upset")
    rules.escalate(agent, case=up, lane="manager", why="Upset")
    for case in (phoned, called_in):
        ConversationFactory(case=case, patient=case.patient, channel="phone")
    now = timezone.now()
    found = escalation_ratios.ratios(now - timedelta(days=1), now + timedelta(days=1))
    assert (found.cases, found.phone_or_manager, found.clinical_or_billing) == (5, 3, 1)
    assert found.to_phone_or_manager == pytest.approx(0.6)
    assert found.to_clinical_or_billing == pytest.approx(0.2)
    assert (
        escalation_ratios.ratios(now - timedelta(days=9), now - timedelta(days=8)).to_phone_or_manager is None
    )


def test_a_step_wants_a_person_and_a_channel():
    with pytest.raises(ValidationError, match="Name the person"):
        PolicyStep(who="person", channels=["sms"]).clean()
    with pytest.raises(ValidationError, match="Choose how"):
        PolicyStep(who="leads", channels=[]).clean()
