"""100 MB up and down beside plain copy and openssl: ratios of speeds."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from config.security.storage import EncryptedFileSystemStorage
from config.security.streams import Reader
from portal import documents, inspection, uploads
from portal.models import Document, Patient
from portal.views.documents import stream
from tests import factories
from tests.benchmarks.harness import note
from tests.files import film

pytestmark = pytest.mark.benchmark
MEGABYTES = 100
ROUNDS = 7
Act = Callable[[], object]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "film"
    with path.open("wb") as file:
        for _ in range(MEGABYTES):
            file.write(os.urandom(1024 * 1024))
    return path


def rounds(acts: dict[str, tuple[Act, Act]]) -> dict[str, list[float]]:
    """MB/s of each, a figure for a round. They take turns, so that a busy moment of the machine hits all alike;
    the disk is quiet before each, and clearing up is not counted."""
    speeds: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(ROUNDS):
        for name, (act, undo) in acts.items():
            os.sync()
            start = time.perf_counter()
            act()
            speeds[name].append(MEGABYTES / (time.perf_counter() - start))
            undo()
    return speeds


def sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def openssl_speed() -> float:
    """AES-256-GCM in memory, in MB/s, as openssl measures itself."""
    command = ["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "1048576", "-evp", "aes-256-gcm"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().rpartition(":")[2]) / 1024**2


def noted(what: str, floor: str, speeds: dict[str, list[float]], target: str = "") -> None:
    pairs = list(zip(speeds[what], speeds[floor], strict=True))
    note(f"{MEGABYTES} MB {what} (floor: {floor})", "MB/s", pairs, target=target)


def test_storage_beside_copy(source: Path, tmp_path: Path) -> None:
    vault = EncryptedFileSystemStorage(location=tmp_path / "vault")
    copy, back = tmp_path / "copy", tmp_path / "back"

    def up() -> None:
        with source.open("rb", buffering=0) as file:
            vault.put("film", file)

    def down() -> None:
        with vault.open_reader("kept") as reader, back.open("wb", buffering=0) as file:
            while piece := reader.piece():
                file.write(piece)

    def read() -> None:
        with vault.open_reader("kept") as reader:
            while reader.piece():
                pass

    def plain() -> None:
        subprocess.run(["cp", "--reflink=never", source, copy], check=True)

    def plain_and_sync() -> None:
        plain()
        sync(copy)

    with source.open("rb") as file:
        vault.put("kept", file)
    speeds = rounds(
        {
            "cp": (plain, copy.unlink),
            "cp and fsync": (plain_and_sync, copy.unlink),
            "into storage, with fsync": (up, lambda: vault.delete("film")),
            "out of storage, to a file": (down, back.unlink),
            "out of storage, to nowhere": (read, lambda: None),
        }
    )
    speeds["openssl speed, in memory"] = [openssl_speed()] * ROUNDS
    noted("into storage, with fsync", "cp and fsync", speeds, ">= 0.7")
    noted("out of storage, to a file", "cp", speeds, ">= 0.7")
    noted("out of storage, to nowhere", "openssl speed, in memory", speeds)


@pytest.mark.django_db
def test_the_whole_way_of_a_film(source: Path, tmp_path: Path, settings: Any) -> None:
    """Every chunk with its row and its sync, the inspection, and the download as the server streams it."""
    settings.MEDIA_ROOT, settings.UPLOADS_ACCEPT_UNSCANNED, settings.CLAMD_URL = str(tmp_path / "v"), True, ""
    patient, copy = factories.patient_with_user(), tmp_path / "copy"
    data = film(source.read_bytes())
    seconds = {}

    def clocked(name: str, act: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = act()
        seconds[name] = time.perf_counter() - start
        return result

    clocked("cp and fsync", lambda: (shutil.copyfile(source, copy), sync(copy)))
    document = clocked("sent in chunks of 2 MiB", lambda: sent(patient, data))
    clocked("inspected", lambda: inspection.process(document.pk))
    reader = documents.open_document(patient.user, document.ref).reader
    assert clocked("downloaded as streamed", lambda: async_to_sync(length)(reader)) == len(data)
    speeds = {name: [MEGABYTES / taken] for name, taken in seconds.items()}
    for way in ("sent in chunks of 2 MiB", "inspected", "downloaded as streamed"):
        noted(way, "cp and fsync", speeds)


def sent(patient: Patient, data: bytes) -> Document:
    upload = uploads.begin(patient.user, kind="video", filename="a.mp4", size=len(data), patient=patient)
    for offset in range(0, len(data), uploads.CHUNK_MOST):
        piece = data[offset : offset + uploads.CHUNK_MOST]
        uploads.add_chunk(patient.user, upload.ref, offset=offset, data=piece)
    return uploads.finish(patient.user, upload.ref)


async def length(reader: Reader) -> int:
    return sum([len(piece) async for piece in stream(reader, 0, reader.size)])
