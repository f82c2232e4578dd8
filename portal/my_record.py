"""What this app puts into the copy of a patient's data: the person, orders, devices, consents and papers."""

import uuid
from collections.abc import Iterator
from typing import Any

from portal.models import Consent, ContactChange, Device, Document, Order, OrderLine, Patient, Prescription
from portal.models.documents import DocumentKind, DocumentState
from portal.my_data import Exporter, file_name, register

Row = dict[str, Any]

HCPCS = "https://bluebutton.cms.gov/resources/codesystem/hcpcs"
ICD_10 = "http://hl7.org/fhir/sid/icd-10-cm"
NPI = "http://hl7.org/fhir/sid/us-npi"
ACCOUNT = "urn:account-number"
SEXES = {"F": "female", "M": "male", "U": "unknown"}
REQUEST_STATES = {
    "draft": "draft",
    "open": "active",
    "held": "on-hold",
    "shipped": "active",
    "delivered": "completed",
    "closed": "completed",
    "cancelled": "revoked",
}


def reference(patient: Patient) -> Row:
    """A FHIR reference to the patient of the bundle."""
    return {"reference": f"urn:uuid:{patient.ref}"}


# --- the person --------------------------------------------------------------------------------------
PATIENT_FIELDS = (
    "account_number first_name last_name birth_date sex email phone address_line1 address_line2 city state "
    "postal_code language time_zone preferred_channel"
)


def patient_rows(patient: Patient) -> Iterator[Row]:
    yield {field: getattr(patient, field) for field in PATIENT_FIELDS.split()}


def patient_fhir(patient: Patient) -> Iterator[Row]:
    yield {
        "resourceType": "Patient",
        "id": str(patient.ref),
        "identifier": [{"system": ACCOUNT, "value": patient.account_number}],
        "name": [{"use": "official", "family": patient.last_name, "given": [patient.first_name]}],
        "gender": SEXES[patient.sex],
        "birthDate": patient.birth_date.isoformat(),
        "communication": [{"language": {"text": patient.language}, "preferred": True}],
        **_filled(telecom=_telecom(patient), address=_address(patient)),
    }


def _telecom(patient: Patient) -> list[Row]:
    ways = [("phone", patient.phone), ("email", patient.email)]
    return [{"system": system, "value": value} for system, value in ways if value]


def _address(patient: Patient) -> list[Row]:
    lines = [line for line in (patient.address_line1, patient.address_line2) if line]
    parts = _filled(line=lines, city=patient.city, state=patient.state, postalCode=patient.postal_code)
    return [{"use": "home", **parts}] if parts else []


def _filled(**values: Any) -> Row:
    """FHIR knows no empty strings and lists: what is empty is left out."""
    return {name: value for name, value in values.items() if value}


# --- orders and prescriptions ------------------------------------------------------------------------
def order_rows(patient: Patient) -> Iterator[Row]:
    rows = Order.objects.filter(patient=patient).select_related("practitioner")
    for order in rows.prefetch_related("lines__product", "shipments", "milestones").order_by("pk"):
        yield {
            "number": order.number,
            "state": order.state,
            "product_line": order.product_line,
            "placed_at": order.placed_at,
            "ordered_by": order.practitioner.name if order.practitioner else "",
            "diagnosis_codes": order.diagnosis_codes,
            "expected_ship_on": order.expected_ship_on,
            "expected_delivery_on": order.expected_delivery_on,
            "lines": [_line_row(line) for line in order.lines.all()],
            "shipments": [_shipment_row(shipment) for shipment in order.shipments.all()],
            "steps": [_step_row(milestone) for milestone in order.milestones.all()],
        }


def _step_row(milestone: Any) -> Row:
    return {name: getattr(milestone, name) for name in ("step", "state", "done_at")}


def _line_row(line: OrderLine) -> Row:
    product = line.product
    return {
        "item": product.plain_name,
        "name": product.name,
        "hcpcs": product.hcpcs,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "rental_month": line.rental_month,
    }


def _shipment_row(shipment: Any) -> Row:
    names = (
        "carrier",
        "tracking_number",
        "state",
        "shipped_on",
        "window_start",
        "window_end",
        "delivered_at",
    )
    return {name: getattr(shipment, name) for name in names}


def order_fhir(patient: Patient) -> Iterator[Row]:
    rows = OrderLine.objects.filter(order__patient=patient).select_related("order__practitioner", "product")
    for line in rows.order_by("pk"):
        order = line.order
        yield {
            "resourceType": "DeviceRequest",
            "id": str(uuid.uuid5(order.ref, f"line {line.pk}")),
            "identifier": [{"system": "urn:order-number", "value": order.number}],
            "status": REQUEST_STATES[order.state],
            "intent": "order",
            "codeCodeableConcept": _hcpcs(line.product.hcpcs, line.product.name),
            "subject": reference(patient),
            "authoredOn": order.placed_at.isoformat(),
            **_filled(requester=_requester(order.practitioner), reasonCode=_reasons(order.diagnosis_codes)),
        }


def prescription_rows(patient: Patient) -> Iterator[Row]:
    for row in Prescription.objects.filter(patient=patient).select_related("practitioner").order_by("pk"):
        yield {
            "hcpcs": row.hcpcs,
            "diagnosis_codes": row.diagnosis_codes,
            "written_by": row.practitioner.name if row.practitioner else "",
            "written_on": row.written_on,
            "valid_until": row.valid_until,
        }


def prescription_fhir(patient: Patient) -> Iterator[Row]:
    for row in Prescription.objects.filter(patient=patient).select_related("practitioner").order_by("pk"):
        yield {
            "resourceType": "DeviceRequest",
            "id": str(uuid.uuid5(patient.ref, f"prescription {row.pk}")),
            "status": "active",
            "intent": "original-order",
            "codeCodeableConcept": _hcpcs(row.hcpcs, ""),
            "subject": reference(patient),
            **_filled(
                requester=_requester(row.practitioner),
                reasonCode=_reasons(row.diagnosis_codes),
                authoredOn=row.written_on.isoformat() if row.written_on else "",
            ),
        }


def _hcpcs(code: str, name: str) -> Row:
    return {"coding": [{"system": HCPCS, "code": code, **_filled(display=name)}]}


def _requester(practitioner: Any) -> Row:
    if practitioner is None:
        return {}
    return {"identifier": {"system": NPI, "value": practitioner.npi}, "display": practitioner.name}


def _reasons(codes: str) -> list[Row]:
    known = [code.strip() for code in codes.split(",") if code.strip()]
    return [{"coding": [{"system": ICD_10, "code": code}]} for code in known]


# --- devices, papers and consents --------------------------------------------------------------------
def device_rows(patient: Patient) -> Iterator[Row]:
    for device in Device.objects.filter(patient=patient).select_related("product").order_by("pk"):
        yield {
            "device": device.product.plain_name if device.product else device.description,
            "serial_number": device.serial_number,
            "lot": device.lot,
            "delivered_on": device.delivered_on,
            "warranty_until": device.warranty_until,
            "rented": device.rented,
            "returned_on": device.returned_on,
        }


def _documents(patient: Patient) -> Any:
    rows = Document.objects.filter(patient=patient).exclude(kind=DocumentKind.EXPORT)
    return rows.exclude(state=DocumentState.WITHDRAWN).order_by("pk")


def document_rows(patient: Patient) -> Iterator[Row]:
    for row in _documents(patient):
        yield {
            "kind": row.kind,
            "filename": row.filename,
            "sent_at": row.created_at,
            "state": row.state,
            "size": row.size,
            "sha256": row.sha256,
            "file": file_name(row) if row.readable else None,
        }


def document_fhir(patient: Patient) -> Iterator[Row]:
    for row in _documents(patient).readable():
        yield {
            "resourceType": "DocumentReference",
            "id": str(row.ref),
            "status": "current",
            "type": {"text": row.get_kind_display()},
            "subject": reference(patient),
            "date": row.created_at.isoformat(),
            "content": [{"attachment": _attachment(row)}],
        }


def _attachment(row: Document) -> Row:
    return _filled(
        contentType=row.content_type, title=row.filename, size=row.size, url=f"../{file_name(row)}"
    )


def consent_rows(patient: Patient) -> Iterator[Row]:
    for row in Consent.objects.filter(patient=patient).order_by("at", "pk"):
        yield {name: getattr(row, name) for name in ("channel", "topic", "granted", "source", "at")}


def change_rows(patient: Patient) -> Iterator[Row]:
    for row in ContactChange.objects.filter(patient=patient).order_by("proposed_at", "pk"):
        yield {
            "field": row.field,
            "from": row.old_value,
            "to": row.new_value,
            "state": row.state,
            "proposed_at": row.proposed_at,
            "decided_at": row.decided_at,
        }


def fill() -> None:
    """Put what this app holds into the registry; the order is the order of the archive."""
    for exporter in (
        Exporter("patient", patient_rows, patient_fhir),
        Exporter("orders", order_rows, order_fhir),
        Exporter("prescriptions", prescription_rows, prescription_fhir),
        Exporter("devices", device_rows),
        Exporter("documents", document_rows, document_fhir),
        Exporter("consents", consent_rows),
        Exporter("contact_changes", change_rows),
    ):
        register(exporter)
