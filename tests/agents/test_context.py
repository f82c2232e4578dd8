"""What stands beside a case, to whom, and what of it is masked."""

import pytest
from django.core.exceptions import PermissionDenied

from agents import context
from cases.models import Case
from portal.models import AccessEntry, User
from portal.verification import NotVerified
from tests.factories import (
    CaseFactory,
    CoverageFactory,
    DocumentFactory,
    OrderFactory,
    OrderMilestoneFactory,
    PatientFactory,
    UserFactory,
    caregiver_of,
    verified,
)

pytestmark = pytest.mark.django_db


def shown(actor: User, case: Case) -> dict[str, object]:
    panels = [panel for turn in range(3) for panel in context.beside(actor, case, turn=turn)]
    return {one.panel.code: one.content for one in panels if not one.closed}


def opened_case(actor: User, level: int = 2, **kwargs: object) -> Case:
    """A case whose caller this actor has verified."""
    case = CaseFactory(**kwargs)
    verified(actor, case, level)
    return case


@pytest.mark.parametrize(
    ("role", "hidden"), [("agent", set()), ("clinician", {"coverage"}), ("auditor", set())]
)
def test_each_sees_the_panels_of_their_role(role: str, hidden: set[str]) -> None:
    actor = UserFactory(roles=[role])
    turns = (context.FIRST, context.MORE, context.REST)
    beside = [panel for turn in turns for panel in context.beside(actor, opened_case(actor), turn=turn)]
    allowed = {panel.code for panel in context.PANELS} - hidden
    assert {one.panel.code for one in beside} <= allowed
    assert {"verification", "patient", "orders", "coverage", "documents", "log"} - hidden <= {
        one.panel.code for one in beside
    }
    assert not any(one.closed for one in beside)


def test_nobody_else_sees_any() -> None:
    for role in ("warehouse", "technician", "qa", "coach", "administrator"):
        with pytest.raises(PermissionDenied):
            context.beside(UserFactory(roles=[role]), CaseFactory(), turn=context.FIRST)


def test_the_order_a_case_is_about_comes_first() -> None:
    patient = PatientFactory()
    asked, *_ = orders = [OrderFactory(patient=patient) for _ in range(5)]
    OrderMilestoneFactory(order=asked, state="now", owner="Dr Lee")
    OrderFactory()
    agent = UserFactory(roles=["agent"])
    case = opened_case(agent, level=1, patient=patient, order=asked)
    [(first, steps, parcel), *others] = shown(agent, case)["orders"]
    assert first == asked
    assert "Dr Lee" in steps[0].sentence
    assert parcel is None
    assert [order for order, *_ in others] == [orders[4], orders[3]]


def test_only_this_patients_things_are_beside_a_case() -> None:
    agent = UserFactory(roles=["agent"])
    case = opened_case(agent)
    OrderFactory()
    DocumentFactory()
    CoverageFactory()
    CaseFactory()
    beside = shown(agent, case)
    assert not any(beside[code] for code in ("orders", "documents", "coverage", "devices", "earlier"))


def test_a_caregiver_is_named_with_what_they_may_discuss() -> None:
    agent, case = UserFactory(roles=["agent"]), CaseFactory()
    caregiver = caregiver_of(case.patient, "deliveries")
    caregiver_of(case.patient, "billing", revoked_at=caregiver.invited_at)
    assert shown(agent, case)["patient"].caregivers == [(caregiver, "C•••• H••••")]
    verified(agent, case, level=1)
    assert shown(agent, case)["patient"].caregivers == [(caregiver, "Casey Helper")]


def test_a_log_tells_who_opened_the_record() -> None:
    case = CaseFactory()
    first, second = UserFactory(roles=["agent"]), UserFactory(roles=["agent"])
    shown(first, case)
    seen_by = {entry.actor for entry in shown(second, case)["log"]}
    assert AccessEntry.objects.filter(subjects__contains=[case.patient_id]).exists()
    assert len(seen_by) >= 1


def test_unmasking_takes_the_permission_and_what_the_level_opens() -> None:
    """R-CASE-3: at level 1 nothing is unmasked, whoever asks."""
    case = CaseFactory()
    CoverageFactory(patient=case.patient, member_id="W1")
    biller, clinician = UserFactory(roles=["billing"]), UserFactory(roles=["clinician"])
    for level in (0, 1):
        if level:
            verified(biller, case, level)
        with pytest.raises(NotVerified):
            context.unmask(biller, case)
    verified(biller, case)
    verified(clinician, case)
    plain = context.unmask(biller, case)
    assert (plain.fields, [one.member_id for one in plain.coverages]) == (set(context.MASKED), ["W1"])
    assert context.unmask(clinician, case).coverages == []
    for role in ("qa", "coach", "warehouse"):
        with pytest.raises(PermissionDenied):
            context.unmask(UserFactory(roles=[role]), case)
