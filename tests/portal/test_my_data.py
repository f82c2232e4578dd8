"""A copy of one's own data: whole, for the patient alone, opened by a passphrase shown once (R-SEC-4)."""

import io
import json
from datetime import timedelta

import pytest
import pyzipper
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from config.security.streams import fill
from portal import documents, my_data, tasks
from portal.models import AccessEntry, DataExport, Document
from portal.uploads import vault
from tests import factories
from tests.people import signed_in

PAGE = reverse("portal:my-data")


@pytest.fixture
def full(patient):
    """A patient with something of everything."""
    order = factories.OrderFactory(patient=patient, diagnosis_codes="G47.33, J44.9")
    factories.OrderLineFactory(order=order)
    factories.ShipmentFactory(order=order)
    factories.PrescriptionFactory(patient=patient)
    factories.DeviceFactory(patient=patient, serial_number="SN-4711")
    factories.CoverageFactory(patient=patient, member_id="W123")
    thread = factories.ConversationFactory(patient=patient)
    factories.message_in(thread, "Where is it?", role="customer")
    factories.message_in(thread, "Patient seems upset.", kind="note")
    documents.keep(
        my_data.MAKER,
        patient=patient,
        kind="prescription",
        filename="Dr Lee.PDF",
        content_type="application/pdf",
        source=io.BytesIO(b"%PDF-1.4 paper" * 1000),
    )
    return patient


def made(patient):
    """The finished export and its passphrase."""
    export = my_data.ask(patient.user, patient=patient)
    passphrase = my_data.reveal(patient.user, export=export)
    my_data.build(export.pk)
    export.refresh_from_db()
    return export, passphrase


def opened(export, passphrase):
    archive = pyzipper.AESZipFile(io.BytesIO(vault().open_reader(export.document.storage_name).read()))
    archive.setpassword(passphrase.encode())
    return archive


def test_the_archive_holds_all_of_it(full):
    archive = opened(*made(full))
    read = {name: archive.read(name) for name in archive.namelist()}
    rows = {name[5:-5]: json.loads(data) for name, data in read.items() if name.startswith("data/")}
    assert rows["patient"][0]["last_name"] == full.last_name
    assert rows["orders"][0]["lines"][0]["hcpcs"] == "E0601"
    assert rows["devices"][0]["serial_number"] == "SN-4711"
    assert rows["insurance"][0]["member_id"] == "W123"
    assert [row["text"] for row in rows["messages"]] == ["Where is it?"]
    (file,) = [name for name in read if name.startswith("files/")]
    assert file.endswith(".pdf")
    assert read[file] == b"%PDF-1.4 paper" * 1000
    assert rows["documents"][0]["file"] == file


def test_the_bundle_is_accepted_by_the_r4_models(full):
    from fhir.resources.R4B.bundle import Bundle

    archive = opened(*made(full))
    bundle = Bundle.model_validate_json(archive.read("fhir/bundle.json"))
    kinds = [entry.resource.get_resource_type() for entry in bundle.entry]
    assert sorted(kinds) == ["Coverage", "DeviceRequest", "DeviceRequest", "DocumentReference", "Patient"]
    addresses = {entry.fullUrl for entry in bundle.entry}
    requests = [
        entry.resource for entry in bundle.entry if entry.resource.get_resource_type() == "DeviceRequest"
    ]
    assert {request.subject.reference for request in requests} == {f"urn:uuid:{full.ref}"} <= addresses


@pytest.mark.parametrize("missing", ["email", "phone", "address_line1", "city", "state", "postal_code"])
def test_a_patient_with_gaps_makes_a_good_bundle(patient, missing):
    setattr(patient, missing, "")
    patient.save()
    factories.OrderLineFactory(order=factories.OrderFactory(patient=patient, practitioner=None))
    factories.CoverageFactory(patient=patient, member_id="", plan_name="")
    from fhir.resources.R4B.bundle import Bundle

    text = b"".join(my_data.bundle(patient, timezone.now()))
    assert len(Bundle.model_validate_json(text).entry) == 3


def test_every_member_is_encrypted_and_no_other_passphrase_opens_it(full):
    export, _passphrase = made(full)
    archive = opened(export, "WRONG")
    assert all(info.flag_bits & 1 for info in archive.infolist())
    with pytest.raises(RuntimeError):
        archive.read("data/patient.json")
    stored = default_storage.open(export.document.storage_name).read()
    assert full.last_name.encode() not in stored


def test_the_passphrase_is_shown_once_and_then_gone(full):
    export, _passphrase = made(full)
    assert export.passphrase == ""
    with pytest.raises(my_data.AlreadyShown):
        my_data.reveal(full.user, export=export)


def test_a_passphrase_not_seen_yet_outlives_the_making(full):
    export = my_data.ask(full.user, patient=full)
    my_data.build(export.pk)
    passphrase = my_data.reveal(full.user, export=export)
    export.refresh_from_db()
    assert export.passphrase == ""
    assert opened(export, passphrase).read("data/patient.json")


def test_the_passphrase_is_never_in_clear_in_the_database(full):
    from django.db import connection

    export = my_data.ask(full.user, patient=full)
    with connection.cursor() as cursor:
        cursor.execute("SELECT passphrase FROM portal_dataexport WHERE id = %s", [export.pk])
        (stored,) = cursor.fetchone()
    assert export.passphrase not in stored
    assert len(export.passphrase) == 29


def test_asking_twice_makes_one(full):
    assert my_data.ask(full.user, patient=full) == my_data.ask(full.user, patient=full)


def test_the_task_run_twice_makes_one_archive(full):
    export = my_data.ask(full.user, patient=full)
    assert tasks.build_my_data(export.pk) is True
    assert tasks.build_my_data(export.pk) is False
    assert Document.objects.filter(kind="export").count() == 1


def test_asking_starts_the_task_with_the_number_alone(full, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(tasks.build_my_data, "delay", lambda *args: sent.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        export = my_data.ask(full.user, patient=full)
    assert sent == [(export.pk,)]


def test_a_failure_is_told_and_leaves_nothing_behind(full, monkeypatch):
    def broken(patient):
        yield {"a": 1}
        raise OSError("disk")

    monkeypatch.setitem(my_data.EXPORTERS, "broken", my_data.Exporter("broken", broken))
    export = my_data.ask(full.user, patient=full)
    with pytest.raises(OSError, match="disk"):
        my_data.build(export.pk)
    export.refresh_from_db()
    assert (export.state, export.passphrase, export.document) == ("failed", "", None)
    assert my_data.ask(full.user, patient=full) != export


def test_a_lost_task_is_taken_up_again(full, monkeypatch, time_machine):
    sent = []
    monkeypatch.setattr(tasks.build_my_data, "delay", sent.append)
    export = my_data.ask(full.user, patient=full)
    tasks.tend_my_data()
    assert sent == []
    time_machine.move_to(timezone.now())
    time_machine.shift(timedelta(minutes=3))
    tasks.tend_my_data()
    assert sent == [export.pk]


def test_after_seven_days_it_is_gone(full, time_machine, django_capture_on_commit_callbacks):
    export, _passphrase = made(full)
    name = export.document.storage_name
    time_machine.move_to(timezone.now())
    time_machine.shift(timedelta(days=6, hours=23))
    assert my_data.expire() == 0
    time_machine.shift(timedelta(hours=2))
    with django_capture_on_commit_callbacks(execute=True):
        assert my_data.expire() == 1
    export.refresh_from_db()
    assert export.state == "expired"
    assert not default_storage.exists(name)
    with pytest.raises(documents.NotReadable):
        my_data.open_archive(full.user, export=export)


def test_a_large_file_goes_through_in_pieces():
    """The archive asks for a piece only when the one before is written."""
    given = []

    def pieces():
        for number in range(50):
            given.append(number)
            yield bytes(1000)

    flow = my_data.Flow(pieces())
    assert fill(flow, bytearray(10_500)) == 10_500
    assert len(given) == 11


def test_each_step_is_on_the_trail(full):
    export, _passphrase = made(full)
    my_data.open_archive(full.user, export=export).reader.close()
    told = AccessEntry.objects.filter(kind="export", subjects__contains=[full.pk]).order_by("pk")
    assert [entry.what for entry in told] == [
        "my_data.ask",
        "my_data.passphrase",
        "my_data",
        "my_data.download",
    ]


def test_nobody_else_asks_reveals_or_opens(full):
    export = my_data.ask(full.user, patient=full)
    people = [
        factories.patient_user(),
        factories.caregiver_of(full).user,
        factories.UserFactory(roles=["supervisor"]),
    ]
    for person in people:
        with pytest.raises(PermissionDenied):
            my_data.ask(person, patient=full)
        with pytest.raises(PermissionDenied):
            my_data.reveal(person, export=export)
        with pytest.raises(PermissionDenied):
            my_data.open_archive(person, export=export)
        assert not DataExport.objects.visible_to(person).exists()


# --- the pages ---------------------------------------------------------------------------------------
def test_from_asking_to_the_file(full, django_capture_on_commit_callbacks, monkeypatch):
    monkeypatch.setattr(tasks.build_my_data, "delay", lambda pk: my_data.build(pk))
    client = signed_in(full.user)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(reverse("portal:my-data-ask")).url == PAGE
    (export,) = client.get(PAGE).context["exports"]
    shown = client.post(reverse("portal:my-data-passphrase", args=[export.ref])).context["passphrase"]
    again = client.post(reverse("portal:my-data-passphrase", args=[export.ref]))
    assert again.status_code == 302
    answer = client.get(reverse("portal:my-data-file", args=[export.ref]))
    archive = pyzipper.AESZipFile(io.BytesIO(read(answer)))
    archive.setpassword(shown.encode())
    assert json.loads(archive.read("data/patient.json"))[0]["account_number"] == full.account_number


def read(answer):
    from asgiref.sync import async_to_sync

    async def gather():
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(gather)() if answer.is_async else b"".join(answer.streaming_content)


@pytest.mark.parametrize("name", ["my-data-ask", "my-data-passphrase", "my-data-file"])
def test_step_up_comes_first(full, name):
    export = my_data.ask(full.user, patient=full)
    client = signed_in(full.user, proved=False)
    address = reverse(f"portal:{name}", args=[] if name == "my-data-ask" else [export.ref])
    answer = client.get(address) if name == "my-data-file" else client.post(address)
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("portal:prove"))
    export.refresh_from_db()
    assert export.passphrase_shown_at is None


def test_progress_is_shown_and_asked_for_again(full):
    export = my_data.ask(full.user, patient=full)
    DataExport.objects.filter(pk=export.pk).update(state="building", percent=35)
    part = signed_in(full.user).get(reverse("portal:my-data-state", args=[export.ref])).content.decode()
    assert "35" in part
    assert 'hx-trigger="every 3s"' in part
    DataExport.objects.filter(pk=export.pk).update(state="failed")
    part = signed_in(full.user).get(reverse("portal:my-data-state", args=[export.ref])).content.decode()
    assert "hx-trigger" not in part
