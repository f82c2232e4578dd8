"""Insurance in the copy of a patient's data: as rows and as FHIR R4 Coverage."""

from collections.abc import Iterator
from typing import Any

from billing.models import Coverage
from portal.models import Patient
from portal.my_record import reference

RELATIONS = "http://terminology.hl7.org/CodeSystem/subscriber-relationship"
CLASSES = "http://terminology.hl7.org/CodeSystem/coverage-class"


def _coverages(patient: Patient) -> Any:
    return Coverage.objects.filter(patient=patient).select_related("payer").order_by("rank", "pk")


def coverage_rows(patient: Patient) -> Iterator[dict[str, Any]]:
    for row in _coverages(patient):
        yield {
            "payer": row.payer.name,
            "plan": row.plan_name,
            "member_id": row.member_id,
            "group_number": row.group_number,
            "rank": row.get_rank_display(),
            "relationship": row.relationship,
            "active": row.active,
            "starts_on": row.starts_on,
            "ends_on": row.ends_on,
        }


def coverage_fhir(patient: Patient) -> Iterator[dict[str, Any]]:
    for row in _coverages(patient):
        yield {
            "resourceType": "Coverage",
            "id": str(row.ref),
            "status": "active" if row.active else "cancelled",
            "beneficiary": reference(patient),
            "payor": [{"display": row.payer.name, "identifier": {"value": row.payer.payer_id}}],
            "relationship": {"coding": [{"system": RELATIONS, "code": row.relationship}]},
            "order": row.rank,
            **_optional(row),
        }


def _optional(row: Coverage) -> dict[str, Any]:
    """FHIR knows no empty values: what we don't know is left out."""
    days = {"start": row.starts_on, "end": row.ends_on}
    period = {name: day.isoformat() for name, day in days.items() if day}
    numbers: list[tuple[str, str]] = [("group", row.group_number), ("plan", row.plan_name)]
    classes = [_class(kind, value) for kind, value in numbers if value]
    known = {"subscriberId": row.member_id, "period": period, "class": classes}
    return {name: value for name, value in known.items() if value}


def _class(kind: str, value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": CLASSES, "code": kind}]}, "value": value}
