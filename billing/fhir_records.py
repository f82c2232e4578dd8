"""Coverage in FHIR records: resources of their own, and those that stand inside an ExplanationOfBenefit."""

from hashlib import sha256
from typing import Any

from billing.models import Coverage, Payer
from portal.fhir_import import Import, NotUsable, Read, Resource, handles
from portal.fhir_records import coding, day
from portal.models import Patient

RELATIONS = {"self": "self", "spouse": "spouse", "child": "child"}
MEDICARE_IDS = {"http://hl7.org/fhir/sid/us-mbi", "http://hl7.org/fhir/sid/us-medicare"}


@handles("Coverage")
def coverage(run: Import, read: Read) -> None:
    owner = run.patient_of(read.resource.get("beneficiary"))
    row = run.existing(read) or Coverage(patient=owner, rank=_next_rank(owner))
    _fill(run, row, read.resource)
    run.keep(read, row, owner)


@handles("ExplanationOfBenefit")
def explanation_of_benefit(run: Import, read: Read) -> None:
    """Of a paid claim only the coverage it names is used: once a patient and payer, however many claims."""
    contained = [
        part for part in read.resource.get("contained", []) if part.get("resourceType") == "Coverage"
    ]
    if not contained:
        raise NotUsable("names no coverage; nothing else of it is used")
    owner = run.patient_of(read.resource.get("patient"))
    for resource in contained:
        payer = _payer(run, resource)
        told = Coverage(patient=owner, rank=_next_rank(owner))
        _fill(run, told, resource)
        known = Coverage.objects.filter(patient=owner, payer=payer).first()
        added, row = known is None, known or told
        if not added:
            _fill_up(row, told)
        row.save()
        run.remember(read, row, owner, added=added)


def _fill(run: Import, row: Coverage, resource: Resource) -> None:
    row.payer = _payer(run, resource)
    row.member_id = str(resource.get("subscriberId") or _medicare_id(resource) or row.member_id)[:40]
    row.relationship = RELATIONS.get(coding(resource.get("relationship") or {})[1], "self")
    row.group_number, row.plan_name = _class(resource, "group")[:40], _class(resource, "plan")[:120]
    period = resource.get("period") or {}
    row.starts_on, row.ends_on = day(period.get("start")), day(period.get("end"))
    row.active = resource.get("status") == "active"


def _fill_up(row: Coverage, told: Coverage) -> None:
    """A claim names the coverage of its day in few words: it adds what is not known, and takes nothing away."""
    for name in ("member_id", "group_number", "plan_name", "starts_on", "ends_on"):
        setattr(row, name, getattr(row, name) or getattr(told, name))


def _payer(run: Import, resource: Resource) -> Payer:
    """The payer by the organization's name, or by how the record words or numbers it."""
    payor: dict[str, Any] = (resource.get("payor") or [{}])[0]
    address = payor.get("reference", "")
    organization = run.by_address[address].resource if address in run.by_address else {}
    name = organization.get("name") or payor.get("display") or address.rpartition("/")[2]
    if not name:
        raise NotUsable("a coverage without a payer")
    code = "F" + sha256(name.encode()).hexdigest()[:12].upper()
    payer, _ = Payer.objects.get_or_create(
        payer_id=code, defaults={"name": name[:120], "payer_class": _payer_class(resource, name)}
    )
    return payer


def _payer_class(resource: Resource, name: str) -> str:
    wording = f"{name} {_class(resource, 'plan')}".lower()
    return next((kind for kind in ("medicare", "medicaid") if kind in wording), "commercial")


def _class(resource: Resource, kind: str) -> str:
    values = (part for part in resource.get("class", []) if coding(part.get("type") or {})[1] == kind)
    return str(next((part.get("value") or part.get("name") or "" for part in values), ""))


def _medicare_id(resource: Resource) -> str:
    values = (part for part in resource.get("identifier", []) if part.get("system") in MEDICARE_IDS)
    return str(next((part.get("value", "") for part in values), ""))


def _next_rank(owner: Patient) -> int:
    return min(3, Coverage.objects.filter(patient=owner).count() + 1)
