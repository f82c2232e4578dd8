"""Files over HTTP: sent by chunks, served whole or by range, boxed in, and to nobody else (security I8)."""

import errno
import json
import tracemalloc
import uuid
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from config.integrations import scanner
from config.security import storage
from portal import documents, inspection, uploads
from portal.access import System
from portal.models import AccessEntry, Document, Patient
from portal.views.documents import Unsatisfiable, asked_range, stream
from tests import factories, files
from tests.people import signed_in

pytestmark = pytest.mark.django_db
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def patient() -> Patient:
    return factories.patient_with_user()


@pytest.fixture
def client(patient: Patient) -> Client:
    return signed_in(patient.user)


def begin(client: Client, **more: Any) -> Any:
    about = {"kind": "other", "filename": "card.jpg", "size": 100, "type": "image/jpeg", **more}
    return client.post("/uploads/", json.dumps(about), content_type="application/json")


def put(client: Client, ref: str, offset: Any, data: bytes) -> Any:
    return client.put(f"/uploads/{ref}/?offset={offset}", data, content_type="application/octet-stream")


def kept(patient: Patient, data: bytes = b"0123456789" * 100, **more: Any) -> Document:
    values = {"kind": "other", "filename": "a b.jpg", "content_type": "image/jpeg", **more}
    return documents.keep(System("test"), source=BytesIO(data), patient=patient, **values)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if not response.is_async else read_async(response)


def read_async(response: Any) -> bytes:
    async def gather() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(gather)()


# --- in --------------------------------------------------------------------------------------------


def test_a_file_goes_up_in_parts_and_is_checked(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(scanner, "scan", lambda pieces: scanner.Verdict.CLEAN)
    data = files.picture(size=(900, 700))
    begun = begin(client, size=len(data))
    assert begun.status_code == 201
    answer = begun.json()
    ref = answer.pop("upload")
    told = {"offset": 0, "size": len(data), "chunk_max": 2 * MEGABYTE, "state": "open", "document": None}
    assert answer == told
    half = len(data) // 2
    assert put(client, ref, 0, data[:half]).json()["offset"] == half
    assert client.get(f"/uploads/{ref}/").json()["offset"] == half
    assert put(client, ref, half, data[half:]).json()["offset"] == len(data)
    done = client.post(f"/uploads/{ref}/finish/")
    assert (done.status_code, done.json()["document"]["state"]) == (202, "received")
    inspection.process(Document.objects.get(ref=ref).pk)
    now = client.get(f"/uploads/{ref}/").json()["document"]
    assert (now["state"], now["virus_checked"]) == ("ready", True)
    assert body(client.get(now["url"])).startswith(b"\xff\xd8\xff")
    assert body(client.get(now["thumbnail"])).startswith(b"\xff\xd8\xff")


def test_a_part_out_of_step_is_told_the_right_offset(client: Client) -> None:
    ref = begin(client, size=100_000).json()["upload"]
    put(client, ref, 0, bytes(20_000))
    answer = put(client, ref, 5, bytes(20_000))
    assert answer.status_code == 409
    assert answer.json()["error"]["offset"] == 20_000
    assert put(client, ref, 0, bytes(20_000)).json()["offset"] == 20_000


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ({"size": 0}, 400, "empty"),
        ({"size": -1}, 400, "empty"),
        ({"size": 26 * MEGABYTE}, 413, "too_large"),
        ({"size": "100"}, 400, "invalid"),
        ({"size": 10**30}, 413, "too_large"),
        ({"kind": "export"}, 400, "kind"),
        ({"kind": {"a": 1}}, 400, "kind"),
        ({"filename": None}, 400, "invalid"),
        ({"patient": "nonsense"}, 400, "invalid"),
    ],
)
def test_what_cannot_be_taken_says_why(
    client: Client, wanted: dict[str, Any], status: int, code: str
) -> None:
    answer = begin(client, **wanted)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["detail"].endswith(".")


def test_what_is_no_request_of_ours_is_refused(client: Client) -> None:
    for data in (b"", b"[]", b"{}", b"nonsense", b"\xff"):
        assert client.post("/uploads/", data, content_type="application/json").status_code == 400
    ref = begin(client).json()["upload"]
    for offset in ("", "x", "-1", "1e3"):
        assert put(client, ref, offset, bytes(100)).status_code in (400, 409)
    assert client.put(f"/uploads/{ref}/", bytes(100)).status_code == 400


def test_a_part_over_the_limit_is_refused(client: Client) -> None:
    ref = begin(client, size=10 * MEGABYTE).json()["upload"]
    for size in (2 * MEGABYTE + 1, 3 * MEGABYTE):
        answer = put(client, ref, 0, bytes(size))
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "chunk_too_large")


def test_past_the_daily_limit_it_says_when_to_come_back(client: Client, settings) -> None:
    settings.UPLOADS_PER_DAY = 1
    begin(client)
    answer = begin(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_a_full_disk_is_507(client: Client, monkeypatch, tmp_path) -> None:
    """F7."""
    ref = begin(client).json()["upload"]

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "write", full)
        answer = put(client, ref, 0, bytes(100))
    assert answer.status_code == 507
    assert answer.json()["error"]["detail"].startswith("Storage is full, nothing was saved")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert put(client, ref, 0, bytes(100)).status_code == 200


def test_a_session_that_ended_midway_goes_on_after_signing_in(client: Client, patient: Patient) -> None:
    data = files.picture(size=(500, 400))
    ref = begin(client, size=len(data), filename="Marisol.jpg").json()["upload"]
    put(client, ref, 0, data[:20_000])
    client.logout()
    assert put(client, ref, 20_000, data[20_000:]).status_code in (302, 401, 403)
    again = signed_in(patient.user)
    waiting = again.get("/uploads/").json()["uploads"]
    assert [(it["upload"], it["offset"], it["filename"]) for it in waiting] == [(ref, 20_000, "Marisol.jpg")]
    assert AccessEntry.objects.filter(what="unfinished uploads", subjects=[patient.pk]).count() == 1
    put(again, ref, 20_000, data[20_000:])
    assert again.post(f"/uploads/{ref}/finish/").status_code == 202


def test_progress_names_no_file(client: Client) -> None:
    answer = begin(client, filename="Marisol Testperson.jpg")
    assert "Marisol" not in answer.content.decode()


def test_taking_back_works_before_and_after_it_is_sent(client: Client, patient: Patient) -> None:
    ref = begin(client).json()["upload"]
    assert client.post(f"/uploads/{ref}/withdraw/").json()["state"] == "abandoned"
    ours = kept(patient)
    assert client.post(f"/uploads/{ours.ref}/withdraw/").status_code == 403
    ref = begin(client).json()["upload"]
    put(client, ref, 0, bytes(100))
    client.post(f"/uploads/{ref}/finish/")
    assert client.post(f"/uploads/{ref}/withdraw/").json()["document"]["state"] == "withdrawn"
    assert client.post(f"/uploads/{uuid.uuid4()}/withdraw/").status_code == 404


def test_somebody_elses_is_not_there(client: Client, patient: Patient) -> None:
    ref, document = begin(client).json()["upload"], kept(patient)
    for stranger in (
        signed_in(factories.patient_with_user().user),
        signed_in(factories.UserFactory(roles=["technician"])),
    ):
        asked: list[Callable[[], Any]] = [
            lambda who=stranger: who.get(f"/uploads/{ref}/"),
            lambda who=stranger: put(who, ref, 0, bytes(100)),
            lambda who=stranger: who.post(f"/uploads/{ref}/finish/"),
            lambda who=stranger: who.post(f"/uploads/{ref}/withdraw/"),
            lambda who=stranger: who.get(f"/files/{document.ref}/"),
            lambda who=stranger: who.get(f"/files/{document.ref}/preview/"),
            lambda who=stranger: who.get(f"/files/{document.ref}/thumbnail/"),
            lambda who=stranger: begin(who, patient=str(patient.ref)),
        ]
        assert {ask().status_code for ask in asked} <= {403, 404}
    assert Client().get(f"/files/{document.ref}/").status_code in (302, 401, 403, 404)


# --- out -------------------------------------------------------------------------------------------


def test_a_file_is_served_boxed_in_and_as_an_attachment(client: Client, patient: Patient) -> None:
    document = kept(patient, filename='we"ird\r\nñ.jpg')
    answer = client.get(f"/files/{document.ref}/")
    assert body(answer) == b"0123456789" * 100
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert "\r" not in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Length"] == "1000"


def test_a_preview_is_shown_in_the_page_if_it_is_of_a_kind_to_show(client: Client, patient: Patient) -> None:
    picture, archive = kept(patient), kept(patient, content_type="application/zip", kind="export")
    assert client.get(f"/files/{picture.ref}/preview/").headers["Content-Disposition"].startswith("inline")
    assert (
        client.get(f"/files/{archive.ref}/preview/").headers["Content-Disposition"].startswith("attachment")
    )


def test_every_file_served_is_on_the_trail(client: Client, patient: Patient) -> None:
    document = kept(patient)
    for _ in range(2):
        client.get(f"/files/{document.ref}/")
    entries = AccessEntry.objects.filter(kind="read", what="document", object_id=document.pk)
    assert [entry.actor_id for entry in entries] == [patient.user_id] * 2


@pytest.mark.parametrize(
    ("asked", "status", "given", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/1000"),
        ("bytes=995-", 206, b"56789", "bytes 995-999/1000"),
        ("bytes=-2", 206, b"89", "bytes 998-999/1000"),
        ("bytes=990-5000", 206, b"0123456789", "bytes 990-999/1000"),
        ("bytes=1000-", 416, b"", "bytes */1000"),
        ("bytes=0-1,5-6", 416, b"", "bytes */1000"),
        ("bytes=5-2", 416, b"", "bytes */1000"),
        ("bytes=-0", 416, b"", "bytes */1000"),
        ("bytes=x-y", 200, b"0123456789" * 100, None),
        ("bytes=-", 200, b"0123456789" * 100, None),
        ("lines=1-2", 200, b"0123456789" * 100, None),
        (f"bytes={'9' * 5000}-", 416, b"", "bytes */1000"),
        (f"bytes=998-{'9' * 5000}", 206, b"89", "bytes 998-999/1000"),
        (f"bytes={'0' * 5000}8-9", 206, b"89", "bytes 8-9/1000"),
        (f"bytes=-{'9' * 5000}", 206, b"0123456789" * 100, "bytes 0-999/1000"),
        ("bytes=\N{SUPERSCRIPT TWO}-", 200, b"0123456789" * 100, None),
        ("bytes= 1-2", 200, b"0123456789" * 100, None),
        ("bytes=-1-2", 200, b"0123456789" * 100, None),
    ],
)
def test_films_can_be_read_by_range(
    client: Client, patient: Patient, asked: str, status: int, given: bytes, content_range: str | None
) -> None:
    answer = client.get(f"/files/{kept(patient).ref}/", headers={"range": asked})
    assert answer.status_code == status
    assert answer.headers.get("Content-Range") == content_range
    assert (body(answer) if status != 416 else answer.content) == given


def test_a_conditional_range_is_answered_with_the_whole(client: Client, patient: Patient) -> None:
    answer = client.get(f"/files/{kept(patient).ref}/", headers={"range": "bytes=0-3", "if-range": '"x"'})
    assert answer.status_code == 200


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_range_never_leaves_the_file(size: int) -> None:
    for header in ("bytes=0-", "bytes=-5", "bytes=0-0", f"bytes=0-{10**30}", f"bytes=-{'9' * 5000}"):
        try:
            start, stop = asked_range(header, size)  # type: ignore[misc]
        except Unsatisfiable:
            assert size == 0
        else:
            assert 0 <= start < stop <= size


def test_what_is_not_ready_says_so_and_gives_nothing(client: Client, patient: Patient) -> None:
    document = factories.DocumentFactory(patient=patient, state="refused", reason="pixels")
    answer = client.get(f"/files/{document.ref}/")
    assert answer.status_code == 409
    assert answer.content.decode() == "This picture has too many pixels. Please send it in a smaller size."


def test_a_damaged_file_gives_not_one_byte(client: Client, patient: Patient) -> None:
    from django.core.files.storage import default_storage

    document = kept(patient)
    with Path(default_storage.path(document.storage_name)).open("r+b") as stored:
        stored.truncate(900)
    answer = client.get(f"/files/{document.ref}/")
    assert answer.status_code == 500
    assert b"0123" not in answer.content


def test_there_is_no_other_way_to_a_file(client: Client, patient: Patient) -> None:
    document = kept(patient)
    for path in (document.storage_name, f"media/{document.storage_name}", f"static/{document.storage_name}"):
        assert client.get(f"/{path}").status_code in (403, 404)


@pytest.mark.django_db(transaction=True)
def test_large_files_stream_in_flat_memory_and_close() -> None:
    """Under ASGI: read a piece at a time, and the file is closed when the reader leaves early."""
    patient = factories.patient_with_user()
    document = kept(patient, bytes(60 * MEGABYTE))

    async def read(most: int | None) -> tuple[int, int, bool]:
        opened = await_reader(document)
        reader = await opened
        tracemalloc.start()
        count = 0
        pieces = stream(reader, 0, reader.size)
        async for piece in pieces:
            count += len(piece)
            if most and count >= most:
                break
        await pieces.aclose()  # type: ignore[attr-defined]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, peak, reader.closed

    assert async_to_sync(read)(None)[0] == 60 * MEGABYTE
    count, peak, closed = async_to_sync(read)(5 * MEGABYTE)
    assert count == 5 * MEGABYTE
    assert peak < 8 * MEGABYTE
    assert closed


def await_reader(document: Document) -> Any:
    from asgiref.sync import sync_to_async

    return sync_to_async(uploads.vault().open_reader)(document.storage_name)


@pytest.mark.django_db(transaction=True)
def test_an_asgi_server_gets_the_same_answer() -> None:
    patient = factories.patient_with_user()
    document, cookies = kept(patient), signed_in(patient.user).cookies

    async def ask() -> bytes:
        client = AsyncClient()
        client.cookies = cookies
        answer = await client.get(f"/files/{document.ref}/", headers={"range": "bytes=1-2"})
        assert answer.status_code == 206
        return b"".join([piece async for piece in answer.streaming_content])

    assert async_to_sync(ask)() == b"12"
