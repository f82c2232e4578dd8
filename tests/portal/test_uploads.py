"""Files on their way in: begun, sent in chunks, finished, given up (R-SEC-1, security I7)."""

import errno
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from config.security import storage
from config.security.throttle import Limit
from portal import caregivers, inspection, owners, parts, uploads
from portal.access import System
from portal.models import Caregiver, Document, Order, Patient, Upload, User
from portal.uploads import CHUNK_MOST, Closed, NoRoom, OutOfStep, QuotaUsed, TooLarge, UploadRefused
from tests import factories
from tests.files import picture

pytestmark = pytest.mark.django_db
KIB = 1024


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def patient() -> Patient:
    return factories.patient_with_user()


@pytest.fixture
def user(patient: Patient) -> User:
    return patient.user


def begin(patient: Patient, size: int, **more: Any) -> Upload:
    values = {"kind": "other", "filename": "scan.jpg", "patient": patient, **more}
    return uploads.begin(values.pop("actor", patient.user), size=size, **values)


def send(actor: Any, upload: Upload, data: bytes, step: int = CHUNK_MOST) -> Upload:
    for offset in range(0, len(data), step):
        upload = uploads.add_chunk(actor, upload.ref, offset=offset, data=data[offset : offset + step])
    return upload


def arrived(upload: Upload) -> bytes:
    upload.refresh_from_db()
    return parts.Arrived(upload).read()


def test_chunks_arrive_as_they_were_sent(patient: Patient, user: User) -> None:
    data = picture(size=(900, 700))
    upload = begin(patient, len(data))
    upload = send(user, upload, data, 40 * KIB)
    assert upload.received == len(data)
    assert arrived(upload) == data


def test_what_arrived_can_be_read_from_anywhere(patient: Patient, user: User) -> None:
    data = picture(size=(900, 700))
    upload = send(user, begin(patient, len(data)), data, 32 * KIB)
    file = parts.Arrived(upload)
    file.seek(40 * KIB)
    assert file.read(60 * KIB) == data[40 * KIB : 100 * KIB]
    file.seek(-5, 2)
    assert file.read() == data[-5:]
    assert file.read() == b""


def test_nobodys_plain_bytes_touch_the_disk(patient: Patient, user: User, tmp_path) -> None:
    data = b"MEMBER W123456789 " * 4000
    send(user, begin(patient, len(data)), data, 32 * KIB)
    stored = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(stored) == 3
    assert not any(b"W123456789" in raw for raw in stored)


def test_the_same_chunk_again_changes_nothing(patient: Patient, user: User) -> None:
    data = picture()
    upload = begin(patient, len(data))
    for _ in range(2):
        upload = uploads.add_chunk(user, upload.ref, offset=0, data=data[: 20 * KIB])
        assert upload.received == 20 * KIB
    uploads.add_chunk(user, upload.ref, offset=20 * KIB, data=data[20 * KIB :])
    uploads.add_chunk(user, upload.ref, offset=0, data=data[: 20 * KIB])
    assert arrived(upload) == data


@pytest.mark.parametrize("offset", [1, 30 * KIB, 10 * KIB])
def test_a_chunk_that_does_not_join_on_is_told_where_to(patient: Patient, user: User, offset: int) -> None:
    data = bytes(200 * KIB)
    upload = begin(patient, len(data))
    uploads.add_chunk(user, upload.ref, offset=0, data=data[: 20 * KIB])
    with pytest.raises(OutOfStep) as refusal:
        uploads.add_chunk(user, upload.ref, offset=offset, data=data[: 20 * KIB])
    assert refusal.value.offset == 20 * KIB


def test_a_chunk_has_a_largest_and_a_smallest_size(patient: Patient, user: User) -> None:
    upload = begin(patient, 10 * CHUNK_MOST)
    with pytest.raises(TooLarge):
        uploads.add_chunk(user, upload.ref, offset=0, data=bytes(CHUNK_MOST + 1))
    for data in (b"", b"x"):
        with pytest.raises(UploadRefused):
            uploads.add_chunk(user, upload.ref, offset=0, data=data)


def test_no_more_is_taken_than_was_announced(patient: Patient, user: User) -> None:
    upload = begin(patient, 100)
    with pytest.raises(TooLarge):
        uploads.add_chunk(user, upload.ref, offset=0, data=bytes(101))


def test_finishing_early_is_told_what_is_missing(patient: Patient, user: User) -> None:
    upload = begin(patient, 40 * KIB)
    uploads.add_chunk(user, upload.ref, offset=0, data=bytes(20 * KIB))
    with pytest.raises(OutOfStep) as refusal:
        uploads.finish(user, upload.ref)
    assert refusal.value.offset == 20 * KIB


def test_finishing_again_gives_the_same_document(patient: Patient, user: User) -> None:
    upload = send(user, begin(patient, 100), bytes(100))
    first = uploads.finish(user, upload.ref)
    assert uploads.finish(user, upload.ref) == first
    assert first.ref == upload.ref
    assert first.state == "received"
    with pytest.raises(Closed):
        uploads.add_chunk(user, upload.ref, offset=0, data=b"x")


def test_finishing_asks_for_inspection_once_it_is_committed(
    patient: Patient, user: User, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("portal.tasks.process_upload.delay", asked.append)
    upload = send(user, begin(patient, 100), bytes(100))
    with django_capture_on_commit_callbacks(execute=True):
        document = uploads.finish(user, upload.ref)
        assert asked == []
    assert asked == [document.pk]


def test_a_given_up_upload_leaves_nothing(
    patient: Patient, user: User, tmp_path, django_capture_on_commit_callbacks
) -> None:
    upload = send(user, begin(patient, 40 * KIB + 5), bytes(40 * KIB), 20 * KIB)
    with django_capture_on_commit_callbacks(execute=True):
        uploads.abandon(user, upload.ref)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(Closed):
        uploads.add_chunk(user, upload.ref, offset=40 * KIB, data=b"12345")


def test_a_chunk_that_was_written_but_never_counted_is_removed_too(
    patient: Patient, user: User, tmp_path, django_capture_on_commit_callbacks
) -> None:
    upload = send(user, begin(patient, 60 * KIB), bytes(20 * KIB))
    uploads._store_chunk(upload, bytes(20 * KIB))
    parts.remove_parts(upload)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- whose it is -----------------------------------------------------------------------------------


def test_an_upload_survives_the_session_it_began_in(patient: Patient, user: User) -> None:
    data = picture()
    upload = begin(patient, len(data))
    uploads.add_chunk(user, upload.ref, offset=0, data=data[: 20 * KIB])
    again = User.objects.get(pk=user.pk)
    assert [it.received for it in uploads.unfinished(again)] == [20 * KIB]
    uploads.add_chunk(again, upload.ref, offset=20 * KIB, data=data[20 * KIB :])
    assert arrived(upload) == data


def test_nobody_else_can_go_on_or_even_find_it(patient: Patient, user: User) -> None:
    upload = begin(patient, 100)
    for stranger in (factories.patient_with_user().user, factories.UserFactory(roles=["agent"])):
        for act in (
            lambda who: uploads.find(who, upload.ref),
            lambda who: uploads.add_chunk(who, upload.ref, offset=0, data=bytes(100)),
            lambda who: uploads.finish(who, upload.ref),
            lambda who: uploads.abandon(who, upload.ref),
        ):
            with pytest.raises(Upload.DoesNotExist):
                act(stranger)
    assert uploads.unfinished(factories.patient_with_user().user) == []


def test_somebody_deactivated_cannot_go_on(patient: Patient, user: User) -> None:
    upload = begin(patient, 100)
    user.is_active = False
    with pytest.raises(Upload.DoesNotExist):
        uploads.add_chunk(user, upload.ref, offset=0, data=bytes(100))


def test_a_stranger_cannot_send_files_to_a_patient(patient: Patient) -> None:
    with pytest.raises(PermissionDenied):
        begin(patient, 100, actor=factories.patient_with_user().user)
    with pytest.raises(PermissionDenied):
        begin(patient, 100, actor=factories.UserFactory(roles=["warehouse"]))


def test_caregivers_and_the_desk_can(patient: Patient) -> None:
    for actor in (factories.caregiver_of(patient).user, factories.UserFactory(roles=["agent"])):
        assert begin(patient, 100, actor=actor).patient == patient


def revoked(caregiver: Caregiver) -> None:
    caregivers.revoke(caregiver.patient.user, caregiver=caregiver)


def run_out(caregiver: Caregiver) -> None:
    Caregiver.objects.filter(pk=caregiver.pk).update(expires_at=timezone.now() - timedelta(days=1))


@pytest.mark.parametrize("end", [revoked, run_out])
def test_a_caregiver_whose_right_ended_cannot_go_on(patient: Patient, end: Any) -> None:
    caregiver = factories.caregiver_of(patient)
    upload, sent = (begin(patient, 100, actor=caregiver.user) for _ in range(2))
    send(caregiver.user, sent, bytes(100))
    end(caregiver)
    user = User.objects.get(pk=caregiver.user.pk)
    assert uploads.unfinished(user) == []
    with pytest.raises(Upload.DoesNotExist):
        uploads.add_chunk(user, upload.ref, offset=0, data=bytes(100))
    with pytest.raises(Upload.DoesNotExist):
        uploads.finish(user, sent.ref)
    assert not Document.objects.filter(patient=patient).exists()


def test_staff_who_lost_the_role_cannot_go_on(patient: Patient) -> None:
    agent = factories.UserFactory(roles=["agent"])
    upload = begin(patient, 100, actor=agent)
    agent.role_grants.all().delete()
    agent = User.objects.get(pk=agent.pk)
    assert uploads.unfinished(agent) == []
    with pytest.raises(Upload.DoesNotExist):
        uploads.add_chunk(agent, upload.ref, offset=0, data=bytes(100))


def test_somebody_who_left_a_conversation_cannot_go_on(monkeypatch, user: User) -> None:
    inside = {"yes"}
    monkeypatch.setitem(owners.OWNERS, "conversation", lambda actor, ref: bool(inside))
    upload = uploads.begin(user, kind="other", filename="a.jpg", size=100, owner_ref="conversation:1")
    assert uploads.find(user, upload.ref) == upload
    inside.clear()
    with pytest.raises(Upload.DoesNotExist):
        uploads.find(user, upload.ref)


def test_an_order_is_of_the_same_patient(patient: Patient) -> None:
    agent = factories.UserFactory(roles=["agent"])
    own, other = factories.OrderFactory(patient=patient), factories.OrderFactory()
    assert begin(patient, 100, actor=agent, order=own).order == own
    with pytest.raises(Order.DoesNotExist):
        begin(patient, 100, actor=agent, order=other)


class Guest:
    """Somebody in a chat who is nobody we know."""

    pk = None
    is_authenticated = False


def test_a_guest_sends_to_their_own_conversation_alone(monkeypatch) -> None:
    theirs, guest = str(uuid.uuid4()), Guest()
    monkeypatch.setitem(owners.OWNERS, "conversation", lambda actor, ref: actor is guest and ref == theirs)
    upload = uploads.begin(
        guest, kind="other", filename="a.jpg", size=100, owner_ref=f"conversation:{theirs}"
    )
    upload = send(guest, upload, bytes(100))
    assert uploads.finish(guest, upload.ref).owner_ref == f"conversation:{theirs}"
    with pytest.raises(Upload.DoesNotExist):
        uploads.find(Guest(), upload.ref)
    for foreign in (f"conversation:{uuid.uuid4()}", "claim:1", "conversation:", "", theirs):
        with pytest.raises(PermissionDenied):
            uploads.begin(guest, kind="other", filename="a.jpg", size=100, owner_ref=foreign)


# --- how much --------------------------------------------------------------------------------------


def test_an_empty_file_is_refused_with_what_to_do(patient: Patient) -> None:
    with pytest.raises(UploadRefused, match="This file is empty"):
        begin(patient, 0)


@pytest.mark.parametrize(("kind", "megabytes"), [("insurance_card_front", 25), ("other", 25), ("video", 500)])
def test_each_kind_has_its_largest_size(patient: Patient, kind: str, megabytes: int) -> None:
    most = megabytes * 1024 * KIB
    assert begin(patient, most, kind=kind).size == most
    with pytest.raises(TooLarge, match="This file is too large"):
        begin(patient, most + 1, kind=kind)


@pytest.mark.parametrize("kind", ["export", "transcript", "delivery_proof", "nonsense", ""])
def test_customers_cannot_send_what_only_we_make(patient: Patient, kind: str) -> None:
    with pytest.raises(UploadRefused) as refusal:
        begin(patient, 100, kind=kind)
    assert refusal.value.code == "kind"


def test_files_a_day_are_counted_by_person(patient: Patient, settings) -> None:
    settings.UPLOADS_PER_DAY = 2
    other = factories.patient_with_user()
    for _ in range(2):
        begin(patient, 100)
    with pytest.raises(QuotaUsed) as refusal:
        begin(patient, 100)
    assert refusal.value.retry_after
    begin(other, 100)
    Upload.objects.update(created_at=timezone.now() - timedelta(hours=25))
    begin(patient, 100)


def test_bytes_a_day_are_counted_by_person(patient: Patient, settings) -> None:
    settings.UPLOAD_BYTES_PER_DAY = 1000
    begin(patient, 600)
    with pytest.raises(QuotaUsed):
        begin(patient, 401)
    begin(patient, 400)


def test_guests_may_send_less_than_those_we_know(monkeypatch) -> None:
    monkeypatch.setitem(owners.OWNERS, "conversation", lambda actor, ref: True)
    monkeypatch.setattr(uploads, "FROM_A_GUEST", (2, 1000))

    def from_guest(size: int) -> Upload:
        return uploads.begin(Guest(), kind="other", filename="a", size=size, owner_ref="conversation:1")

    with pytest.raises(QuotaUsed):
        from_guest(1001)
    from_guest(500)
    from_guest(500)
    with pytest.raises(QuotaUsed):
        from_guest(1)


def test_guests_at_one_address_share_a_days_bytes(monkeypatch, patient: Patient) -> None:
    """A chat costs nothing, so one who wants to fill our disk opens many."""
    monkeypatch.setitem(owners.OWNERS, "conversation", lambda actor, ref: True)
    monkeypatch.setattr(uploads, "FROM_AN_ADDRESS", Limit("test", 30, 24 * 3600))

    def from_guest(chat: int, megabytes: float, address: str = "10.1.1.1") -> Upload:
        owner, size = f"conversation:{chat}", int(megabytes * uploads.MEGABYTE)
        return uploads.begin(Guest(), kind="other", filename="a", size=size, owner_ref=owner, address=address)

    from_guest(1, 20)
    with pytest.raises(QuotaUsed) as refusal:
        from_guest(2, 10.1)
    assert refusal.value.retry_after > 23 * 3600
    assert Upload.objects.count() == 1
    from_guest(3, 9.5)
    with pytest.raises(QuotaUsed):
        from_guest(4, 0.1)
    from_guest(4, 20, "10.2.2.2")
    begin(patient, 20 * uploads.MEGABYTE, address="10.1.1.1")


def test_so_many_files_are_under_way_at_once(patient: Patient) -> None:
    for _ in range(uploads.OPEN_AT_ONCE):
        begin(patient, 100)
    with pytest.raises(QuotaUsed, match="on their way already"):
        begin(patient, 100)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_pass_the_limit_together(settings) -> None:
    settings.UPLOADS_PER_DAY = 3
    patient = factories.patient_with_user()

    def one_more(_: int) -> bool:
        try:
            begin(Patient.objects.get(pk=patient.pk), 100)
        except QuotaUsed:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one_more, range(8))) == 3


@pytest.mark.django_db(transaction=True)
def test_the_same_chunk_twice_at_once_is_stored_once() -> None:
    patient = factories.patient_with_user()
    upload, data = begin(patient, 40 * KIB), bytes(20 * KIB)

    def once(_: int) -> int:
        try:
            return uploads.add_chunk(patient.user, upload.ref, offset=0, data=data).received
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(once, range(6))) == {20 * KIB}


def test_a_full_disk_says_so_and_keeps_what_came_before(
    patient: Patient, user: User, tmp_path, monkeypatch
) -> None:
    """F7: 507, no part left behind, and it goes on once there is room."""
    data = bytes(40 * KIB)
    upload = begin(patient, len(data))
    uploads.add_chunk(user, upload.ref, offset=0, data=data[: 20 * KIB])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "write", full)
        with pytest.raises(NoRoom, match="Storage is full, nothing was saved") as refusal:
            uploads.add_chunk(user, upload.ref, offset=20 * KIB, data=data[20 * KIB :])
    assert refusal.value.status == 507
    assert list(tmp_path.rglob("*.part")) == []
    uploads.add_chunk(user, upload.ref, offset=20 * KIB, data=data[20 * KIB :])
    assert arrived(upload) == data


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("card.jpg", "card.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\card.jpg", "card.jpg"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("ca\0rd\r\n.jpg", "card.jpg"),
        ("  two   words .jpg ", "two words.jpg"),
        ("tarjeta niño.jpg", "tarjeta niño.jpg"),
        ("tarjeta nin\u0303o.jpg", "tarjeta niño.jpg"),
        ("\u200b\u2066hidden\u2069.pdf", "hidden.pdf"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        (".htaccess", "htaccess"),
        ("\ud800.pdf", "pdf"),
    ],
)
def test_names_are_made_safe_to_show(given: str, kept: str) -> None:
    assert uploads.clean_filename(given) == kept


def test_a_long_name_keeps_its_ending() -> None:
    name = uploads.clean_filename("ñ" * 300 + ".jpeg")
    assert len(name) == uploads.LONGEST_NAME
    assert name.endswith("ñ.jpeg")
    assert len(uploads.clean_filename("a." + "b" * 300)) <= uploads.LONGEST_NAME


def test_a_name_is_stored_sealed_and_names_no_place(patient: Patient, user: User, tmp_path) -> None:
    upload = send(user, begin(patient, 100, filename="../../Marisol Testperson.jpg"), bytes(100))
    with connection.cursor() as cursor:
        cursor.execute("SELECT filename, part_folder FROM portal_upload WHERE id = %s", [upload.pk])
        filename, folder = cursor.fetchone()
    assert "Marisol" not in filename
    assert folder == f"incoming/{upload.ref.hex}"
    assert all(tmp_path in path.resolve().parents for path in tmp_path.rglob("*"))


# --- clearing up -----------------------------------------------------------------------------------


def test_uploads_nobody_finished_are_cleared_away(
    patient: Patient, user: User, django_capture_on_commit_callbacks
) -> None:
    stale, fresh = begin(patient, 30 * KIB), begin(patient, 30 * KIB)
    for upload in (stale, fresh):
        uploads.add_chunk(user, upload.ref, offset=0, data=bytes(20 * KIB))
    Upload.objects.filter(pk=stale.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Closed, match="waited too long"):
        uploads.add_chunk(user, stale.ref, offset=20 * KIB, data=bytes(10 * KIB))
    with django_capture_on_commit_callbacks(execute=True):
        assert inspection.sweep()["expired"] == 1
    assert uploads.find(System("test"), stale.ref).state == "abandoned"
    assert not default_storage.exists(parts.part_name(stale, 0))
    assert default_storage.exists(parts.part_name(fresh, 0))
    assert Document.objects.count() == 0
