"""The keys of stored files rotate with all others, while files are read and sent (R-SEC-1)."""

import base64
from io import BytesIO
from pathlib import Path

import pytest

from config.security import rotation
from config.security.streams import KeyMissing
from portal import documents, inspection, parts, uploads
from portal.access import System
from portal.file_keys import FileKeys
from portal.models import Document, Patient
from tests import factories
from tests.files import picture

pytestmark = pytest.mark.django_db
SYSTEM = System("test")
NEXT = "next:" + base64.b64encode(b"n" * 32).decode()


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def patient() -> Patient:
    return factories.patient_with_user()


def kept(patient: Patient, data: bytes) -> Document:
    return documents.keep(
        SYSTEM,
        kind="other",
        filename="a.pdf",
        content_type="application/pdf",
        source=BytesIO(data),
        patient=patient,
    )


def rotate() -> tuple[int, list[str]]:
    steps = list(FileKeys().rotate(2))
    return sum(step.done for step in steps), [name for step in steps for name in step.unreadable]


def test_the_command_knows_of_files() -> None:
    assert "stored files" in {source.name for source in rotation.sources()}


def test_every_file_and_every_part_moves_to_the_newest_key(patient: Patient, settings) -> None:
    files = [kept(patient, b"file %d" % number) for number in range(5)]
    upload = uploads.begin(patient.user, kind="other", filename="a", size=40_000, patient=patient)
    uploads.add_chunk(patient.user, upload.ref, offset=0, data=bytes(20_000))
    old = FileKeys().keys()
    settings.MASTER_KEYS = f"{NEXT},{settings.MASTER_KEYS}"
    assert rotate() == (6, [])
    assert rotate() == (0, [])
    assert FileKeys().keys() == {"next": 6}
    assert sum(old.values()) == 6
    settings.MASTER_KEYS = NEXT
    vault = uploads.vault()
    for number, document in enumerate(files):
        assert vault.open_reader(document.storage_name).read() == b"file %d" % number
    assert vault.open_reader(parts.part_name(upload, 0)).read() == bytes(20_000)


def test_a_file_that_no_key_opens_is_named_and_the_rest_goes_on(
    patient: Patient, settings, tmp_path: Path
) -> None:
    broken, lost, good = (kept(patient, b"x") for _ in range(3))
    (tmp_path / broken.storage_name).write_bytes(b"nonsense")
    (tmp_path / lost.storage_name).unlink()
    settings.MASTER_KEYS = f"{NEXT},{settings.MASTER_KEYS}"
    assert rotate() == (1, [f"portal.Document {broken.pk}", f"portal.Document {lost.pk}"])
    assert FileKeys().keys() == {"next": 1}
    assert documents.open_document(SYSTEM, good.ref).reader.read() == b"x"


@pytest.mark.parametrize("state", ["received", "scanning", "not_scanned"])
def test_a_file_in_quarantine_still_needs_its_key(patient: Patient, settings, state: str) -> None:
    """Its parts are all there is of it until it is checked."""
    data = picture()
    document = finished(patient, data)
    Document.objects.filter(pk=document.pk).update(state=state)
    before = set(FileKeys().keys())
    settings.MASTER_KEYS = f"{NEXT},{settings.MASTER_KEYS}"
    assert set(FileKeys().keys()) == before
    assert rotate() == (1, [])
    for source in rotation.sources():
        list(source.rotate(100))
    settings.MASTER_KEYS = NEXT
    settings.UPLOADS_ACCEPT_UNSCANNED = True
    Document.objects.filter(pk=document.pk).update(state="received")
    assert inspection.process(document.pk) == "ready"


def test_a_file_whose_key_was_taken_away_waits_for_it(patient: Patient, settings) -> None:
    """Its bytes may be whole: refusing it would delete them."""
    settings.UPLOADS_ACCEPT_UNSCANNED = True
    document = finished(patient, picture())
    both = settings.MASTER_KEYS = f"{NEXT},{settings.MASTER_KEYS}"
    for source in rotation.sources():
        if source.name != FileKeys.name:
            list(source.rotate(100))
    settings.MASTER_KEYS = NEXT
    with pytest.raises(KeyMissing):
        inspection.process(document.pk)
    document.refresh_from_db()
    assert (document.state, document.attempts) == ("scanning", 0)
    settings.MASTER_KEYS = both
    Document.objects.filter(pk=document.pk).update(state="received")
    assert inspection.process(document.pk) == "ready"


def test_what_is_removed_needs_no_key(patient: Patient, settings, django_capture_on_commit_callbacks) -> None:
    kept_parts, refused = finished(patient, picture()), finished(patient, b"nonsense" * 9)
    settings.UPLOADS_ACCEPT_UNSCANNED = True
    with django_capture_on_commit_callbacks(execute=True):
        assert inspection.process(kept_parts.pk) == "ready"
        assert inspection.process(refused.pk) == "refused"
    assert sum(FileKeys().keys().values()) == 2  # the picture and the small one of it


def finished(patient: Patient, data: bytes) -> Document:
    upload = uploads.begin(patient.user, kind="other", filename="a", size=len(data), patient=patient)
    uploads.add_chunk(patient.user, upload.ref, offset=0, data=data)
    return uploads.finish(patient.user, upload.ref)


def test_parts_that_are_gone_are_named_and_stop_nothing(patient: Patient, settings, tmp_path: Path) -> None:
    lost, good = finished(patient, picture()), finished(patient, picture())
    (tmp_path / parts.part_name(lost.upload, 0)).unlink()
    settings.MASTER_KEYS = f"{NEXT},{settings.MASTER_KEYS}"
    assert rotate() == (1, [f"portal.Document {lost.pk}"])
    assert FileKeys().keys() == {"next": 1}
    assert parts.Arrived(good.upload).read()
