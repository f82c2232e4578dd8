"""Walking a playbook in tests: what is answered to each field on each way, and the walker that goes it."""

from dataclasses import dataclass, field
from typing import Any

from cases import playbook_content, playbooks
from cases.models import PlaybookRun
from cases.playbook_content import Content, Field, Step
from config.business_day import business_day
from portal import verification


@dataclass(frozen=True)
class Way:
    """``says`` are answers by field, ``through`` the steps it must pass, in this order."""

    says: dict[str, str] = field(default_factory=dict)
    through: tuple[str, ...] = ()


YES, NO = "yes", "no"
HAPPY: dict[str, Way] = {
    "order-status": Way({"stage": "shipped"}, ("identify", "which", "on_its_way")),
    "delivery-scheduling": Way(
        {"kind": "setup", "stairs": "2", "fee_agreed": YES}, ("when", "fee_step", "book", "confirm")
    ),
    "device-troubleshooting": Way({"fixed": YES, "backup": YES}, ("safe", "what", "basic", "works", "good")),
    "replacement-part": Way({"why": "missing", "usable": YES}, ("which", "ours", "send", "when")),
    "consumable-resupply": Way(
        {"last": "2026-01-05", "days": "90", "wants": YES, "using": YES, "same_plan": YES},
        ("use", "before", "items_step", "order", "thanks"),
    ),
    "warranty-claim": Way(
        {"evidence": YES, "form": YES, "term": "2"}, ("what", "kind", "proof", "claim", "promise")
    ),
    "return": Way(
        {"kind": "device", "agrees": YES, "window": "60"},
        ("what", "terms", "deduct", "collect", "rma", "promise"),
    ),
    "refund-status": Way({"stage": "approved"}, ("where", "in_time")),
    "insurance-verification": Way(
        {"card": YES, "answer": "active"}, ("card", "verify", "answer_step", "prove", "good")
    ),
    "prior-authorization": Way({"stage": "to_ask"}, ("which", "prove", "where", "request", "requested")),
    "billing-dispute": Way({"finding": "right"}, ("what", "prove", "lines", "right", "settled")),
    "appeal": Way(
        {"why": "need", "letter": YES, "signed": YES, "notice": "today"},
        ("prove", "what", "evidence", "prepare", "specialist", "promise"),
    ),
    "clinical-triage": Way(
        {"routine": YES}, ("danger_step", "listen", "reach", "identify", "detail", "after")
    ),
    "account-change": Way({"what": "address"}, ("which", "prove", "new", "under_way", "change", "done")),
    "complaint": Way({"about": "delivery"}, ("hear", "wish_step", "identify", "register", "promise")),
}
# The way on which somebody has to be called, and the escalation step on it.
ESCALATED: dict[str, Way] = {
    "order-status": Way({"stage": "shipped", "runs_out": YES}, ("urgent", "stay_safe")),
    "delivery-scheduling": Way({"kind": "setup", "life_support": YES}, ("no_wait", "bridge")),
    "device-troubleshooting": Way({"unwell": YES}, ("danger", "stay")),
    "replacement-part": Way({"usable": NO}, ("bridge", "until_then", "send")),
    "consumable-resupply": Way({"using": NO}, ("stopped", "therapy")),
    "warranty-claim": Way({"unsafe": YES, "evidence": YES, "form": YES}, ("need_now", "loan", "claim")),
    "return": Way({"kind": "rented"}, ("rented", "pickup_book", "pickup_said")),
    "refund-status": Way({"stage": "approved", "approved": "2026-01-05"}, ("overdue", "promise")),
    "insurance-verification": Way({"card": YES, "answer": "not_found"}, ("bad", "bad_said")),
    "prior-authorization": Way({"urgent": YES, "stage": "asked"}, ("expedite", "expedited", "request")),
    "billing-dispute": Way({"finding": "unclear"}, ("look", "look_said")),
    "appeal": Way(
        {"urgent": YES, "letter": YES, "signed": YES, "why": "need"}, ("clinician", "bridge", "prepare")
    ),
    "clinical-triage": Way({"danger": YES}, ("nine_one_one", "on_the_line")),
    "account-change": Way({"wary": YES}, ("doubt", "doubt_said")),
    "complaint": Way({"harmed": YES}, ("clinician", "care", "register")),
}


def answer_to(field: Field, way: Way, order: str) -> str:
    """What the way says, or something that a field of this type takes."""
    today = business_day().isoformat()
    if field.name in way.says:
        return today if way.says[field.name] == "today" else way.says[field.name]
    plain = {
        "phone": "512 555 0143",
        "order": order,
        "yesno": NO,
        "date": today,
        "money": "10",
        "number": "1",
    }
    if field.type == "choice":
        return field.choices[0][0]
    if field.name == "symptoms":
        return "Short of breath since breakfast"
    return "" if not field.required else plain.get(field.type, "As they said it")


def verify(agent: Any, run: PlaybookRun, level: int) -> None:
    """Bring the caller to a level the way a caller gets there."""
    patient, purpose = run.case.patient, f"case:{run.case_id}"
    given = {"birth_date": patient.birth_date.isoformat(), "last4": patient.ssn_last4}
    assert verification.attempt(agent, patient=patient, purpose=purpose, given=given).passed
    if level == 2:
        code = verification.issue_portal_code(patient.user, patient=patient).code
        assert verification.check_portal_code(agent, patient=patient, purpose=purpose, code=code).passed


def step_on(agent: Any, run: PlaybookRun, way: Way, *, verified: bool = True) -> PlaybookRun:
    """Answer the step at hand. Somebody who can't be ``verified`` takes the other way of every verification."""
    content = playbooks.content_of(run)
    step = content.steps[run.at_step]
    if step.kind == "verify" and not verified:
        return playbooks.answer(agent, run=run, revision=run.revision, failed=True)
    if playbooks.level_of(agent, run) < step.level:
        verify(agent, run, step.level)
    order = run.case.order.number if run.case.order else ""
    values = {name: answer_to(content.fields[name], way, order) for name in step.fields}
    return playbooks.answer(agent, run=run, revision=run.revision, values=values)


def walked(agent: Any, run: PlaybookRun, way: Way, *, verified: bool = True) -> PlaybookRun:
    """The run at its end."""
    for _ in range(60):
        if run.state != "running":
            return run
        run = step_on(agent, run, way, verified=verified)
    raise AssertionError(f"{run.playbook.code} did not end: {run.path}")


def steps_of(run: PlaybookRun) -> tuple[Content, list[Step]]:
    content = playbook_content.read(run.version.content)
    return content, [content.steps[code] for code in run.path]


def in_order(codes: tuple[str, ...], path: list[str]) -> bool:
    """Whether ``codes`` all stand in ``path``, one after another."""
    left = iter(path)
    return all(code in left for code in codes)
