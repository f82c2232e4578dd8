"""What playbooks set going by the rules of its subject, and where their ways lead by the trade's own days."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from cases import playbook_content
from cases.defaults import playbooks as defaults
from cases.models import Case, Complaint
from cases.playbook_actions import ACTIONS
from config.business_day import business_day
from portal.models import ContactChange
from portal.verification import NotVerified
from tests.cases.walks import verify
from tests.factories import CaseFactory, PatientFactory, ReasonFactory, UserFactory, patient_user

pytestmark = pytest.mark.django_db

CONTENTS = {one["code"]: playbook_content.read(one["content"]) for one in defaults.written()}


@pytest.fixture
def agent(db: None) -> Any:
    ReasonFactory(family="delivery")
    return UserFactory(roles=["agent"])


@pytest.fixture
def case(agent: Any) -> Case:
    return CaseFactory(patient=PatientFactory(user=patient_user()), channel="phone", owner=agent)


def does(agent: Any, case: Case, code: str, **values: str) -> str:
    run = ACTIONS[code].run
    assert run is not None
    return run(agent, case=case, values=values, told="All that was said")


class Verified:
    """What ``verify`` asks of a run."""

    def __init__(self, case: Case) -> None:
        self.case, self.case_id = case, case.pk


# --- the complaint register --------------------------------------------------------------------------
@pytest.mark.parametrize(("about", "kind"), [("privacy", "privacy"), ("conduct", "service"), ("?", "other")])
def test_a_complaint_is_in_the_register_with_its_clocks(
    agent: Any, case: Case, about: str, kind: str
) -> None:
    """R-OPS-3: in their own words, and no case that somebody would have to copy from."""
    words = does(
        agent, case, "register_complaint", about=about, said="Nobody came", wish="An apology", who="Her son"
    )
    made = Complaint.objects.get(case=case)
    assert made.number in words
    assert (made.kind, made.complainant, made.summary) == (kind, "Her son", "Nobody came\n\nAn apology")
    assert made.answer_by - made.acknowledge_by == timedelta(days=9)
    assert not case.children.exists()


# --- changes of contact ------------------------------------------------------------------------------
@pytest.mark.parametrize(("field", "value"), [("phone", "+15125550199"), ("email", "new@example.org")])
def test_a_new_contact_is_proposed_for_who_proved_themselves(
    agent: Any, case: Case, field: str, value: str
) -> None:
    """R-CASE-3: at level 2 alone, by the rule that tells the old contact."""
    with pytest.raises(NotVerified):
        does(agent, case, "change_account", what=field, **{field: value})
    verify(agent, Verified(case), 2)  # type: ignore[arg-type]
    does(agent, case, "change_account", what=field, **{field: value})
    change = ContactChange.objects.get(patient=case.patient)
    assert (change.field, change.new_value, change.state) == (field, value, "proposed")
    assert change.asked_on == f"case:{case.pk}"
    assert not case.children.exists()


def test_an_address_that_is_none_is_told(agent: Any, case: Case) -> None:
    verify(agent, Verified(case), 2)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        does(agent, case, "change_account", what="email", email="not an address")
    assert not ContactChange.objects.exists()


@pytest.mark.parametrize("what", ["address", "payment", "name"])
def test_what_no_rule_takes_yet_goes_to_the_account_desk(agent: Any, case: Case, what: str) -> None:
    does(agent, case, "change_account", what=what, address="9 New St")
    assert case.children.count() == 1


# --- ways --------------------------------------------------------------------------------------------
def ago(days: int) -> str:
    return (business_day() - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("code", "step", "known", "leads"),
    [
        # what was unreadable is corrected and sent again, however old the notice
        ("appeal", "which_way", {"why": "missing", "plan": "medicare", "notice": 130}, "correct"),
        ("appeal", "which_way", {"why": "need", "plan": "medicare", "notice": 125}, "evidence"),
        ("appeal", "which_way", {"why": "need", "plan": "medicare", "notice": 126}, "too_late"),
        ("appeal", "which_way", {"why": "need", "plan": "advantage", "notice": 65}, "evidence"),
        ("appeal", "which_way", {"why": "need", "plan": "advantage", "notice": 66}, "too_late"),
        ("appeal", "which_way", {"why": "need", "plan": "commercial", "notice": 150}, "evidence"),
        # seven calendar days bind Medicare, Advantage and Medicaid, not marketplace and employers' plans
        ("prior-authorization", "stage_step", {"stage": "asked", "plan": "advantage", "asked_on": 8}, "late"),
        (
            "prior-authorization",
            "stage_step",
            {"stage": "asked", "plan": "commercial", "asked_on": 8},
            "waiting",
        ),
        (
            "prior-authorization",
            "stage_step",
            {"stage": "asked", "plan": "commercial", "asked_on": 15},
            "late",
        ),
        # a refill is asked for within 30 days of the end of the last supply
        ("consumable-resupply", "time", {"last": 59, "days": "90"}, "too_early"),
        ("consumable-resupply", "time", {"last": 60, "days": "90"}, "items_step"),
        ("consumable-resupply", "time", {"last": 29, "days": "60"}, "too_early"),
        ("consumable-resupply", "time", {"last": 30, "days": "60"}, "items_step"),
        ("consumable-resupply", "time", {"last": 5, "days": "30"}, "items_step"),
        ("consumable-resupply", "before", {"line": "oxygen", "ends": 1}, "no_oxygen"),
        ("consumable-resupply", "before", {"line": "pap", "ends": 1}, "time"),
        # a product's own window holds, within the 90 days that hold for all
        ("return", "may_it", {"kind": "device", "got": 50, "window": "45"}, "no"),
        ("return", "may_it", {"kind": "device", "got": 50, "window": "60"}, "deduct"),
        ("return", "may_it", {"kind": "device", "got": 80, "window": "90"}, "deduct"),
        ("warranty-claim", "term_check", {"term": "4", "got": 1400}, "proof"),
        ("warranty-claim", "term_check", {"term": "4", "got": 1462}, "not_covered"),
        # what waits for the plan is not sent
        ("replacement-part", "plan", {"pays": "no"}, "plan_only"),
        ("replacement-part", "plan_only", {}, "later"),
    ],
)
def test_a_way_leads_where_the_trades_days_say(
    code: str, step: str, known: dict[str, Any], leads: str
) -> None:
    content = CONTENTS[code]
    collected = {name: ago(value) if isinstance(value, int) else value for name, value in known.items()}
    assert content.onward(content.steps[step], collected)[0] == leads
