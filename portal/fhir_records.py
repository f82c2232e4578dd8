"""What each kind of FHIR resource becomes here: practitioners, patients, diagnoses, devices, draft orders, files."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from config.business_day import business_day
from config.contacts import diallable, mailable
from portal import formats, profile, tiers, uploads
from portal.fhir_import import Import, NotUsable, Read, Resource, handles
from portal.models import (
    Device,
    Diagnosis,
    Document,
    Order,
    OrderLine,
    Patient,
    Practitioner,
    Prescription,
    Product,
)
from portal.models.documents import DocumentState
from portal.npi import npi_ok
from portal.numbers import ACCOUNTS, ORDERS, account_number, next_count, order_number

SSN = "http://hl7.org/fhir/sid/us-ssn"
NPI = "http://hl7.org/fhir/sid/us-npi"
HCPCS = {
    "www.cms.gov/medicare/coding/hcpcsreleasecodesets",
    "urn:oid:2.16.840.1.113883.6.285",
    "www.ama-assn.org/go/cpt",
}
CODE_SYSTEMS = {"http://hl7.org/fhir/sid/icd-10-cm": "icd10", "http://snomed.info/sct": "snomed"}
EARLIEST, LATEST_YEAR = date(1900, 1, 1), 2100
SEX = {"female": "F", "male": "M"}
DOCUMENT_KINDS = {"57133-1": "prescription", "64290-0": "insurance_card_front", "34109-9": "chart_note"}


@handles("Practitioner")
def practitioner(run: Import, read: Read) -> None:
    npi = identifier(read.resource, NPI)
    if npi and not npi_ok(npi):
        run.report.refuse(read, "its NPI is not one (ten digits with a right check digit); kept without it")
        npi = ""
    holder = Practitioner.objects.filter(npi=npi).first() if npi else None
    row = run.existing(read) or holder or Practitioner()
    if holder and holder.pk != row.pk:
        run.report.refuse(read, "its NPI is another practitioner's here; kept without it: see whose it is")
        npi = ""
    row.npi, row.name = npi or row.npi or None, human_name(read.resource)[2] or "(no name)"
    row.phone, row.fax = telecom(read.resource, "phone"), telecom(read.resource, "fax")
    row.synthetic = row.synthetic or npi.startswith("9")
    run.keep(read, row)


@handles("Patient")
def patient(run: Import, read: Read) -> None:
    resource = read.resource
    first, last, _ = human_name(resource)
    born = day(resource.get("birthDate"))
    if not (first and last and born):
        raise NotUsable("a patient needs a given name, a family name and a whole birth date")
    if not EARLIEST <= born <= business_day():
        raise NotUsable("its birth date lies before 1900 or to come; correct it where it comes from")
    row = run.existing(read) or Patient(account_number=account_number(next_count(ACCOUNTS)))
    row.first_name, row.last_name, row.birth_date = first[:60], last[:60], born
    row.sex = SEX.get(resource.get("gender", ""), "U")
    row.ssn_last4 = identifier(resource, SSN)[-4:] or row.ssn_last4
    stood = {field: profile.value_of(row, field) for field in profile.PROPOSED} if row.pk else {}
    row.phone = _reached(run, read, "phone", diallable) or row.phone
    row.email = _reached(run, read, "email", mailable) or row.email
    _address(row, resource)
    told = _kept_back(row, stood)
    row.language = "es" if _speaks(resource).startswith("es") else "en"
    if row.pk is None and Patient.objects.filter(identity_index__matches=row.identity).exists():
        run.report.refuse(read, "imported, but a patient with this surname and birth date is here already")
    run.keep(read, row, row)
    for field, value in told.items():
        profile.propose_told(run.actor, patient=row, field=field, value=value)
    _note_deceased(run, read)


def _reached(run: Import, read: Read, system: str, check: Callable[[str], None]) -> str:
    """The first contact of this kind that something can be sent to."""
    found = telecoms(read.resource, system)
    for value in found:
        try:
            check(value)
        except ValidationError:
            continue
        return value
    if found:
        why = f"imported without its {system}, which nothing can be sent to; correct it where it comes from"
        run.report.refuse(read, why)
    return ""


def _kept_back(row: Patient, stood: dict[str, str]) -> dict[str, str]:
    """What another system tells instead of a contact that stands on file. It stands on until staff decide."""
    told = {}
    for field, old in stood.items():
        value = profile.value_of(row, field)
        if not old.strip() or value == old:
            continue
        if value.strip():
            told[field] = value
        for name, part in zip(
            Patient.ADDRESS if field == "address" else (field,), old.split("\n"), strict=True
        ):
            setattr(row, name, part)
    return told


def _address(row: Patient, resource: Resource) -> None:
    address = (resource.get("address") or [{}])[0]
    lines = [*address.get("line", []), "", ""]
    row.address_line1, row.address_line2 = lines[0][:120], lines[1][:120]
    row.city, row.postal_code = address.get("city", "")[:60], address.get("postalCode", "")[:10]
    row.state = address.get("state", "")[:2].upper() if len(address.get("state", "")) == 2 else ""


def _note_deceased(run: Import, read: Read) -> None:
    if read.resource.get("deceasedBoolean") or read.resource.get("deceasedDateTime"):
        run.report.refuse(
            read, "imported, but marked as deceased: check before anything is shipped or billed"
        )


def _speaks(resource: Resource) -> str:
    return str(next((coding(said["language"])[1] for said in resource.get("communication", [])), ""))


@handles("Condition")
def condition(run: Import, read: Read) -> None:
    owner = run.patient_of(read.resource.get("subject"))
    system, code, label = coding(read.resource.get("code") or {})
    if not code:
        raise NotUsable("a condition without a code")
    row = run.existing(read) or Diagnosis(patient=owner)
    row.system, row.code, row.label = CODE_SYSTEMS.get(system, "other"), code[:24], label[:200]
    row.active = coding(read.resource.get("clinicalStatus") or {})[1] in (
        "",
        "active",
        "recurrence",
        "relapse",
    )
    row.recorded_on = day(read.resource.get("recordedDate") or read.resource.get("onsetDateTime"))
    run.keep(read, row, owner)


@handles("Device")
def device(run: Import, read: Read) -> None:
    resource = read.resource
    owner = run.patient_of(resource.get("patient"))
    row = run.existing(read) or Device(patient=owner)
    system, code, label = coding(resource.get("type") or {})
    row.product = _product(code) if is_hcpcs(system) else row.product
    row.description = (label or _device_name(resource) or "Device")[:160]
    row.serial_number, row.lot = resource.get("serialNumber", "")[:80], resource.get("lotNumber", "")[:40]
    run.keep(read, row, owner)
    tiers.tell(owner.pk)


def _device_name(resource: Resource) -> str:
    return str(next((name.get("name", "") for name in resource.get("deviceName", [])), ""))


@handles("DeviceRequest")
def device_request(run: Import, read: Read) -> None:
    """A draft order with one line: nothing is shipped on it before somebody has looked at it."""
    resource = read.resource
    owner = run.patient_of(resource.get("subject"))
    product = _ordered(resource)
    row = run.existing(read)
    if row is not None and row.state != "draft":
        raise NotUsable("its order is under way; changes from outside are made by hand")
    if row is not None and max(row.lines.count(), row.prescriptions.count()) > 1:
        raise NotUsable("its draft order was changed by hand; changes from outside are made by hand too")
    row = row or Order(patient=owner, number=order_number(next_count(ORDERS)), state="draft")
    row.product_line, row.practitioner = (
        product.product_line,
        run.row_of(resource.get("requester"), Practitioner),
    )
    row.placed_at = moment(resource.get("authoredOn")) or row.placed_at or timezone.now()
    row.diagnosis_codes = ",".join(_reasons(run, resource))[:120]
    run.keep(read, row, owner)
    _order_line(row, product)
    _prescription(row, product)
    tiers.tell(owner.pk)
    if resource.get("requester") and row.practitioner is None:
        run.report.refuse(read, "imported without its practitioner, who was not in the files")


def _ordered(resource: Resource) -> Product:
    codings = (resource.get("codeCodeableConcept") or {}).get("coding", [])
    codes = [item.get("code", "") for item in codings if is_hcpcs(item.get("system", ""))]
    if not codes:
        raise NotUsable("a device request without an HCPCS code")
    product = _product(codes[0])
    if product is None:
        raise NotUsable(f"no product with HCPCS code {codes[0][:5]} in the catalogue")
    return product


def _order_line(order: Order, product: Product) -> None:
    rented = product.category in ("CR", "OX") and product.rental_month_price is not None
    price = (product.rental_month_price if rented else None) or product.price
    OrderLine.objects.update_or_create(
        order=order,
        defaults={"product": product, "unit_price": price, "modifiers": "RR" if rented else "NU"},
    )


def _prescription(order: Order, product: Product) -> None:
    Prescription.objects.update_or_create(
        order=order,
        defaults={
            "patient": order.patient,
            "practitioner": order.practitioner,
            "hcpcs": product.hcpcs,
            "diagnosis_codes": order.diagnosis_codes,
            "written_on": order.placed_at.date(),
        },
    )


def _reasons(run: Import, resource: Resource) -> list[str]:
    codes = [coding(reason)[1] for reason in resource.get("reasonCode", [])]
    linked = (run.row_of(reference, Diagnosis) for reference in resource.get("reasonReference", []))
    return [code for code in [*codes, *(row.code for row in linked if row)] if code]


@handles("DocumentReference")
def document_reference(run: Import, read: Read) -> None:
    owner = run.patient_of(read.resource.get("subject"))
    known: Document | None = run.existing(read)
    if known is not None:
        if known.state in (DocumentState.REFUSED, DocumentState.INFECTED):
            raise NotUsable(f"its file was refused: {known.get_reason_display()}")
        return
    attachment: Resource = next((part["attachment"] for part in read.resource.get("content", [])), {})
    if not attachment.get("data"):
        raise NotUsable("its file is not in the record and nothing is fetched from elsewhere")
    try:
        content = b64decode(attachment["data"], validate=True)
    except Base64Error:
        raise NotUsable("its file is not base64") from None
    if formats.content_type(content[:16]) is None:
        raise NotUsable("its file is refused: it is no PDF, photo or film by its content")
    kind = DOCUMENT_KINDS.get(coding(read.resource.get("type") or {})[1], "chart_note")
    run.remember(read, _upload(run.actor, owner, kind, attachment.get("title") or "record", content), owner)


def _upload(actor: Any, owner: Patient, kind: str, filename: str, content: bytes) -> Document:
    """Through the same checks as a file that somebody sends."""
    try:
        upload = uploads.begin(actor, kind=kind, filename=filename, size=len(content), patient=owner)
        for offset in range(0, len(content), uploads.CHUNK_MOST):
            chunk = content[offset : offset + uploads.CHUNK_MOST]
            uploads.add_chunk(actor, upload.ref, offset=offset, data=chunk)
        return uploads.finish(actor, upload.ref)
    except uploads.UploadRefused as error:
        raise NotUsable(f"its file was refused: {error}") from None


def identifier(resource: Resource, system: str) -> str:
    """The value of the identifier of ``system``, or an empty text."""
    values = (
        item.get("value", "") for item in resource.get("identifier", []) if item.get("system") == system
    )
    return str(next(values, ""))


def human_name(resource: Resource) -> tuple[str, str, str]:
    """First name, last name and the whole as spoken. An official name is taken before others."""
    names = sorted(resource.get("name", []), key=lambda name: name.get("use") != "official")
    if not names:
        return "", "", ""
    name = names[0]
    first, last = (name.get("given") or [""])[0], name.get("family", "")
    whole = name.get("text") or " ".join([*name.get("prefix", []), *name.get("given", []), last])
    return first, last, whole.strip()[:120]


def telecom(resource: Resource, system: str) -> str:
    return next(iter(telecoms(resource, system)), "")


def telecoms(resource: Resource, system: str) -> list[str]:
    values = (item.get("value", "") for item in resource.get("telecom", []) if item.get("system") == system)
    return [str(value)[: 24 if system != "email" else 254] for value in values if value]


def coding(concept: Resource) -> tuple[str, str, str]:
    """System, code and wording of a CodeableConcept's first coding."""
    first: dict[str, Any] = (concept.get("coding") or [{}])[0]
    return first.get("system", ""), first.get("code", ""), first.get("display") or concept.get("text", "")


def is_hcpcs(system: str) -> bool:
    """HCPCS goes by several addresses in the wild."""
    return system.lower().removeprefix("https://").removeprefix("http://").rstrip("/") in HCPCS


def day(text: str | None) -> date | None:
    """The date of a FHIR date or dateTime; None for a year or month alone."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def moment(text: str | None) -> datetime | None:
    """The moment of a FHIR dateTime; of a date alone its midnight in UTC. NotUsable where nobody lived."""
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if not EARLIEST.year < read.year < LATEST_YEAR:
        raise NotUsable(f"a time outside {EARLIEST.year} to {LATEST_YEAR}; correct it where it comes from")
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _product(hcpcs: str) -> Product | None:
    return Product.objects.filter(hcpcs=hcpcs, active=True).order_by("pk").first()
