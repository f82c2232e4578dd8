"""What the portal announces and the conversations heed."""

from typing import Any

from django.dispatch import receiver

from cases import cases, chat_forms, escalation, lines, live, telling
from cases.models import Case, Clock
from cases.signals import case_changed, clock_breached
from portal import verification
from portal.access import FLOOR, System
from portal.models import EmergencyAccess, Order, User, Verification
from portal.signals import (
    circumstances_told,
    glass_broken,
    order_changed,
    records_merged,
    sessions_ended,
    tier_changed,
    verification_locked,
    verification_tried,
)

SETTLER = System("records")


@receiver(sessions_ended, dispatch_uid="cases: close sockets")
def close_sockets(session_ids: list[int], **_: Any) -> None:
    live.sessions_ended(session_ids)


@receiver(clock_breached, dispatch_uid="cases: climb")
def climb(case_id: int, clock_id: int, **_: Any) -> None:
    """A case that was promised something and forgotten goes up by itself."""
    kind = Clock.objects.filter(pk=clock_id, case=case_id).values_list("kind", flat=True).first()
    if kind:
        escalation.climb(case_id, clock=kind)


@receiver(case_changed, dispatch_uid="cases: stand down")
def stand_down(case_id: int, what: str, **_: Any) -> None:
    if what == "closed":
        escalation.case_closed(case_id)


@receiver(case_changed, dispatch_uid="cases: nobody stays verified")
def end_verifications(case_id: int, what: str, **_: Any) -> None:
    """Who comes back to a closed case is asked anew."""
    case = Case.objects.filter(pk=case_id).only("patient").first() if what == "closed" else None
    if case is not None and case.patient_id is not None:
        verification.matter_ended(patient_id=case.patient_id, purpose=f"case:{case_id}")


@receiver(verification_tried, dispatch_uid="cases: tell of verification")
def tell_of_verification(verification_id: int, purpose: str, **_: Any) -> None:
    """Into the line of time of the case it was tried on: whether it fitted and how, never what was said."""
    case = lines.case_of(purpose)
    row = Verification.objects.select_related("agent").filter(pk=verification_id).first()
    if case is not None and row is not None:
        detail = {"passed": row.passed, "level": row.level, "how": row.how}
        cases.record(row.agent or System("chat"), case, "verification", detail)


@receiver(verification_locked, dispatch_uid="cases: forget who was identified")
def forget_identified(patient_id: int, **_: Any) -> None:
    chat_forms.forget(patient_id)


@receiver(records_merged, dispatch_uid="cases: go by the record that is left")
def go_by_what_is_left(patient_ids: list[int], **_: Any) -> None:
    """Who was identified for one record was not for both; and the promises are those of its tier."""
    for patient_id in patient_ids:
        chat_forms.forget(patient_id)
        cases.promised_anew(SETTLER, patient_id=patient_id)


@receiver(tier_changed, dispatch_uid="cases: promise anew")
def promise_anew(patient_id: int, **_: Any) -> None:
    cases.promised_anew(SETTLER, patient_id=patient_id)


@receiver(order_changed, dispatch_uid="cases: promise anew by an order")
def promise_anew_by_order(order_id: int, **_: Any) -> None:
    """What keeps somebody alive was ordered, came, or was called off."""
    orders = Order.objects.filter(pk=order_id, lines__product__life_sustaining=True)
    for patient_id in orders.values_list("patient_id", flat=True).distinct():
        cases.promised_anew(SETTLER, patient_id=patient_id)


@receiver(glass_broken, dispatch_uid="cases: tell of an emergency")
def tell_of_emergency(access_id: int, purpose: str, **_: Any) -> None:
    case = lines.case_of(purpose)
    access = EmergencyAccess.objects.select_related("user").filter(pk=access_id).first()
    if case is not None and access is not None:
        cases.record(access.user, case, "glass_broken", {"until": access.until.isoformat()})


@receiver(circumstances_told, dispatch_uid="cases: tell of circumstances")
def tell_of_circumstances(purpose: str, what: str, by: int | None, **_: Any) -> None:
    """Into the line of time; of a death that nobody verified told of, those who decide on it hear."""
    case = lines.case_of(purpose)
    if case is None:
        return
    cases.record(
        User.objects.filter(pk=by).first() or System("record"), case, "changed", {"circumstance": what}
    )
    if what == "death_told":
        leads = User.objects.holding(FLOOR).values_list("pk", flat=True)
        telling.tell(leads, case_id=case.pk, kind="escalated", by=by)
