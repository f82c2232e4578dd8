"""A copy of a patient's own data, for them to keep: an archive that only their passphrase opens.

``EXPORTERS`` is a registry: each app to the right adds what it holds of a patient. The archive is written
as a stream of pieces, straight into the vault, so its size does not matter. The passphrase is shown once; we
keep it, sealed, only until then and until the archive is made.
"""

import io
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from stat import S_IFREG
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from config.business_day import business_day
from config.security import audit
from portal import account_mail, documents, signals
from portal.access import System, require
from portal.models import DataExport, Document, Patient
from portal.models.documents import DocumentKind
from portal.parts import vault

KEPT = timedelta(days=7)
GIVEN_UP_AFTER = timedelta(hours=1)
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
GROUPS, LETTERS = 6, 4  # 24 letters of 31: 118 bits
UNDER_WAY = ("waiting", "building")
MODE = S_IFREG | 0o600
MAKER = System("my_data")

Rows = Callable[[Patient], Iterable[dict[str, Any]]]


@dataclass(frozen=True)
class Exporter:
    """What an app holds of a patient: ``rows`` for ``data/<name>.json``, ``fhir`` for the FHIR R4 bundle."""

    name: str
    rows: Rows
    fhir: Rows | None = None


EXPORTERS: dict[str, Exporter] = {}


def register(exporter: Exporter) -> None:
    EXPORTERS[exporter.name] = exporter


class AlreadyShown(Exception):
    """The passphrase was shown before, and is gone."""


def ask(actor: Any, *, patient: Patient) -> DataExport:
    """Ask for a copy. While one is being made, that is the one."""
    require(actor, "my_data.export", patient)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        under_way: DataExport | None = DataExport.objects.filter(patient=patient, state__in=UNDER_WAY).first()
        if under_way:
            return under_way
        export: DataExport = DataExport.objects.create(
            patient=patient, requested_by=actor, passphrase=_new_passphrase()
        )
        audit.event("export", subjects=[patient], what="my_data.ask", objects=[export])
        transaction.on_commit(lambda: _start(export.pk))
    return export


def _new_passphrase() -> str:
    letters = ["".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS)]
    return "-".join(letters)


def _start(export_id: int) -> None:
    from portal import tasks

    tasks.build_my_data.delay(export_id)


def reveal(actor: Any, *, export: DataExport) -> str:
    """The passphrase, once. Raises AlreadyShown ever after."""
    require(actor, "my_data.export", export)
    with transaction.atomic():
        held: DataExport = DataExport.objects.select_for_update().get(pk=export.pk)
        if held.passphrase_shown_at or not held.passphrase:
            raise AlreadyShown
        passphrase = str(held.passphrase)
        held.passphrase_shown_at = timezone.now()
        if held.state == "ready":
            held.passphrase = ""
        held.save()
        audit.event("export", subjects=[held.patient_id], what="my_data.passphrase", objects=[held])
    return passphrase


def open_archive(actor: Any, *, export: DataExport) -> documents.Opened:
    """The archive, to be sent to the patient it is of. Raises documents.NotReadable when it has expired."""
    require(actor, "my_data.export", export)
    if export.state != "ready" or export.document is None:
        raise documents.NotReadable
    audit.event("export", subjects=[export.patient_id], what="my_data.download", objects=[export])
    return documents.open_document(actor, export.document.ref)


# --- made in the background --------------------------------------------------------------------------
def build(export_id: int) -> bool:
    """Make the archive; whether it was done now. Run twice, or after a crash, it is made once."""
    export = _claim(export_id)
    if export is None:
        return False
    with audit.acting(export.requested_by, purpose=f"export:{export.pk}"):
        try:
            _build(export)
        except Exception:
            _fail(export)
            raise
    return True


def _claim(export_id: int) -> DataExport | None:
    now = timezone.now()
    abandoned = Q(state="building", started_at__lt=now - GIVEN_UP_AFTER)
    with transaction.atomic():
        rows = DataExport.objects.select_for_update(skip_locked=True, of=("self",))
        export = rows.filter(Q(state="waiting") | abandoned, pk=export_id).first()
        if export is not None:
            export.state, export.started_at, export.percent = "building", now, 0
            export.save()
    return export


def _build(export: DataExport) -> None:
    from stream_zip import stream_zip

    files = _files_of(export.patient)
    audit.event("export", subjects=[export.patient_id], what="my_data", objects=files)
    told = _Telling(export, sum(file.size for file in files))
    pieces = stream_zip(_members(export, files, told), password=export.passphrase)
    document = documents.keep(
        MAKER,
        patient=export.patient,
        kind=DocumentKind.EXPORT,
        filename=f"my-data-{business_day().isoformat()}.zip",
        content_type="application/zip",
        source=Flow(pieces),
    )
    _finish(export, document)


def _finish(export: DataExport, document: Document) -> None:
    now = timezone.now()
    with transaction.atomic():
        held = DataExport.objects.select_for_update().get(pk=export.pk)
        held.state, held.percent, held.document = "ready", 100, document
        held.ready_at, held.expires_at = now, now + KEPT
        if held.passphrase_shown_at:
            held.passphrase = ""
        held.save()
        account_mail.tell_contact(held.patient, "export_ready")
        transaction.on_commit(lambda: _announce(held.pk, held.patient_id))


def _announce(export_id: int, patient_id: int) -> None:
    signals.export_ready.send(sender=DataExport, export_id=export_id, patient_id=patient_id)


def _fail(export: DataExport) -> None:
    DataExport.objects.filter(pk=export.pk).update(state="failed", passphrase="")


def due(now: datetime | None = None) -> list[int]:
    """Copies that wait and that nobody makes: their task was lost."""
    now = now or timezone.now()
    lost = Q(state="waiting", requested_at__lt=now - timedelta(minutes=2))
    abandoned = Q(state="building", started_at__lt=now - GIVEN_UP_AFTER)
    return list(DataExport.objects.filter(lost | abandoned).values_list("pk", flat=True))


def expire(now: datetime | None = None) -> int:
    """Remove archives whose days are over; how many."""
    over = Q(state="ready", expires_at__lte=now or timezone.now())
    with transaction.atomic():
        rows = DataExport.objects.select_for_update(skip_locked=True, of=("self",)).filter(over)
        gone = list(rows.select_related("document"))
        for export in gone:
            if export.document:
                documents.discard(MAKER, export.document)
            export.state, export.passphrase = "expired", ""
            export.save()
    return len(gone)


# --- the archive -------------------------------------------------------------------------------------
class Flow(io.RawIOBase):
    """Pieces of bytes as something to read from, made only as they are read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.rest and (piece := next(self.pieces, None)) is not None:
            self.rest = memoryview(piece)
        taken = min(len(self.rest), len(buffer))
        buffer[:taken] = self.rest[:taken]
        self.rest = self.rest[taken:]
        return taken


class _Telling:
    """Writes down how far the archive is, each few per cent of the bytes of its files."""

    step = 5

    def __init__(self, export: DataExport, total: int) -> None:
        self.export, self.total, self.done, self.said = export, max(1, total), 0, 0

    def more(self, count: int) -> None:
        self.done += count
        percent = min(99, 100 * self.done // self.total)
        if percent >= self.said + self.step:
            self.said = percent
            DataExport.objects.filter(pk=self.export.pk).update(percent=percent)


def _files_of(patient: Patient) -> list[Document]:
    rows = Document.objects.filter(patient=patient).readable()
    return list(rows.exclude(kind=DocumentKind.EXPORT).order_by("pk"))


def _members(export: DataExport, files: list[Document], told: _Telling) -> Iterator[tuple[Any, ...]]:
    from stream_zip import ZIP_32, ZIP_AUTO

    now = timezone.now()
    patient = export.patient
    for exporter in EXPORTERS.values():
        yield f"data/{exporter.name}.json", now, MODE, ZIP_32, json_list(exporter.rows(patient))
    yield "fhir/bundle.json", now, MODE, ZIP_32, bundle(patient, now)
    for file in files:
        yield file_name(file), file.created_at, MODE, ZIP_AUTO(file.size, level=1), _contents(file, told)


def file_name(file: Document) -> str:
    """Where a document stands in the archive: its kind and number, and the ending of its name."""
    ending = file.filename.rpartition(".")[2].lower() if "." in file.filename else ""
    ending = ending if ending.isalnum() and len(ending) <= 5 else "bin"
    return f"files/{file.kind}-{file.pk}.{ending}"


def _contents(file: Document, told: _Telling) -> Iterator[bytes]:
    with vault().open_reader(file.storage_name) as reader:
        while piece := reader.piece():
            told.more(len(piece))
            yield bytes(piece)


def json_list(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A JSON array, row by row."""
    yield b"["
    for number, row in enumerate(rows):
        text = json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
        yield (",\n" if number else "\n").encode() + text.encode()
    yield b"\n]\n"


def bundle(patient: Patient, made_at: datetime) -> Iterator[bytes]:
    """A FHIR R4 collection of every resource the exporters give, each proved by its model first."""
    from fhir.resources.R4B import get_fhir_model_class

    yield b'{"resourceType": "Bundle", "type": "collection", "timestamp": '
    yield json.dumps(made_at.isoformat()).encode() + b', "entry": [\n'
    resources = (row for exporter in EXPORTERS.values() if exporter.fhir for row in exporter.fhir(patient))
    for number, resource in enumerate(resources):
        proved = get_fhir_model_class(resource["resourceType"]).model_validate(resource).model_dump_json()
        address = json.dumps(f"urn:uuid:{resource['id']}")
        yield f'{"," if number else ""}{{"fullUrl": {address}, "resource": {proved}}}\n'.encode()
    yield b"]}\n"
