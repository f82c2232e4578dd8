"""We get in touch first: a case for each of many patients under one parent, by a few statements for all."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from cases import live, numbers, sla
from cases.models import Case, CaseEvent
from portal.access import require
from portal.models import Patient, User

AT_ONCE = 500


def open_under(actor: Any, *, parent: Case, patients: Iterable[int]) -> list[Case]:
    """A new case of the parent's matter for each patient (ids), its clocks started. The caller tells of the parent.

    Nobody came back to us with it, so none is a repeat; and nothing stands under a case that is new, so no ring
    can close and the lock under which parents are given is not taken.
    """
    require(actor, "cases.work", parent)
    whose = Patient.objects.visible_to(actor).filter(pk__in=list(patients)).order_by("pk")
    wanted = list(whose.values_list("pk", flat=True))
    made: list[Case] = []
    with transaction.atomic():
        for start in range(0, len(wanted), AT_ONCE):
            made += _opened(actor, parent, wanted[start : start + AT_ONCE])
    return made


def _opened(actor: Any, parent: Case, patients: list[int]) -> list[Case]:
    rows = Case.objects.bulk_create(_new(parent, patient) for patient in patients)
    linked = {"kind": "parent", "to": parent.number}
    CaseEvent.objects.bulk_create(
        _event(actor, row, kind, detail)
        for row in rows
        for kind, detail in (("opened", {"channel": row.channel}), ("linked", linked))
    )
    sla.opened(rows, actor=actor)
    transaction.on_commit(lambda: live.cases_opened([row.pk for row in rows]))
    return list(rows)


def _new(parent: Case, patient: int) -> Case:
    return Case(
        number=numbers.next_case_number(),
        channel=parent.channel,
        patient_id=patient,
        subject=parent.subject,
        reason=parent.reason,
        team=parent.team,
        priority=parent.priority,
        parent=parent,
    )


def _event(actor: Any, case: Case, kind: str, detail: dict[str, Any]) -> CaseEvent:
    made = CaseEvent(case=case, kind=kind, detail=detail)
    if isinstance(actor, User):
        made.actor = actor
    else:
        made.actor_name = getattr(actor, "name", "")[:40]
    return made
