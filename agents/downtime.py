"""What the desk works from when the system is away, and whom to call first in a disaster: printed, on the trail."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from agents.rows import initials
from cases import rota as duty
from cases.models import Case, Rota
from config.security import audit
from portal.access import require
from portal.models import Device, Patient, User

MOST_CASES, MOST_PATIENTS = 200, 5_000


@dataclass(frozen=True)
class Line:
    """An open case as it stands on paper: no name, no word of what was said."""

    number: str
    initials: str
    channel: Any
    reason: str
    owner: str
    due_at: Any


@dataclass(frozen=True)
class Sheet:
    """``duty`` is (rota, names of who is on it now)."""

    made_at: Any
    duty: list[tuple[str, list[str]]]
    cases: list[Line]


def sheet(actor: User) -> Sheet:
    """Who is on duty and which promises run out first."""
    require(actor, "downtime.print")
    now = timezone.now()
    open_ones = Case.objects.visible_to(actor).exclude(state="closed").filter(next_due_at__isnull=False)
    slim = open_ones.select_related("patient", "reason", "owner").only(
        "number", "channel", "next_due_at", "guest_name", "reason__label", "owner__display_name",
        "patient__first_name", "patient__last_name",
    )  # fmt: skip
    found = list(slim.order_by("next_due_at", "pk")[:MOST_CASES])
    whose = {case.patient_id for case in found if case.patient_id}
    audit.event("print", subjects=whose, what="downtime sheet", fields=("initials",))
    return Sheet(now, _on_duty(now), [_line(case) for case in found])


def _on_duty(now: Any) -> list[tuple[str, list[str]]]:
    return [
        (plan.rota.name, [person.display_name for person in plan.on_duty(now)])
        for plan in duty.plans(Rota.objects.filter(active=True).order_by("name"))
    ]


def _line(case: Case) -> Line:
    return Line(
        case.number,
        initials(case),
        case.get_channel_display(),
        case.reason.label if case.reason else "",
        case.owner.display_name if case.owner else "",
        case.next_due_at,
    )


@dataclass(frozen=True)
class Area:
    """Patients who depend on equipment, by state and the first three digits of the postal code."""

    name: str
    patients: list[tuple[Patient, list[Device]]]


def dependent(actor: User, *, state: str = "") -> list[Area]:
    """Everybody on life-sustaining equipment, by area: whom to reach first. One entry for the whole print."""
    require(actor, "incidents.manage")
    at_home = Device.objects.filter(returned_on=None, product__life_sustaining=True).select_related("product")
    people = Patient.objects.filter(
        devices__in=at_home.values("pk"), deceased_on__isnull=True, merged_into=None
    ).distinct()
    if state:
        people = people.filter(state=state.replace("\0", "").upper()[:2])
    rows = people.prefetch_related(
        Prefetch("devices", queryset=at_home.defer("serial_number"), to_attr="held")
    )
    found = list(rows.order_by("state", "pk")[:MOST_PATIENTS])
    if found:
        audit.event("print", subjects=found, what="disaster list", fields=("name", "phone", "device"))
    return list(_areas(found))


def _areas(people: Iterable[Any]) -> Iterable[Area]:
    by_area = sorted(people, key=lambda patient: (_area(patient), patient.pk))
    for name, group in groupby(by_area, key=_area):
        yield Area(name, [(patient, patient.held) for patient in group])


def _area(patient: Patient) -> str:
    return f"{patient.state or '??'} {patient.postal_code[:3]}".strip()
