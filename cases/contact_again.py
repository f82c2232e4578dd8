"""Closed cases whose customer was promised a day on which we get in touch again: on it they are taken up (R-CASE-1)."""

from django.db import transaction

from cases import cases, clock_alarms, telling
from cases.models import Case
from config.business_day import business_day
from portal.access import System

TAKER = System("next contact")
AT_ONCE = 200


def due() -> list[int]:
    """Cases whose day has come, the longest past first."""
    promised = Case.objects.filter(state="closed", next_contact_on__lte=business_day(), merged_into=None)
    return list(promised.order_by("next_contact_on", "pk").values_list("pk", flat=True)[:AT_ONCE])


def take_up(case_id: int) -> bool:
    """Open a case again and tell its owner, or those who lead where it has none; a second run finds it open."""
    with transaction.atomic():
        case = cases.locked_together([case_id])[case_id]
        if case.state != "closed" or case.next_contact_on is None or case.next_contact_on > business_day():
            return False
        case = cases.reopen(TAKER, case=case)
        told = [case.owner_id] if case.owner_id else clock_alarms.leads_of(case)
        telling.tell(told, case_id=case.pk, kind="next_contact")
    return True
