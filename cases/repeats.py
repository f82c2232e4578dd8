"""Contacts that come again: the closed case behind a new one, and the open case it would be a double of."""

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from cases.models import Case, CaseRules
from portal.access import require

MOST = 5


def of(case: Case) -> Case | None:
    """The case whose matter came back with this one: same patient, same group of reasons, closed shortly before."""
    if case.patient_id is None or case.reason is None:
        return None
    since = case.opened_at - timedelta(days=CaseRules.now().repeat_days)
    closed = Case.objects.filter(
        patient=case.patient_id,
        reason__family=case.reason.family,
        state="closed",
        merged_into=None,
        closed_at__range=(since, case.opened_at),
    )
    found: Case | None = closed.exclude(pk=case.pk).order_by("-closed_at", "-pk").first()
    return found


def is_past_reopening(case: Case) -> bool:
    """Whether a closed case has been so for longer than a customer's message would open it again."""
    window = timedelta(days=CaseRules.now().reopen_days)
    return case.closed_at is not None and case.closed_at + window < timezone.now()


def duplicates(actor: Any, case: Case) -> list[Case]:
    """Open cases that may be the same matter: same patient, and the same reason or order. Newest first.

    The caller reached ``case`` for the actor.
    """
    require(actor, "cases.view")
    same = _same_matter(case)
    if case.patient_id is None or not same or case.state == "closed":
        return []
    others: QuerySet[Case] = Case.objects.visible_to(actor).filter(
        ~Q(state="closed"), same, patient=case.patient_id
    )
    return list(
        others.exclude(pk=case.pk).select_related("reason").order_by("-last_contact_at", "-pk")[:MOST]
    )


def _same_matter(case: Case) -> Q:
    """Nothing to compare by gives an empty Q."""
    same = Q()
    if case.reason_id:
        same |= Q(reason=case.reason_id)
    if case.order_id:
        same |= Q(order=case.order_id)
    return same
