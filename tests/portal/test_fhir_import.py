"""FHIR R4 in: whole, once, and with a word on everything that could not be used."""

import json
from base64 import b64encode
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from agents.synthetic import catalogue
from billing.models import Coverage
from portal.access import System
from portal.fhir_import import HANDLERS, import_records
from portal.models import ContactChange, Device, Diagnosis, Document, Order, Patient, Practitioner, Product
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data"
ACTOR = System("test import")
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"use": "official", "family": "Sample", "given": ["Ina"]}],
    "birthDate": "1961-04-30",
    "gender": "female",
    "telecom": [{"system": "phone", "value": "512-555-0142"}],
}
REQUEST = {
    "resourceType": "DeviceRequest",
    "id": "d1",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "authoredOn": "2026-11-02",
    "codeCodeableConcept": {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.285", "code": "E0601"}]},
    "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G47.33"}]}],
}


@pytest.fixture(autouse=True)
def products():
    Product.objects.bulk_create(catalogue.products())


def put(folder: Path, *resources: object) -> list[Path]:
    for count, resource in enumerate(resources):
        (folder / f"{count}.json").write_text(json.dumps(resource))
    return [folder]


def test_device_request_becomes_a_draft_order_for_its_patient(tmp_path):
    device = {
        "resourceType": "Device",
        "id": "m1",
        "patient": {"reference": "Patient/p1"},
        "serialNumber": "SN-99 1",
    }
    report = import_records(ACTOR, paths=put(tmp_path, REQUEST, device, PATIENT))
    order = Order.objects.get()
    assert report.lines == []
    assert (order.state, order.diagnosis_codes, order.patient.name) == ("draft", "G47.33", "Ina Sample")
    assert order.lines.get().product.hcpcs == "E0601"
    assert Device.objects.filter(serial_index__matches="sn991").exists()
    assert Patient.objects.filter(phone_index__matches="(512) 555-0142").exists()


def test_importing_again_changes_and_adds_nothing(tmp_path):
    import_records(ACTOR, paths=put(tmp_path, PATIENT, REQUEST))
    moved = PATIENT | {"telecom": [{"system": "phone", "value": "512-555-0199"}]}
    report = import_records(ACTOR, paths=put(tmp_path, moved, REQUEST))
    assert report.added == {}
    assert Patient.objects.get().phone == "512-555-0142", "another contact waits for staff"
    assert Order.objects.count() == 1


def test_same_id_of_another_system_is_another_record(tmp_path):
    paths = put(tmp_path, PATIENT)
    import_records(ACTOR, paths=paths, system="north clinic")
    report = import_records(ACTOR, paths=paths, system="south clinic")
    assert Patient.objects.count() == 2
    assert "surname and birth date is here already" in report.lines[0]


def without_id(**more: object) -> dict[str, object]:
    return {name: value for name, value in (PATIENT | more).items() if name != "id"}


@pytest.mark.parametrize("addresses", [("urn:uuid:1", "urn:uuid:2"), (None, None), ("", "")])
def test_records_without_an_id_are_records_of_their_own(tmp_path, addresses):
    other = [{"family": "Other", "given": ["Ola"]}]
    people = [without_id(), without_id(name=other, birthDate="1970-01-02")]
    entries = [
        {"resource": person} | ({} if address is None else {"fullUrl": address})
        for person, address in zip(people, addresses, strict=True)
    ]
    paths = put(tmp_path, {"resourceType": "Bundle", "type": "collection", "entry": entries})
    import_records(ACTOR, paths=paths)
    assert sorted(patient.name for patient in Patient.objects.all()) == ["Ina Sample", "Ola Other"]
    again = import_records(ACTOR, paths=paths)
    assert (again.added, Patient.objects.count()) == ({}, 2)


def test_a_record_without_an_id_is_known_by_its_address_however_its_members_are_ordered(tmp_path):
    """A digest goes by what is said, not by how it is written; a changed record keeps its address."""
    import_records(ACTOR, paths=put(tmp_path, without_id()))
    turned = dict(reversed(without_id().items()))
    assert import_records(ACTOR, paths=put(tmp_path, turned)).added == {}
    for phone in ("512-555-0143", "512-555-0144"):
        moved = without_id(telecom=[{"system": "phone", "value": phone}], birthDate="1959-03-01")
        entry = {"resource": moved, "fullUrl": "urn:uuid:3"}
        import_records(ACTOR, paths=put(tmp_path, {"resourceType": "Bundle", "entry": [entry]}))
    assert Patient.objects.count() == 2


def test_an_address_too_long_to_keep_is_told_and_stops_nothing(tmp_path):
    entry = {"resource": without_id(), "fullUrl": "urn:" + "x" * 5000}
    odd = without_id(name=[{"family": "Sam\ud800ple", "given": ["Ina"]}])
    paths = put(tmp_path, {"resourceType": "Bundle", "entry": [entry]}, odd, PATIENT)
    report = import_records(ACTOR, paths=paths)
    assert ["give it an id" in line for line in report.lines] == [True, False]
    assert Patient.objects.filter(sources__key_index__matches="Patient/p1").exists()


def test_an_order_under_way_is_not_overwritten(tmp_path):
    paths = put(tmp_path, PATIENT, REQUEST)
    import_records(ACTOR, paths=paths)
    Order.objects.update(state="open")
    report = import_records(ACTOR, paths=paths)
    assert Order.objects.get().state == "open"
    assert "under way" in report.lines[0]


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (PATIENT | {"birthDate": "1961"}, "whole birth date"),
        (PATIENT | {"gender": ["female"]}, "not valid R4 (gender"),
        (REQUEST | {"subject": {"reference": "Patient/nobody"}}, "patient was not imported"),
        (
            REQUEST
            | {
                "subject": {"reference": "Patient/p2"},
                "codeCodeableConcept": {"coding": [{"system": "urn:x", "code": "1"}]},
            },
            "without an HCPCS code",
        ),
        ({"resourceType": "Immunization", "id": "i"}, "not valid R4"),
        ({"resourceType": "Nonsense", "id": "n"}, "not a kind of R4 resource"),
        ({"resourceType": "Basic", "id": "b", "code": {"text": "x"}}, "not used"),
        (["no", "resource"], "is not a FHIR resource"),
        ({"resourceType": "Bundle", "entry": [7, {"resource": None}]}, "entry 0: is not a FHIR resource"),
        ({"resourceType": "Bundle", "entry": {"a": 1}}, "is not a list"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_else_is_lost(tmp_path, resource, why):
    other = PATIENT | {"id": "p2"}
    report = import_records(ACTOR, paths=put(tmp_path, resource, other))
    assert Patient.objects.count() == 1
    assert any(why in line for line in report.lines)
    assert not any("Sample" in line or "1961-04" in line for line in report.lines)


@pytest.mark.parametrize(
    "resource",
    [
        PATIENT | {"name": [{"family": "Sample", "given": [None, "Ina"], "_given": [{"id": "a"}, None]}]},
        PATIENT | {"address": [{"line": [None, "1 Oak Rd"], "_line": [{"id": "a"}, None]}]},
        {"resourceType": "Practitioner", "id": "x", "name": [{"family": "Ra\0o"}]},
        PATIENT | {"telecom": [{"system": "phone"}]},
    ],
)
def test_odd_but_valid_records_stop_nothing(tmp_path, resource):
    other = PATIENT | {"id": "p2"}
    import_records(ACTOR, paths=put(tmp_path, resource, other))
    assert Patient.objects.filter(sources__key_index__matches="Patient/p2").exists()


def test_a_shape_nobody_thought_of_is_told_and_stops_nothing(tmp_path, monkeypatch):
    def stumble(run, read):
        raise TypeError("Sample")

    monkeypatch.setitem(HANDLERS, "Basic", stumble)
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
    report = import_records(ACTOR, paths=put(tmp_path, basic, PATIENT))
    assert report.lines == ["0.json: Basic/b: can't be used (TypeError)"]
    assert Patient.objects.count() == 1


def test_a_file_that_is_not_json_is_told(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    report = import_records(ACTOR, paths=[tmp_path])
    assert [line.split(":")[0] for line in report.lines] == ["broken.json", "deep.json"]


def test_a_practitioner_with_a_wrong_npi_is_kept_without_it(tmp_path):
    doctor = {
        "resourceType": "Practitioner",
        "id": "x",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567890"}],
        "name": [{"family": "Rao", "given": ["N"], "prefix": ["Dr"]}],
    }
    report = import_records(ACTOR, paths=put(tmp_path, doctor))
    assert Practitioner.objects.get().npi is None
    assert "NPI" in report.lines[0]


def test_a_document_goes_through_the_upload_checks(tmp_path):
    def reference(key, data):
        attachment = {"contentType": "application/pdf", "title": "note.pdf", "data": b64encode(data).decode()}
        return {
            "resourceType": "DocumentReference",
            "id": key,
            "status": "current",
            "subject": {"reference": "Patient/p1"},
            "content": [{"attachment": attachment}],
        }

    report = import_records(
        ACTOR, paths=put(tmp_path, PATIENT, reference("a", b"%PDF-1.4 x"), reference("b", b""))
    )
    assert Document.objects.get().patient == Patient.objects.get()
    assert any("DocumentReference/b" in line for line in report.lines)
    again = import_records(ACTOR, paths=[tmp_path])
    assert Document.objects.count() == 1
    assert again.added == {}


def test_only_who_may_import_can(tmp_path):
    with pytest.raises(PermissionDenied):
        import_records(UserFactory(roles=["agent"]), paths=put(tmp_path, PATIENT))
    assert not Patient.objects.exists()


@pytest.mark.skipif(not SAMPLES.exists(), reason="the sample records are not here")
def test_records_that_others_wrote_go_through():
    first = import_records(ACTOR, paths=[SAMPLES])
    assert Patient.objects.count() == 12
    assert Coverage.objects.filter(member_index__matches="10A3D58WH1600").exists()
    assert Diagnosis.objects.count() == 80
    assert set(Order.objects.values_list("lines__product__hcpcs", flat=True)) == {
        "E0601",
        "E0470",
        "E0250",
        "E0424",
    }
    assert sum("is not valid R4" in line for line in first.lines) == 2
    again = import_records(ACTOR, paths=[SAMPLES])
    assert again.added == {}
    assert again.lines == first.lines


def npi_of(digits: str) -> list[dict[str, str]]:
    return [{"system": "http://hl7.org/fhir/sid/us-npi", "value": digits}]


def doctor(name: str, npi: str = "") -> dict[str, object]:
    return {
        "resourceType": "Practitioner",
        "id": name,
        "name": [{"family": name}],
        "identifier": npi_of(npi) if npi else [],
    }


def test_an_npi_of_another_practitioner_is_not_taken_over_and_stops_nothing(tmp_path):
    import_records(ACTOR, paths=put(tmp_path, doctor("a", "1234567893"), doctor("b")))
    paths = put(tmp_path, doctor("a", "1234567893"), doctor("b", "1234567893"), PATIENT)
    report = import_records(ACTOR, paths=paths)
    assert [line for line in report.lines if "Practitioner/b" in line and "another practitioner" in line]
    assert sorted(Practitioner.objects.values_list("name", "npi")) == [("a", "1234567893"), ("b", None)]
    assert Patient.objects.count() == 1


def test_a_clash_nobody_thought_of_is_told_by_its_rule_and_stops_nothing(tmp_path, monkeypatch):
    Practitioner.objects.create(npi="1234567893", name="Sample")

    def clash(run, read):
        Practitioner.objects.create(npi="1234567893", name="Sample")

    monkeypatch.setitem(HANDLERS, "Basic", clash)
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
    report = import_records(ACTOR, paths=put(tmp_path, basic, PATIENT))
    assert len(report.lines) == 1
    assert "Basic/b: clashes with a row that is here" in report.lines[0]
    assert "npi" in report.lines[0]
    assert "1234567893" not in report.lines[0]
    assert Patient.objects.count() == 1


def nested(depth: int) -> dict[str, object]:
    extension: dict[str, object] = {"url": "urn:x", "valueString": "Sample"}
    for _ in range(depth):
        extension = {"url": "urn:x", "extension": [extension]}
    return extension


@pytest.mark.parametrize("depth", [60, 149, 200, 400])
@pytest.mark.parametrize("with_id", [True, False])
def test_a_record_nested_too_deeply_is_told_and_stops_nothing(tmp_path, depth, with_id):
    deep = PATIENT | {"id": "deep", "extension": [nested(depth)]}
    deep = deep if with_id else without_id(extension=[nested(depth)])
    entries = [{"resource": deep}, {"resource": PATIENT}]
    paths = put(tmp_path, {"resourceType": "Bundle", "type": "collection", "entry": entries})
    report = import_records(ACTOR, paths=paths)
    assert len(report.lines) == 1
    assert "levels" in report.lines[0]
    assert ("Patient/deep" if with_id else "entry 0") in report.lines[0]
    assert Patient.objects.count() == 1


@pytest.mark.parametrize("text", ["Ro\0e", "Ro\ud800e"])
def test_a_text_that_no_column_holds_is_kept_without_its_odd_character(tmp_path, text, capsys):
    entry = {"resource": PATIENT | {"name": [{"family": text, "given": ["Ina"]}]}, "fullUrl": f"urn:{text}"}
    bad = {"resource": PATIENT | {text: text, "id": "p2"}, "fullUrl": f"urn:2{text}"}
    put(tmp_path, {"resourceType": "Bundle", "type": "collection", "entry": [entry, bad]})
    call_command("import_fhir", str(tmp_path))
    told = capsys.readouterr().out
    told.encode()
    assert Patient.objects.get().last_name in ("Roe", "Ro\N{REPLACEMENT CHARACTER}e")
    assert "Patient/p2" in told


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (PATIENT | {"birthDate": "0001-01-01"}, "birth date"),
        (PATIENT | {"birthDate": "2999-01-01"}, "birth date"),
        (
            REQUEST | {"authoredOn": "9999-12-31T23:59:59-12:00", "subject": {"reference": "Patient/p2"}},
            "1900",
        ),
        (
            REQUEST | {"authoredOn": "0001-01-01T00:00:00+14:00", "subject": {"reference": "Patient/p2"}},
            "1900",
        ),
    ],
)
def test_a_date_that_cannot_be_right_is_told_and_stops_nothing(tmp_path, resource, why):
    report = import_records(ACTOR, paths=put(tmp_path, resource, PATIENT | {"id": "p2"}))
    assert len(report.lines) == 1
    assert why in report.lines[0]
    assert (Patient.objects.count(), Order.objects.count()) == (1, 0)


def test_an_end_of_cover_that_never_comes_is_taken(tmp_path):
    cover = {
        "resourceType": "Coverage",
        "id": "c",
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "Plan"}],
        "period": {"start": "2020-01-01", "end": "9999-12-31"},
    }
    assert import_records(ACTOR, paths=put(tmp_path, cover, PATIENT)).lines == []
    assert str(Coverage.objects.get().ends_on) == "9999-12-31"


def test_a_number_too_long_to_read_is_told_with_its_file(tmp_path):
    (tmp_path / "huge.json").write_text('{"resourceType": "Patient", "id": ' + "9" * 5000 + "}")
    report = import_records(ACTOR, paths=[*put(tmp_path, PATIENT)])
    assert [line.split(":")[0] for line in report.lines] == ["huge.json"]
    assert Patient.objects.count() == 1


def test_a_line_stays_a_line_however_odd_the_id(tmp_path):
    odd = PATIENT | {"id": "a\nb" + "x" * 100_000}
    report = import_records(ACTOR, paths=put(tmp_path, odd))
    assert len(report.lines) == 1
    assert "\n" not in report.lines[0]
    assert len(report.lines[0]) < 1000


def test_a_draft_order_that_got_more_lines_by_hand_is_left_and_told(tmp_path):
    paths = put(tmp_path, PATIENT, REQUEST)
    import_records(ACTOR, paths=paths)
    line = Order.objects.get().lines.get()
    line.pk = None
    line.save()
    report = import_records(ACTOR, paths=[*paths, *put(tmp_path, PATIENT, REQUEST)])
    assert report.lines
    assert all("by hand" in line for line in report.lines)
    assert Order.objects.get().lines.count() == 2


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(PATIENT).encode())
    assert import_records(ACTOR, paths=[tmp_path]).lines == []
    assert Patient.objects.count() == 1


def test_a_name_of_the_source_too_long_to_keep_is_refused_at_once(tmp_path):
    put(tmp_path, PATIENT)
    with pytest.raises(CommandError, match="--system"):
        call_command("import_fhir", str(tmp_path), system="x" * 121)


def test_another_contact_of_a_known_patient_waits_for_staff(tmp_path):
    """Whoever can write into another system redirects no delivery and no code here."""
    told = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "Diaz", "given": ["Ana"]}],
        "birthDate": "1950-02-03",
    }
    one = told | {"telecom": [{"system": "phone", "value": "+15125550111"}]}
    two = told | {"telecom": [{"system": "phone", "value": "+15125550199"}]}
    for resource in (one, two, two):
        import_records(ACTOR, paths=put(tmp_path, resource), system="old")
    patient = Patient.objects.get()
    assert patient.phone == "+15125550111"
    [change] = ContactChange.objects.filter(patient=patient, state="proposed")
    assert (change.field, change.old_value, change.new_value) == ("phone", "+15125550111", "+15125550199")


@pytest.mark.parametrize(
    ("told", "field", "kept"),
    [
        ({"system": "email", "value": "ina@example.org; kim@example.org"}, "email", ""),
        ({"system": "phone", "value": "555-0142"}, "phone", ""),
        ({"system": "phone", "value": "ask her son"}, "phone", ""),
    ],
)
def test_a_contact_that_nothing_reaches_is_told_and_not_kept(tmp_path, told, field, kept):
    report = import_records(ACTOR, paths=put(tmp_path, PATIENT | {"telecom": [told]}))
    assert report.lines == [
        f"0.json: Patient/p1: imported without its {field}, which nothing can be sent to; correct it where it comes"
        " from"
    ]
    assert getattr(Patient.objects.get(), field) == kept


def test_of_several_contacts_the_first_that_something_reaches_is_kept(tmp_path):
    numbers = [{"system": "phone", "value": value} for value in ("ask her son", "512-555-0142")]
    import_records(ACTOR, paths=put(tmp_path, PATIENT | {"telecom": numbers}))
    assert Patient.objects.get().phone == "512-555-0142"


COVERAGE = {
    "resourceType": "Coverage",
    "id": "c1",
    "status": "active",
    "beneficiary": {"reference": "Patient/p1"},
    "subscriberId": "M123456789",
    "payor": [{"display": "Blue Synthetic"}],
    "period": {"start": "2024-01-01", "end": "2027-12-31"},
    "class": [
        {"type": {"coding": [{"code": "group"}]}, "value": "GRP-77"},
        {"type": {"coding": [{"code": "plan"}]}, "value": "PPO Gold"},
    ],
}


def benefit(**coverage):
    """A paid claim with a coverage in it that says next to nothing but ``coverage``."""
    contained = {
        "resourceType": "Coverage",
        "id": "coverage",
        "status": "cancelled",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "Blue Synthetic"}],
    }
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": "e1",
        "status": "active",
        "type": {"text": "claim"},
        "use": "claim",
        "patient": {"reference": "Patient/p1"},
        "created": "2025-01-01",
        "insurer": {"display": "Blue Synthetic"},
        "provider": {"display": "A clinic"},
        "outcome": "complete",
        "contained": [contained | coverage],
        "insurance": [{"focal": True, "coverage": {"reference": "#coverage"}}],
    }


def test_a_claim_blanks_nothing_of_the_coverage_that_stands(tmp_path):
    import_records(ACTOR, paths=put(tmp_path, PATIENT, COVERAGE))
    stood = Coverage.objects.values().get()
    others = {"relationship": {"coding": [{"code": "spouse"}]}, "period": {"start": "1999-01-01"}}
    import_records(ACTOR, paths=put(tmp_path, PATIENT, benefit(**others)))
    assert Coverage.objects.values().get() == stood


def test_a_claim_fills_what_no_coverage_has_said_yet(tmp_path):
    import_records(ACTOR, paths=put(tmp_path, PATIENT, benefit()))
    import_records(
        ACTOR, paths=put(tmp_path, PATIENT, benefit(**{"class": COVERAGE["class"], "status": "active"}))
    )
    found = Coverage.objects.get()
    assert (found.group_number, found.plan_name, found.active) == ("GRP-77", "PPO Gold", False)


def reference(key, data):
    attachment = {"contentType": "text/plain", "title": "note", "data": b64encode(data).decode()}
    return {
        "resourceType": "DocumentReference",
        "id": key,
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": attachment}],
    }


def test_a_file_of_a_type_that_is_refused_is_told_and_not_begun(tmp_path):
    report = import_records(ACTOR, paths=put(tmp_path, PATIENT, reference("a", b"Chief complaint")))
    (line,) = report.lines
    assert line.startswith("1.json: DocumentReference/a: its file is refused: it is no PDF")
    assert "document" not in report.added
    assert not Document.objects.exists()


def test_a_file_that_was_refused_since_is_told_at_the_next_import(tmp_path):
    paths = put(tmp_path, PATIENT, reference("a", b"%PDF-1.4 x"))
    assert import_records(ACTOR, paths=paths).lines == []
    Document.objects.update(state="refused", reason="damaged")
    (line,) = import_records(ACTOR, paths=paths).lines
    assert line.startswith("1.json: DocumentReference/a: its file was refused: ")


def test_an_import_has_no_daily_quota(tmp_path, settings):
    settings.UPLOADS_PER_DAY = 2
    many = [reference(f"d{number}", b"%PDF-1.4 x") for number in range(3)]
    report = import_records(ACTOR, paths=put(tmp_path, PATIENT, *many))
    assert (report.lines, Document.objects.count()) == ([], 3)
