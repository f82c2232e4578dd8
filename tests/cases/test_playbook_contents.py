"""The fifteen playbooks of R-CASE-2: each is sound, and each is walked on the ways that matter."""

import copy
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from cases import escalation, outside, playbook_checks, playbook_content, playbooks
from cases.defaults import playbooks as defaults
from cases.defaults import reasons
from cases.models import Case, Escalation, Message, Playbook, PlaybookRun, Reason
from cases.playbook_values import HIDDEN
from cases.playbook_versions import draft, publish_ready_made
from cases.playbooks import ACTIONS
from tests.cases.rotas import policy
from tests.cases.walks import ESCALATED, HAPPY, in_order, step_on, steps_of, walked
from tests.factories import (
    CaseFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    UserFactory,
    patient_user,
)

pytestmark = pytest.mark.django_db

FIFTEEN = {
    "order-status",
    "delivery-scheduling",
    "device-troubleshooting",
    "replacement-part",
    "consumable-resupply",
    "warranty-claim",
    "return",
    "refund-status",
    "insurance-verification",
    "prior-authorization",
    "billing-dispute",
    "appeal",
    "clinical-triage",
    "account-change",
    "complaint",
}
WRITTEN = {one["code"]: one for one in defaults.written()}
CONTENTS = {code: playbook_content.read(one["content"]) for code, one in WRITTEN.items()}


@pytest.fixture
def desk(db: None) -> None:
    """Somebody to escalate to in each lane, and a reason in each family."""
    for lane in ("specialist", "clinical", "manager"):
        policy(lane, None, {"who": "supervisors"})
    UserFactory(roles=["supervisor"])
    for family in ("billing", "delivery", "warranty"):
        ReasonFactory(family=family)


def test_they_are_the_fifteen() -> None:
    assert set(WRITTEN) == FIFTEEN


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_each_is_sound(code: str) -> None:
    assert [str(problem) for problem in playbook_checks.of(WRITTEN[code]["content"])] == []


@pytest.fixture
def agent(desk: None) -> Any:
    return UserFactory(roles=["agent"])


@pytest.fixture
def case(agent: Any) -> Case:
    patient = PatientFactory(user=patient_user())
    order = OrderFactory(patient=patient)
    return CaseFactory(patient=patient, order=order, channel="phone", owner=agent)


def begun(agent: Any, case: Case, code: str) -> PlaybookRun:
    one = WRITTEN[code]
    playbook = Playbook.objects.create(code=code, title=one["title"])
    publish_ready_made(playbook, one["content"])
    return playbooks.start(agent, case=case, playbook=playbook)


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_its_happy_way_ends_with_what_it_set_going(agent: Any, case: Case, code: str) -> None:
    run = walked(agent, begun(agent, case, code), HAPPY[code])
    content, steps = steps_of(run)
    assert run.state == "done"
    assert in_order(HAPPY[code].through, run.path)
    set_going = [step for step in steps if step.action and ACTIONS[step.action].run]
    by_rule = {"wait_on_customer", "register_complaint"}
    handed_on = [step for step in set_going if step.action not in by_rule]
    assert case.children.count() == len(handed_on)
    assert set(run.acted) >= {step.code for step in set_going}
    asked = {name for step in steps for name in step.fields if content.fields[name].required}
    assert asked <= {name for name, value in run.collected.items() if value}


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_what_is_phi_stays_hidden_in_what_is_handed_on(agent: Any, case: Case, code: str) -> None:
    """R-CASE-3: who takes a case handed on has verified nobody; the run keeps the values, by level."""
    walked(agent, begun(agent, case, code), HAPPY[code])
    labels = {field.label for field in CONTENTS[code].fields.values() if field.phi}
    notes = Message.objects.filter(conversation__case__in=case.children.all(), kind="note")
    assert len(notes) == case.children.count()
    for note in notes:
        lines = [line for line in note.body.splitlines() if line.split(":")[0] in labels]
        assert {line.split(": ")[1] for line in lines} <= {HIDDEN}
        assert not lines or case.number in note.body


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_who_is_not_verified_is_helped_and_nothing_is_opened(agent: Any, case: Case, code: str) -> None:
    """R-CASE-3: on the way of somebody who failed, no step is for verified callers."""
    run = walked(agent, begun(agent, case, code), HAPPY[code], verified=False)
    _content, steps = steps_of(run)
    assert run.state == "done"
    assert "failed" in run.taken.values_list("outcome", flat=True)
    assert [step.code for step in steps if step.level and step.kind != "verify"] == []


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_its_escalation_calls_somebody(agent: Any, case: Case, code: str) -> None:
    """R-SLA-2, R-SLA-3: the way on which somebody is called really calls them, and says what is felt."""
    run = walked(agent, begun(agent, case, code), ESCALATED[code])
    _content, steps = steps_of(run)
    lanes = {step.lane for step in steps if step.kind == "escalate"}
    made = Escalation.objects.filter(case=case)
    assert lanes
    assert in_order(ESCALATED[code].through, run.path)
    assert {one.lane for one in made} == lanes
    assert all(one.symptoms for one in made if one.lane == "clinical")


def test_its_symptoms_reach_whoever_was_called_before(agent: Any, case: Case) -> None:
    """R-SLA-3: an escalation that runs already is told of them, once."""
    said = {"lane": "clinical", "why": "They rang", "symptoms": "Felt dizzy"}
    made = escalation.escalate(agent, case=case, **said)
    first = walked(agent, begun(agent, case, "clinical-triage"), ESCALATED["clinical-triage"])
    walked(agent, playbooks.start(agent, case=case, playbook=first.playbook), ESCALATED["clinical-triage"])
    made.refresh_from_db()
    assert made.symptoms.startswith("Felt dizzy\n")
    assert len(made.symptoms.splitlines()) == 2


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_it_resumes_after_days_with_somebody_else(agent: Any, case: Case, code: str) -> None:
    run = step_on(agent, step_on(agent, begun(agent, case, code), HAPPY[code]), HAPPY[code])
    stood, collected = run.at_step, run.collected
    other = UserFactory(roles=["agent"])
    with time_machine.travel(timezone.now() + timedelta(days=5), tick=True):
        (found,) = playbooks.standing(case)
        found = playbooks.take_over(other, run=found, revision=found.revision)
        assert (found.at_step, found.collected, found.agent) == (stood, collected, other)
        ended = walked(other, found, HAPPY[code])
    assert ended.state == "done"
    assert ended.version_id == run.version_id
    assert in_order(HAPPY[code].through, ended.path)


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_what_leaves_the_house_tells_nothing(code: str) -> None:
    """R-SHIP-3: text messages and e-mail of every step name neither items nor illness."""
    content = CONTENTS[code]
    said = [
        content.script(step, channel, language)
        for step in content.steps.values()
        for channel in ("sms", "email")
        for language in ("en", "es")
    ]
    assert any(said)
    assert [words for words in said if outside.found_in(words)] == []


@pytest.mark.parametrize("code", sorted(FIFTEEN))
def test_every_word_stands_in_both_languages(code: str) -> None:
    content = CONTENTS[code]
    for step in content.steps.values():
        for channel in playbook_content.CHANNELS:
            english, spanish = (content.script(step, channel, language) for language in ("en", "es"))
            assert bool(english) == bool(spanish) == (step.kind in playbook_content.SPOKEN)
            assert not english or english != spanish


def test_they_are_installed_once_and_offered_on_their_reasons_first(agent: Any, case: Case) -> None:
    reasons.install()
    assert defaults.install() == len(FIFTEEN)
    for code, one in WRITTEN.items():
        assert Reason.objects.filter(code__in=one["reasons"]).count() == len(one["reasons"])
        case.reason = Reason.objects.get(code=one["reasons"][0])
        assert playbooks.offered(agent, case)[0].code == code
    Playbook.objects.filter(code="appeal").update(title="Our own words")
    assert defaults.install() == 0
    assert Playbook.objects.get(code="appeal").title == "Our own words"


def test_what_is_new_comes_into_force_where_nobody_wrote_on_it(agent: Any) -> None:
    """A supplier's own words stay; what came with the product follows it, as a version of its own."""
    older = copy.deepcopy({code: WRITTEN[code]["content"] for code in ("order-status", "appeal")})
    made = {code: Playbook.objects.create(code=code, title=code) for code in older}
    for code, content in older.items():
        content["purpose"] += " As it was."
        publish_ready_made(made[code], content)
    draft(UserFactory(roles=["supervisor"]), playbook=made["appeal"])
    assert defaults.install() == len(FIFTEEN) - 1
    assert [made[code].versions.count() for code in ("order-status", "appeal")] == [2, 2]
    held = playbooks.in_force(made["order-status"])
    assert held is not None
    assert playbook_content.read(held.content).purpose == CONTENTS["order-status"].purpose
    assert defaults.install() == 0


def test_whether_there_is_an_order_of_a_number_is_told_to_the_identified_alone() -> None:
    """R-CASE-3: an order number is one of two things that identify; no step is a way to try them."""
    asked = [
        (code, step.code, step.level)
        for code, content in CONTENTS.items()
        for step in content.steps.values()
        if any(content.fields[name].type == "order" for name in step.fields)
    ]
    assert asked
    assert [one for one in asked if one[2] < 1] == []


@pytest.mark.parametrize(("code", "told"), [
    ("insurance-verification", {"good"}),
    ("prior-authorization", {"waiting", "late_said", "not_needed", "approved", "denied", "papers", "chased"}),
])  # fmt: skip
def test_what_a_plan_answered_is_said_at_level_two_alone(
    agent: Any, case: Case, code: str, told: set[str]
) -> None:
    """R-CASE-3: insurance detail takes a proof; whoever has none is sent to the portal, and still helped."""
    assert {CONTENTS[code].steps[one].level for one in told} == {2}
    run, way = begun(agent, case, code), HAPPY[code]
    while run.at_step != "prove":
        run = step_on(agent, run, way)
    run = step_on(agent, run, way, verified=False)
    assert run.at_step == "in_portal"
    assert walked(agent, run, way).state == "done"
