"""The taxonomy a supplier begins with, and what reasons ask of a case that closes (R-CASE-1, R-CASE-2)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from cases import bulk, cases, kin, tags
from cases.defaults import reasons
from cases.models import Case, CaseEvent, CaseRules, CloseRule, Reason, Tag, Team
from config.business_day import business_day
from portal.models import User
from tests.factories import CaseFactory, OrderFactory, PatientFactory, ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db
PLAYBOOKS = {
    *("order_status", "delivery_scheduling", "device_troubleshooting", "replacement_part"),
    *("consumable_resupply", "warranty_claim", "return", "refund_status", "insurance_verification"),
    *("prior_authorization", "billing_dispute", "appeal", "clinical_triage", "address_change", "complaint"),
}
ENDING: dict[str, Any] = {"disposition": "answered", "next_step": "Nothing is left."}


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def test_the_defaults_cover_the_playbooks_and_the_lanes() -> None:
    assert reasons.install() > 30
    codes = set(Reason.objects.values_list("code", flat=True))
    assert codes >= PLAYBOOKS | {"equipment_down", "prescriber"}
    assert set(Reason.objects.values_list("family", flat=True)) == {
        "billing",
        "delivery",
        "warranty",
        "clinical",
    }
    lanes = dict(Reason.objects.exclude(lane="").values_list("code", "lane"))
    assert (lanes["equipment_down"], lanes["clinical_triage"]) == ("equipment_down", "clinical")
    assert all(reason.customer_label_es for reason in Reason.objects.all())


def test_installing_again_changes_nothing_that_somebody_changed() -> None:
    reasons.install()
    Reason.objects.filter(code="return").update(label="Send back", team=Team.objects.get(code="front"))
    Tag.objects.filter(name="recall").update(active=False)
    assert reasons.install() == 0
    changed = Reason.objects.get(code="return")
    assert (changed.label, changed.team and changed.team.code) == ("Send back", "front")


def test_an_urgent_reason_makes_its_case_urgent(agent: User) -> None:
    down = ReasonFactory(lane="equipment_down", priority=1)
    assert cases.change(agent, case=CaseFactory(), reason=down).priority == 1
    assert cases.change(agent, case=CaseFactory(), reason=down, priority=2).priority == 2
    assert cases.change(agent, case=CaseFactory(), reason=ReasonFactory(priority=1)).priority == 3


# --- the gate ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asks", "given"),
    [
        ("next_contact", {"next_contact": business_day() + timedelta(days=7)}),
        ("order", None),
        ("product_line", None),
        ("patient", None),
    ],
)
def test_a_reason_can_ask_for_more_before_its_cases_close(
    agent: User, asks: str, given: dict[str, Any] | None
) -> None:
    reason = ReasonFactory()
    CloseRule.objects.create(reason=reason, asks=asks)
    case = CaseFactory(patient=None, reason=reason)
    with pytest.raises(ValidationError) as refused:
        cases.close(agent, case=case, **ENDING)
    assert set(refused.value.message_dict) == {asks}
    if given is None:
        order = OrderFactory()
        Case.objects.filter(pk=case.pk).update(order=order, patient=order.patient, product_line="cpap")
    ended = cases.close(agent, case=case, **ENDING, **(given or {}))
    assert ended.state == "closed"
    assert ended.next_contact_on == (given or {}).get("next_contact")


def test_the_gate_says_all_that_is_missing_at_once(agent: User) -> None:
    with pytest.raises(ValidationError) as refused:
        cases.close(
            agent, case=CaseFactory(), disposition="", next_step=" ",
            next_contact=business_day() - timedelta(days=1),
        )  # fmt: skip
    assert set(refused.value.message_dict) == {"disposition", "next_step", "reason", "next_contact"}


def test_a_closed_case_is_not_closed_again(agent: User) -> None:
    case = CaseFactory(reason=ReasonFactory())
    cases.close(agent, case=case, **ENDING)
    with pytest.raises(ValidationError, match="closed already"):
        cases.close(agent, case=case, **ENDING)


# --- parents and links -------------------------------------------------------------------------------
def family(agent: User) -> tuple[Case, Case]:
    parent = CaseFactory(reason=ReasonFactory())
    child = kin.set_parent(agent, case=CaseFactory(patient=parent.patient), parent=parent)
    return parent, child


def test_a_parent_closes_when_somebody_said_what_becomes_of_its_children(agent: User) -> None:
    parent, child = family(agent)
    with pytest.raises(ValidationError, match="open case stands under"):
        cases.close(agent, case=parent, **ENDING)
    cases.close(agent, case=parent, **ENDING, children="leave")
    child.refresh_from_db()
    assert child.state == "new"


def test_a_parent_can_take_its_children_along(agent: User) -> None:
    parent, child = family(agent)
    cases.close(agent, case=parent, **ENDING, children="close")
    child.refresh_from_db()
    assert (child.state, child.reason) == ("closed", parent.reason)


def test_a_child_that_can_not_close_keeps_its_parent_open(agent: User) -> None:
    parent, child = family(agent)
    own = ReasonFactory()
    CloseRule.objects.create(reason=own, asks="order")
    Case.objects.filter(pk=child.pk).update(reason=own)
    with pytest.raises(ValidationError, match=child.number):
        cases.close(agent, case=parent, **ENDING, children="close")
    parent.refresh_from_db()
    assert parent.state == "new"


def test_parents_never_go_round_in_a_circle(agent: User) -> None:
    parent, child = family(agent)
    grandchild = kin.set_parent(agent, case=CaseFactory(patient=parent.patient), parent=child)
    for under, words in ((grandchild, "circle"), (child, "circle"), (parent, "under itself")):
        with pytest.raises(ValidationError, match=words):
            kin.set_parent(agent, case=parent, parent=under)
    with pytest.raises(ValidationError, match="another patient"):
        kin.set_parent(agent, case=CaseFactory(), parent=parent)
    assert kin.set_parent(agent, case=CaseFactory(), parent=CaseFactory(patient=None)).parent is not None
    assert kin.set_parent(agent, case=child, parent=None).parent is None
    parent.refresh_from_db()
    assert parent.parent is None


def test_links_are_said_once_and_can_be_taken_back(agent: User) -> None:
    one, other = CaseFactory(), CaseFactory()
    tie = kin.link(agent, case=one, other=other, kind="caused")
    assert kin.link(agent, case=one, other=other, kind="caused") == tie
    with pytest.raises(ValidationError, match="itself"):
        kin.link(agent, case=one, other=one)
    with pytest.raises(ValidationError, match="how"):
        kin.link(agent, case=one, other=other, kind="cousin")
    kin.unlink(agent, tie=tie)
    assert not one.links.exists()
    assert CaseEvent.objects.filter(case=one, kind="linked").count() == 2


# --- waiting -----------------------------------------------------------------------------------------
def test_a_case_waits_for_others_without_resting(agent: User) -> None:
    """Only a customer's answer is waited for in peace: prescribers, carriers and payers are chased."""
    case = cases.wait(agent, case=CaseFactory(state="open"), on="prescriber")
    assert (case.state, case.waiting_on) == ("open", "prescriber")
    case = cases.wait(agent, case=case)
    assert (case.state, case.waiting_on) == ("waiting", "customer")
    with pytest.raises(ValidationError, match="who"):
        cases.wait(agent, case=case, on="godot")


# --- many at once ------------------------------------------------------------------------------------
def test_a_bulk_act_says_for_each_case_what_became_of_it(agent: User) -> None:
    Tag.objects.create(name="recall")
    good, unsaid = CaseFactory(reason=ReasonFactory()), CaseFactory()
    done = bulk.each(
        agent,
        numbers=[good.number, unsaid.number, "C-0", good.number],
        act=lambda case: cases.close(agent, case=case, **ENDING),
    )
    assert [(one.number, one.done) for one in done] == [
        (good.number, True), (unsaid.number, False), ("C-0", False),
    ]  # fmt: skip
    assert "what it was about" in done[1].words
    unsaid.refresh_from_db()
    assert unsaid.state == "new"
    tagged = bulk.each(
        agent, numbers=[unsaid.number], act=lambda case: tags.add_tags(agent, case=case, tags=["recall"])
    )
    assert tagged[0].done


def test_a_bulk_act_goes_up_to_its_limit(agent: User) -> None:
    CaseRules.objects.create(pk=1, bulk_most=2)
    patient = PatientFactory()
    numbers = [case.number for case in CaseFactory.create_batch(3, patient=patient)]
    with pytest.raises(ValidationError, match="at most 2"):
        bulk.each(agent, numbers=numbers, act=lambda case: cases.release(agent, case=case))
    with pytest.raises(ValidationError, match="at least one"):
        bulk.each(agent, numbers=[" "], act=lambda case: None)
    assert not CaseEvent.objects.exists()


def test_an_assignment_that_is_not_ones_to_make_is_refused_row_by_row(agent: User) -> None:
    case = CaseFactory()
    other = UserFactory(roles=["agent"])
    [row] = bulk.each(
        agent, numbers=[case.number], act=lambda found: cases.assign(agent, case=found, to=other)
    )
    assert (row.done, row.words) == (False, "This is not yours to do.")


# --- the workshop ------------------------------------------------------------------------------------
def test_supervisors_change_reasons_their_gate_and_the_windows(staff_client: Any) -> None:
    reason, client = ReasonFactory(), staff_client("supervisor")
    rows = {"close_rules-TOTAL_FORMS": "1", "close_rules-INITIAL_FORMS": "0", "close_rules-0-asks": "order"}
    kept = {
        name: getattr(reason, name)
        for name in ("code", "family", "label", "customer_label", "customer_label_es")
    }
    address = reverse("admin:cases_reason_change", args=[reason.pk])
    client.post(address, kept | rows | {"priority": "1", "lane": "equipment_down", "active": "on"})
    reason.refresh_from_db()
    assert (reason.priority, reason.lane, reason.close_rules.get().asks) == (1, "equipment_down", "order")
    add = reverse("admin:cases_caserules_add")
    figures = {"reopen_days": "10", "repeat_days": "14", "merge_undo_hours": "48", "bulk_most": "0"}
    assert "greater than or equal to 1" in client.post(add, figures).content.decode()
    client.post(add, figures | {"bulk_most": "50"})
    assert (CaseRules.now().reopen_days, CaseRules.now().bulk_most) == (10, 50)
    assert client.get(add).status_code == 403
