"""What stands beside a case, to whom, and what of it is masked."""

import pytest
from django.core.exceptions import PermissionDenied

from agents import context
from cases.models import Case
from portal.models import AccessEntry, User
from tests.factories import (
    CaseFactory,
    CoverageFactory,
    DocumentFactory,
    OrderFactory,
    OrderMilestoneFactory,
    PatientFactory,
    UserFactory,
    caregiver_of,
)

pytestmark = pytest.mark.django_db


def shown(actor: User, case: Case) -> dict[str, object]:
    panels = [*context.beside(actor, case, first=True), *context.beside(actor, case, first=False)]
    return {one.panel.code: one.content for one in panels}


@pytest.mark.parametrize(
    ("role", "hidden"), [("agent", set()), ("clinician", {"coverage"}), ("auditor", set())]
)
def test_each_sees_the_panels_of_their_role(role: str, hidden: set[str]) -> None:
    assert (
        set(shown(UserFactory(roles=[role]), CaseFactory()))
        == {panel.code for panel in context.PANELS} - hidden
    )


def test_nobody_else_sees_any() -> None:
    for role in ("warehouse", "technician", "qa", "coach", "administrator"):
        with pytest.raises(PermissionDenied):
            context.beside(UserFactory(roles=[role]), CaseFactory(), first=True)


def test_the_order_a_case_is_about_comes_first() -> None:
    patient = PatientFactory()
    asked, *_ = orders = [OrderFactory(patient=patient) for _ in range(5)]
    OrderMilestoneFactory(order=asked, state="now", owner="Dr Lee")
    OrderFactory()
    [(first, steps, parcel), *others] = shown(
        UserFactory(roles=["agent"]), CaseFactory(patient=patient, order=asked)
    )["orders"]
    assert first == asked
    assert "Dr Lee" in steps[0].sentence
    assert parcel is None
    assert [order for order, *_ in others] == [orders[4], orders[3]]


def test_only_this_patients_things_are_beside_a_case() -> None:
    case = CaseFactory()
    OrderFactory()
    DocumentFactory()
    CoverageFactory()
    CaseFactory()
    beside = shown(UserFactory(roles=["agent"]), case)
    assert not any(beside[code] for code in ("orders", "documents", "coverage", "devices", "earlier"))


def test_a_caregiver_is_named_with_what_they_may_discuss() -> None:
    case = CaseFactory()
    caregiver = caregiver_of(case.patient, "deliveries")
    caregiver_of(case.patient, "billing", revoked_at=caregiver.invited_at)
    assert shown(UserFactory(roles=["agent"]), case)["patient"].caregivers == [caregiver]


def test_a_log_tells_who_opened_the_record() -> None:
    case = CaseFactory()
    first, second = UserFactory(roles=["agent"]), UserFactory(roles=["agent"])
    shown(first, case)
    seen_by = {entry.actor for entry in shown(second, case)["log"]}
    assert AccessEntry.objects.filter(subjects__contains=[case.patient_id]).exists()
    assert len(seen_by) >= 1


def test_unmasking_takes_the_permission() -> None:
    case = CaseFactory()
    CoverageFactory(patient=case.patient, member_id="W1")
    patient, coverages = context.unmask(UserFactory(roles=["billing"]), case)
    assert (patient, [one.member_id for one in coverages]) == (case.patient, ["W1"])
    assert context.unmask(UserFactory(roles=["clinician"]), case)[1] == []
    for role in ("qa", "coach", "warehouse"):
        with pytest.raises(PermissionDenied):
            context.unmask(UserFactory(roles=[role]), case)
