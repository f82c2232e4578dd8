"""Files from their last chunk to their reader: what is taken, what is refused and why, who may open it."""

import hashlib
import tracemalloc
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone, translation
from PIL import Image
from pypdf import PdfReader

from config.integrations import scanner
from config.integrations.scanner import EICAR, NotScanned, Verdict
from config.security import audit
from config.security.storage import EncryptedFileSystemStorage, NotStored, StorageFull
from portal import documents, formats, inspection, owners, parts, signals, uploads
from portal.access import System
from portal.documents import NotReadable
from portal.levels import NotVerified
from portal.models import AccessEntry, Document, Patient
from tests import factories, files
from tests.config.test_scanner import start_clamd, stop
from tests.people import signed_in

pytestmark = pytest.mark.django_db
SYSTEM = System("test")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture(autouse=True)
def scanned(monkeypatch) -> list[bytes]:
    """A scanner that finds EICAR and remembers what it saw. The real one has tests of its own."""
    seen: list[bytes] = []

    def scan(pieces: Any) -> Verdict:
        seen.append(b"".join(pieces))
        return Verdict.INFECTED if EICAR in seen[-1] else Verdict.CLEAN

    monkeypatch.setattr(scanner, "scan", scan)
    monkeypatch.setattr(scanner, "works", lambda: True)
    return seen


@pytest.fixture
def no_scanner(monkeypatch) -> None:
    def scan(pieces: Any) -> Verdict:
        raise NotScanned

    monkeypatch.setattr(scanner, "scan", scan)
    monkeypatch.setattr(scanner, "works", lambda: False)


@pytest.fixture
def patient() -> Patient:
    return factories.patient_with_user()


def arrive(patient: Patient, data: bytes, **more: Any) -> Document:
    values = {"kind": "other", "filename": "scan.bin", "patient": patient, "size": len(data), **more}
    actor = values.pop("actor", patient.user if patient else None)
    upload = uploads.begin(actor, **values)
    for offset in range(0, len(data), uploads.CHUNK_MOST):
        uploads.add_chunk(actor, upload.ref, offset=offset, data=data[offset : offset + uploads.CHUNK_MOST])
    return uploads.finish(actor, upload.ref)


def sent(patient: Patient, data: bytes, **more: Any) -> Document:
    """A file that arrived and went through its checks."""
    document = arrive(patient, data, **more)
    inspection.process(document.pk)
    document.refresh_from_db()
    return document


def contents(document: Document) -> bytes:
    with documents.open_document(SYSTEM, document.ref).reader as reader:
        return reader.read()


def stored_names(tmp_path) -> list[str]:
    return [path.name for path in tmp_path.rglob("*") if path.is_file()]


# --- what is taken ---------------------------------------------------------------------------------

GOOD = {
    "jpeg": (lambda: files.picture("JPEG"), "image/jpeg"),
    "png": (lambda: files.picture("PNG"), "image/png"),
    "gray": (lambda: files.picture("JPEG", mode="L"), "image/jpeg"),
    "see-through": (lambda: files.picture("PNG", mode="RGBA"), "image/png"),
    "palette": (lambda: files.picture("PNG", mode="P"), "image/png"),
    "print colours": (lambda: files.picture("JPEG", mode="CMYK"), "image/jpeg"),
    "progressive": (lambda: files.picture("JPEG", progressive=True), "image/jpeg"),
    "heic": (files.heic, "image/jpeg"),
    "one-page fax": (lambda: files.fax(1), "image/jpeg"),
    "fax": (files.fax, "application/pdf"),
    "pdf": (files.pdf, "application/pdf"),
    "pdf that opens on page one": (lambda: files.pdf(2, files.opens_on_page_one), "application/pdf"),
    "film": (files.film, "video/mp4"),
    "mov": (lambda: files.film(brand=b"qt  "), "video/quicktime"),
}


@pytest.mark.parametrize("name", GOOD)
def test_takes_what_people_send(patient: Patient, name: str) -> None:
    make, content_type = GOOD[name]
    document = sent(patient, make())
    assert (document.state, document.reason) == ("ready", "")
    assert document.content_type == content_type
    assert document.virus_checked
    data = contents(document)
    assert formats.content_type(data[:16]) == content_type
    assert document.size == len(data)
    assert document.sha256 == hashlib.sha256(data).hexdigest()


def test_pictures_are_painted_anew_without_what_they_tell(patient: Patient) -> None:
    """I10: no place, no maker, and upright as it was meant to be seen."""
    original = files.photo_with_place()
    assert b"Synthetic Phone" in original
    data = contents(sent(patient, original))
    image = Image.open(BytesIO(data))
    assert dict(image.getexif()) == {}
    assert b"Synthetic Phone" not in data
    assert b"Exif" not in data
    assert image.size == (400, 600)
    assert image.getpixel((200, 10))[0] > 200 > 100 > image.getpixel((200, 10))[1]
    assert image.getpixel((200, 590)) > (200, 200, 200)


def test_films_lose_their_place_and_keep_their_frames(patient: Patient) -> None:
    original = files.film(b"frame data " * 300_000)
    data = contents(sent(patient, original, kind="video"))
    assert len(data) == len(original)
    assert [kind for kind, *_ in formats.boxes(BytesIO(data), 0, len(data))] == [b"ftyp", b"moov", b"mdat"]
    changed = [at for at in range(len(data)) if data[at] != original[at]]
    assert len(changed) <= 8
    assert b"udta" not in data
    assert b"meta" not in data


def test_a_fax_keeps_all_its_pages(patient: Patient) -> None:
    document = sent(patient, files.fax(3))
    assert document.pages == 3
    assert len(PdfReader(BytesIO(contents(document))).pages) == 3


def test_a_pdf_is_kept_byte_for_byte(patient: Patient) -> None:
    data = files.pdf(4)
    document = sent(patient, data)
    assert contents(document) == data
    assert document.pages == 4


def test_pictures_and_faxes_get_a_thumbnail_pdfs_and_films_none(patient: Patient) -> None:
    for make, has_one in ((files.picture, True), (files.fax, True), (files.pdf, False), (files.film, False)):
        document = sent(patient, make())
        assert bool(document.thumbnail_name) is has_one
    small = documents.open_thumbnail(SYSTEM, sent(patient, files.picture(size=(2000, 1000))).ref).reader
    assert Image.open(BytesIO(small.read())).size == (320, 160)


def test_the_name_ends_as_the_file_now_is(patient: Patient) -> None:
    assert sent(patient, files.heic(), filename="IMG_1.HEIC").filename == "IMG_1.jpg"
    assert sent(patient, files.picture(), filename="card.JPEG").filename == "card.JPEG"
    assert sent(patient, files.picture(), filename="run.exe").filename == "run.jpg"
    assert sent(patient, files.pdf(), filename="\u202efdp.x").filename == "fdp.pdf"


def test_the_name_of_a_type_counts_for_nothing(patient: Patient) -> None:
    document = sent(patient, files.pdf(), filename="card.jpg", declared_type="image/jpeg")
    assert document.content_type == "application/pdf"


# --- what is refused -------------------------------------------------------------------------------


def bomb() -> bytes:
    from zipfile import ZIP_DEFLATED, ZipFile

    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    return out.getvalue()


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def with_comment(data: bytes, comment: bytes) -> bytes:
    """A JPEG with a note behind its first mark."""
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def nested(count: int) -> bytes:
    """Folders of a film, each in the one before."""
    inner = b""
    for _ in range(count):
        inner = files.box(b"moov", inner)
    return inner


BAD = {
    "zip bomb": (bomb, "type"),
    "program": (lambda: b"MZ" + bytes(500), "type"),
    "page": (lambda: b"<!doctype html><script>alert(1)</script>", "type"),
    "drawing with script": (lambda: b"<svg xmlns='x'><script/></svg>", "type"),
    "text": (lambda: b"hello", "type"),
    "cut jpeg": (lambda: cut(files.picture("JPEG")), "truncated"),
    "cut png": (lambda: cut(files.picture("PNG")), "truncated"),
    "cut heic": (lambda: cut(files.heic()), "truncated"),
    "cut tiff": (lambda: cut(files.fax(1)), "truncated"),
    "cut pdf": (lambda: cut(files.pdf(20)), "truncated"),
    "cut film": (lambda: cut(files.film()), "truncated"),
    "film without index": (lambda: files.box(b"ftyp", b"isom" + bytes(8)) + files.box(b"mdat"), "truncated"),
    "jpeg of noise": (
        lambda: b"\xff\xd8\xff\xe0\x00\x04ab\xff\xda\x00\x02" + bytes(99) + b"\xff\xd9",
        "truncated",
    ),
    "pdf of noise": (lambda: b"%PDF-1.7\n" + bytes(200) + b"\n%%EOF", "truncated"),
    "jpeg and zip": (lambda: files.picture() + bomb(), "polyglot"),
    "jpeg and program": (lambda: files.picture() + b"MZ" + bytes(100), "polyglot"),
    "jpeg and zip behind a second picture": (lambda: files.picture() * 2 + bomb(), "polyglot"),
    "png and page": (lambda: files.picture("PNG") + b"<html>", "polyglot"),
    "jpeg that is a pdf": (lambda: with_comment(files.picture(), b"%PDF-1.7 1 0 obj"), "polyglot"),
    "jpeg that is a page": (lambda: with_comment(files.picture(), b"<script>alert(1)</script>"), "polyglot"),
    "pdf and page": (lambda: files.pdf() + b"<html><script>", "polyglot"),
    "pdf that is a page": (lambda: files.pdf().replace(b"%PDF-1.3\n", b"%PDF-1.3\n%<html>\n", 1), "polyglot"),
    "pdf and zip": (lambda: files.pdf() + bomb(), "polyglot"),
    "two pdfs": (lambda: files.pdf() + files.pdf(), "polyglot"),
    "film that is a page": (lambda: files.film(b"<html><script>alert(1)</script>" * 20), "polyglot"),
    "jpeg of very many notes": (
        lambda: with_comment(files.picture(), b"").replace(b"\xff\xfe\0\x02", b"\xff\xfe\0\x02" * 100_001, 1),
        "slow",
    ),
    "film of folders in folders": (lambda: files.film() + nested(1500), "slow"),
    "900 million points": (files.huge_png, "pixels"),
    "too many pages": (lambda: files.pdf(inspection.PAGES_MOST + 1), "pages"),
    "too many fax pages": (lambda: files.fax(inspection.PAGES_MOST + 1), "pages"),
    "locked pdf": (
        lambda: files.pdf(change=lambda it: it.encrypt("secret", algorithm="RC4-128")),
        "encrypted",
    ),
    "eicar in a pdf": (lambda: files.pdf() + b"\n%" + EICAR, "infected"),
} | {
    f"pdf with {name}": (lambda change=change: files.pdf(change=change), "active")
    for name, change in files.ACTIVE_PDFS.items()
}


@pytest.mark.parametrize("name", BAD)
def test_refuses_and_says_why(
    patient: Patient, tmp_path, name: str, django_capture_on_commit_callbacks
) -> None:
    make, reason = BAD[name]
    with django_capture_on_commit_callbacks(execute=True):
        document = arrive(patient, make())
    with django_capture_on_commit_callbacks(execute=True):
        inspection.process(document.pk)
    document.refresh_from_db()
    assert document.reason == reason
    assert document.state == ("infected" if reason == "infected" else "refused")
    assert document.get_reason_display().endswith(".")
    assert stored_names(tmp_path) == []
    with pytest.raises(NotReadable) as refusal:
        documents.open_document(patient.user, document.ref)
    assert str(refusal.value) == document.get_reason_display()


def test_every_reason_is_a_sentence_or_two_without_jargon() -> None:
    from portal.models.documents import Refusal

    for reason in Refusal:
        assert 40 <= len(str(reason.label)) <= 110
        assert str(reason.label).endswith(".")
        assert not {"EOF", "MIME", "polyglot", "parser"} & set(str(reason.label).split())


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("video", files.picture),
        ("photo", files.pdf),
        ("insurance_card_front", files.film),
        ("photo", files.film),
    ],
)
def test_a_kind_takes_only_what_fits_it(patient: Patient, kind: str, make) -> None:
    assert sent(patient, make(), kind=kind).reason == "kind"


def test_what_phones_put_behind_a_photo_is_no_polyglot(patient: Patient) -> None:
    for trailer in (files.picture(size=(64, 64)), files.film(), b"note\0SEFT"):
        data = contents(sent(patient, files.picture() + trailer))
        assert data.endswith(b"\xff\xd9")
        assert b"SEFT" not in data


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        (b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>", "active"),
        (b"<< /S /J#61vaScript /J#53 (app.alert\\(1\\)) >>", "active"),
        (b"<< /S /L#61unch /F (calc.exe) >>", "active"),
        (b"<< /S /GoTo /D [3 0 R /Fit] >>", ""),
    ],
)
def test_what_a_pdf_packs_away_is_looked_at_too(patient: Patient, inside: bytes, reason: str) -> None:
    assert sent(patient, files.packed_pdf(inside)).reason == reason


def test_the_decoder_is_kept_from_keys_files_and_the_rest_of_us(patient: Patient, monkeypatch) -> None:
    monkeypatch.setenv("MASTER_KEYS_FILE", "synthetic")
    seen: dict[str, Any] = {}
    run = inspection.subprocess.run

    def watching(command: list[str], **options: Any) -> Any:
        seen.update(options, command=command)
        return run(command, **options)

    monkeypatch.setattr(inspection.subprocess, "run", watching)
    assert sent(patient, files.picture()).state == "ready"
    assert seen["env"] == {"LC_ALL": "C.UTF-8"}
    assert seen["command"][1] == "-I"


@pytest.mark.parametrize(
    ("program", "reason"), [("import os; os.abort()", "slow"), ("raise SystemExit(3)", "truncated")]
)
def test_a_file_that_brings_the_decoder_down_is_refused(
    patient: Patient, tmp_path_factory, monkeypatch, program: str, reason: str
) -> None:
    falling = tmp_path_factory.mktemp("decoder") / "decoder.py"
    falling.write_text(program)
    monkeypatch.setattr(inspection, "DECODER", falling)
    assert sent(patient, files.picture()).reason == reason


def test_a_file_that_takes_the_decoder_too_long_is_refused(
    patient: Patient, tmp_path_factory, monkeypatch
) -> None:
    slow = tmp_path_factory.mktemp("decoder") / "decoder.py"
    slow.write_text("import time; time.sleep(30)")
    monkeypatch.setattr(inspection, "DECODER", slow)
    monkeypatch.setattr(inspection, "DECODE_SECONDS", 0.3)
    assert sent(patient, files.picture()).reason == "slow"


# --- quarantine ------------------------------------------------------------------------------------


def test_eicar_is_found_before_anything_opens_the_file(patient: Patient, monkeypatch, scanned) -> None:
    monkeypatch.setattr(inspection, "_look_inside", lambda *_: pytest.fail("opened before it was scanned"))
    data = with_comment(files.picture(), EICAR)
    assert sent(patient, data).state == "infected"
    assert scanned == [data]


def test_the_real_scanner_stands_in_the_way(
    patient: Patient, tmp_path_factory, settings, monkeypatch
) -> None:
    """I9: EICAR is blocked, a clean file passes, and with the scanner killed a file waits."""
    monkeypatch.undo()
    process, settings.CLAMD_URL = start_clamd(tmp_path_factory.mktemp("clamd"), most="30M")
    scanner._proved.clear()
    try:
        assert sent(patient, EICAR).reason == "type"
        assert sent(patient, files.picture()).virus_checked
        with_eicar = files.pdf(change=lambda it: it.add_attachment("eicar.com", EICAR))
        assert sent(patient, with_eicar).state == "infected"
    finally:
        stop(process)
    assert sent(patient, files.picture()).state == "not_scanned"


def test_a_large_film_is_inspected_in_flat_memory(patient: Patient, monkeypatch) -> None:
    document = arrive(patient, files.film(bytes(48 * 1024 * 1024)), kind="video")
    monkeypatch.setattr(scanner, "scan", lambda pieces: [None for _ in pieces] and Verdict.CLEAN)
    tracemalloc.start()
    try:
        assert inspection.process(document.pk) == "ready"
        assert tracemalloc.get_traced_memory()[1] < 12 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_without_a_scanner_a_file_stays_in_quarantine(patient: Patient, no_scanner) -> None:
    """I9: scanner down means kept, not passed."""
    document = sent(patient, files.picture())
    assert document.state == "not_scanned"
    with pytest.raises(NotReadable, match="Waiting for the virus check"):
        documents.open_document(patient.user, document.ref)
    for _ in range(2 * inspection.ATTEMPTS_MOST):
        assert inspection.process(document.pk) == "not_scanned"


def test_what_waits_is_scanned_once_the_scanner_works(patient: Patient, monkeypatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("portal.tasks.process_upload.delay", asked.append)
    with monkeypatch.context() as patch:
        patch.setattr(scanner, "works", lambda: False)
        patch.setattr(scanner, "scan", lambda pieces: (_ for _ in ()).throw(NotScanned()))
        document = sent(patient, files.picture())
        inspection.sweep()
        assert asked == []
    inspection.sweep()
    assert asked == [document.pk]
    assert inspection.process(document.pk) == "ready"


def test_the_demo_lets_unscanned_files_through_and_says_so(patient: Patient, no_scanner, settings) -> None:
    settings.UPLOADS_ACCEPT_UNSCANNED = True
    document = sent(patient, files.picture())
    assert (document.state, document.virus_checked) == ("ready", False)
    assert document.state_text == "Received, not scanned for viruses"
    with translation.override("es"):
        assert document.state_text == "Recibido, sin análisis de virus"
    page = signed_in(patient.user).get("/documents/").content.decode()
    assert "Received, not scanned for viruses" in page
    assert "Received and checked" not in page
    told = signed_in(patient.user).get(f"/uploads/{document.ref}/").json()["document"]
    assert (told["state"], told["state_text"]) == ("ready", document.state_text)


# --- again and again -------------------------------------------------------------------------------


def test_processing_twice_does_no_harm(patient: Patient) -> None:
    document = sent(patient, files.picture())
    assert inspection.process(document.pk) == "nothing to do"
    assert contents(document)


def test_a_file_left_behind_by_a_killed_worker_is_picked_up(patient: Patient, monkeypatch) -> None:
    document = arrive(patient, files.picture())
    asked: list[int] = []
    monkeypatch.setattr("portal.tasks.process_upload.delay", asked.append)
    assert inspection._claim(document.pk)
    assert inspection.process(document.pk) == "nothing to do"
    inspection.sweep()
    assert asked == []
    age(document, inspection.STUCK_AFTER + timedelta(seconds=1))
    inspection.sweep()
    assert asked == [document.pk]
    assert inspection.process(document.pk) == "ready"


def age(document: Document, by: timedelta) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE portal_document SET changed_at = %s WHERE id = %s", [timezone.now() - by, document.pk]
        )


def test_a_file_whose_task_was_lost_is_picked_up(patient: Patient, monkeypatch) -> None:
    document = arrive(patient, files.picture())
    asked: list[int] = []
    monkeypatch.setattr("portal.tasks.process_upload.delay", asked.append)
    age(document, inspection.UNTOUCHED_AFTER + timedelta(seconds=1))
    inspection.sweep()
    assert asked == [document.pk]


def test_a_file_that_kills_every_worker_is_refused_in_the_end(patient: Patient) -> None:
    document = arrive(patient, files.picture())
    for _ in range(inspection.ATTEMPTS_MOST):
        assert inspection._claim(document.pk)
        age(document, inspection.STUCK_AFTER + timedelta(seconds=1))
    assert inspection.process(document.pk) == "refused"
    document.refresh_from_db()
    assert document.reason == "slow"


def test_a_part_that_was_changed_at_rest_is_not_passed_on(patient: Patient) -> None:
    document = arrive(patient, files.picture())
    place = Path(default_storage.path(parts.part_name(document.upload, 0)))
    with place.open("r+b") as part:
        part.seek(600)
        part.write(b"changed")
    inspection.process(document.pk)
    document.refresh_from_db()
    assert document.reason == "changed"


@contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def full(*_: Any) -> int:
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(EncryptedFileSystemStorage, "put", full)
        yield


@pytest.mark.timeout(30)
def test_a_part_that_became_empty_is_not_read_for_ever(patient: Patient) -> None:
    document = arrive(patient, files.picture())
    uploads.vault().put(parts.part_name(document.upload, 0), BytesIO(b""))
    assert inspection.process(document.pk) == "refused"
    document.refresh_from_db()
    assert document.reason == "changed"


def test_a_lost_part_is_looked_for_again_and_given_up_in_the_end(patient: Patient) -> None:
    document = arrive(patient, files.picture())
    place = Path(default_storage.path(parts.part_name(document.upload, 0)))
    kept = place.read_bytes()
    place.unlink()
    for _ in range(inspection.ATTEMPTS_MOST - 1):
        with pytest.raises(NotStored):
            inspection.process(document.pk)
        age(document, inspection.STUCK_AFTER + timedelta(seconds=1))
    place.write_bytes(kept)
    assert inspection.process(document.pk) == "ready"
    other = arrive(patient, files.picture())
    Path(default_storage.path(parts.part_name(other.upload, 0))).unlink()
    for _ in range(inspection.ATTEMPTS_MOST):
        with pytest.raises(NotStored):
            inspection.process(other.pk)
        age(other, inspection.STUCK_AFTER + timedelta(seconds=1))
    assert inspection.process(other.pk) == "refused"


def test_a_full_disk_loses_no_file_however_long_it_stays_full(patient: Patient, monkeypatch) -> None:
    document = arrive(patient, files.picture())
    with no_room(monkeypatch):
        for _ in range(2 * inspection.ATTEMPTS_MOST):
            assert inspection.process(document.pk) == "received"
    assert inspection.process(document.pk) == "ready"


def test_a_full_disk_loses_no_file_that_waited_for_the_scanner(
    patient: Patient, monkeypatch, no_scanner
) -> None:
    document = sent(patient, files.picture())
    monkeypatch.setattr(scanner, "scan", lambda pieces: Verdict.CLEAN)
    with no_room(monkeypatch):
        for _ in range(2 * inspection.ATTEMPTS_MOST):
            assert inspection.process(document.pk) == "received"
    assert inspection.process(document.pk) == "ready"


def test_readiness_tells_that_files_wait_for_room(patient: Patient, monkeypatch, client, valkey) -> None:
    document = arrive(patient, files.picture())
    assert client.get("/readyz").json()["parts"]["storage"] == "ok"
    with no_room(monkeypatch):
        inspection.process(document.pk)
    assert client.get("/readyz").json()["parts"]["storage"] == "was full: files wait for room"
    valkey.flushdb()
    with no_room(monkeypatch), pytest.raises(uploads.NoRoom):
        arrive(patient, files.picture())
    assert client.get("/readyz").json()["parts"]["storage"] == "was full: files wait for room"


@pytest.mark.parametrize("failure", [OSError("no such host"), DatabaseError("gone")])
def test_what_fails_with_us_loses_no_file(patient: Patient, monkeypatch, failure: Exception) -> None:
    """A bucket or a database that is out for hours is no fault of the file."""
    document = arrive(patient, files.picture())

    def out(*_: Any) -> Any:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(inspection, "Arrived", out)
        for _ in range(2 * inspection.ATTEMPTS_MOST):
            with pytest.raises(type(failure)):
                inspection.process(document.pk)
            age(document, inspection.STUCK_AFTER + timedelta(seconds=1))
    assert inspection.process(document.pk) == "ready"


def test_the_longest_waiting_are_picked_up_first(patient: Patient, monkeypatch) -> None:
    newer, older = (arrive(patient, files.picture()) for _ in range(2))
    asked: list[int] = []
    monkeypatch.setattr("portal.tasks.process_upload.delay", asked.append)
    for document, minutes in ((newer, 2), (older, 3)):
        age(document, timedelta(minutes=minutes))
    inspection.sweep()
    assert asked == [older.pk, newer.pk]


def test_the_rest_is_told_on_commit(patient: Patient, django_capture_on_commit_callbacks) -> None:
    told: list[tuple[str, int]] = []

    def ready(document_id: int, **_: Any) -> None:
        told.append(("ready", document_id))

    def refused(document_id: int, **_: Any) -> None:
        told.append(("refused", document_id))

    signals.document_ready.connect(ready)
    signals.document_refused.connect(refused)
    good, bad = arrive(patient, files.picture()), arrive(patient, b"nonsense")
    with django_capture_on_commit_callbacks(execute=True):
        inspection.process(good.pk)
        inspection.process(bad.pk)
        assert told == []
    assert told == [("ready", good.pk), ("refused", bad.pk)]


# --- taking back, reviewing ------------------------------------------------------------------------


def test_a_file_can_be_taken_back_until_it_is_reviewed(
    patient: Patient, tmp_path, django_capture_on_commit_callbacks
) -> None:
    document = sent(patient, files.picture())
    with django_capture_on_commit_callbacks(execute=True):
        documents.withdraw(patient.user, document.ref)
    assert stored_names(tmp_path) == []
    with pytest.raises(NotReadable, match="Withdrawn"):
        documents.open_document(patient.user, document.ref)
    assert documents.withdraw(patient.user, document.ref).state == "withdrawn"
    reviewed = sent(patient, files.picture())
    documents.review(factories.UserFactory(roles=["intake"]), reviewed.ref)
    with pytest.raises(NotReadable, match="reviewed this file already"):
        documents.withdraw(patient.user, reviewed.ref)
    assert contents(reviewed)


def test_a_file_taken_back_while_it_is_checked_stays_gone(
    patient: Patient, tmp_path, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    document = arrive(patient, files.picture())

    def meanwhile(*args: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            documents.withdraw(patient.user, document.ref)
        return inspection.Result(BytesIO(b"late"), "image/jpeg")

    monkeypatch.setattr(inspection, "_look_inside", meanwhile)
    assert inspection.process(document.pk) == "withdrawn"
    assert stored_names(tmp_path) == []


def test_only_those_whose_file_it_is_take_it_back(patient: Patient) -> None:
    helper = factories.caregiver_of(patient).user
    own, theirs = sent(patient, files.picture()), sent(patient, files.picture(), actor=helper)
    with pytest.raises(PermissionDenied):
        documents.withdraw(helper, own.ref)
    with pytest.raises(PermissionDenied):
        documents.withdraw(factories.UserFactory(roles=["agent"]), own.ref)
    with pytest.raises(Document.DoesNotExist):
        documents.withdraw(factories.patient_with_user().user, own.ref)
    documents.withdraw(helper, theirs.ref)
    documents.withdraw(patient.user, sent(patient, files.picture(), actor=helper).ref)


def test_only_reviewers_review_and_only_what_is_ready(patient: Patient) -> None:
    document = sent(patient, files.picture())
    for actor in (patient.user, factories.UserFactory(roles=["agent"])):
        with pytest.raises(PermissionDenied):
            documents.review(actor, document.ref)
    with pytest.raises(NotReadable):
        documents.review(factories.UserFactory(roles=["intake"]), sent(patient, b"x").ref)


# --- who may open it -------------------------------------------------------------------------------


def may_open(actor: Any, document: Document) -> bool:
    try:
        documents.open_document(actor, document.ref).reader.close()
    except Document.DoesNotExist:
        return False
    return True


def test_a_patients_files_are_theirs_and_their_caregivers_in_scope(patient: Patient) -> None:
    card = sent(patient, files.picture(), kind="insurance_card_front")
    proof = sent(patient, files.picture(), kind="delivery_proof", actor=SYSTEM)
    billing, deliveries = (factories.caregiver_of(patient, scope).user for scope in ("billing", "deliveries"))
    assert may_open(patient.user, card)
    assert (may_open(billing, card), may_open(billing, proof)) == (True, False)
    assert (may_open(deliveries, card), may_open(deliveries, proof)) == (False, True)
    assert not may_open(factories.UserFactory(roles=["warehouse"]), card)
    assert not may_open(factories.patient_with_user().user, card)


def opens_for(actor: Any, document: Document, purpose: str = "") -> bool:
    try:
        documents.open_document(actor, document.ref, purpose=purpose).reader.close()
    except NotVerified:
        return False
    return True


def test_staff_open_a_patients_file_for_a_verified_case_alone(patient: Patient) -> None:
    """R-CASE-3: not for no reason, not for somebody else's case, not for a colleague's proof."""
    card, agent = sent(patient, files.picture()), factories.UserFactory(roles=["agent"])
    case, other = factories.CaseFactory(patient=patient), factories.CaseFactory()
    factories.verified(agent, other)
    factories.verified(agent, case, level=1)
    purpose = f"case:{case.pk}"
    assert not any(opens_for(agent, card, named) for named in ("", purpose, f"case:{other.pk}", "review"))
    factories.verified(agent, case)
    assert opens_for(agent, card, purpose)
    assert not opens_for(agent, card)
    assert not opens_for(factories.UserFactory(roles=["agent"]), card, purpose)


def test_who_reviews_files_opens_those_that_wait_for_it(patient: Patient) -> None:
    card, intake = sent(patient, files.picture()), factories.UserFactory(roles=["intake"])
    assert opens_for(intake, card, "review")
    assert AccessEntry.objects.filter(purpose=f"review:{card.pk}", subjects=[patient.pk]).exists()
    documents.review(intake, card.ref)
    assert not opens_for(intake, card, "review")


def test_a_caregivers_eyes_end_with_their_scope(patient: Patient) -> None:
    card = sent(patient, files.picture())
    ended = factories.caregiver_of(patient, expires_at=timezone.now() - timedelta(days=1)).user
    revoked = factories.caregiver_of(patient, revoked_at=timezone.now()).user
    assert not may_open(ended, card)
    assert not may_open(revoked, card)


def test_a_copy_of_all_data_is_for_the_patient_alone(patient: Patient) -> None:
    copy = documents.keep(
        SYSTEM,
        kind="export",
        filename="a.zip",
        content_type="application/zip",
        source=BytesIO(b"z"),
        patient=patient,
    )
    assert may_open(patient.user, copy)
    assert not may_open(factories.caregiver_of(patient).user, copy)
    assert not may_open(factories.UserFactory(roles=["supervisor"]), copy)


def test_files_of_a_conversation_are_for_those_in_it_and_the_desk(monkeypatch) -> None:
    guest, stranger = object(), object()
    ref = f"conversation:{uuid.uuid4()}"
    monkeypatch.setitem(owners.OWNERS, "conversation", lambda actor, _: actor is guest)
    document = documents.keep(
        SYSTEM, kind="other", filename="a.jpg", content_type="image/jpeg", source=BytesIO(b"x"), owner_ref=ref
    )
    assert may_open(guest, document)
    assert not may_open(stranger, document)
    assert not may_open(factories.patient_with_user().user, document)
    assert may_open(factories.UserFactory(roles=["agent"]), document)


def test_a_file_has_one_owner_and_never_two_or_none(patient: Patient) -> None:
    for owner in ({}, {"patient": patient, "owner_ref": "conversation:1"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Document.objects.create(kind="other", **owner)


def test_opening_is_on_the_trail_with_the_patient_and_the_file(patient: Patient) -> None:
    document = sent(patient, files.picture())
    agent = factories.UserFactory(roles=["agent"])
    case = factories.CaseFactory(patient=patient)
    factories.verified(agent, case)
    purpose = f"case:{case.pk}"
    with audit.acting(agent):
        documents.open_document(agent, document.ref, purpose=purpose).reader.close()
        documents.open_thumbnail(agent, document.ref, purpose=purpose).reader.close()
    full, small = AccessEntry.objects.filter(kind="read").order_by("pk")[:2]
    assert (full.what, small.what) == ("document", "thumbnail")
    assert full.subjects == [patient.pk]
    assert (full.actor_id, full.purpose, full.object_id) == (agent.pk, purpose, document.pk)


def test_what_the_trail_cannot_tell_is_not_shown(patient: Patient, monkeypatch) -> None:
    document = sent(patient, files.picture())

    def broken(*_: Any, **__: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(AccessEntry, "save", broken)
    with pytest.raises(audit.TrailUnavailable):
        documents.open_document(patient.user, document.ref)


def test_a_file_that_failed_to_be_recorded_is_not_left_in_the_vault(patient: Patient, tmp_path) -> None:
    with pytest.raises(ValueError, match="not a valid"):
        documents.keep(
            SYSTEM,
            kind="nonsense",
            filename="a",
            content_type="text/plain",
            source=BytesIO(b"x"),
            patient=patient,
        )
    assert stored_names(tmp_path) == []
