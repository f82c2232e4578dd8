"""Encrypted files on a disk and in a bucket (R-SEC-1)."""

import base64
import errno
import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files.base import ContentFile
from moto.server import ThreadedMotoServer

from config.security import storage, streams
from config.security.s3_storage import EncryptedS3Storage
from config.security.storage import EncryptedFileSystemStorage, NotStored, StorageFull, Vault
from config.security.streams import CHUNK, HEADER_SIZE, SEALED_CHUNK, Damaged

RANGES = [(0, 1), (CHUNK - 1, CHUNK + 1), (5, 2 * CHUNK + 9), (3 * CHUNK, 3 * CHUNK + 17), (7, 7)]
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17]


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.fixture
def disk(tmp_path: Path) -> EncryptedFileSystemStorage:
    return EncryptedFileSystemStorage(location=tmp_path / "files")


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_address: str) -> EncryptedS3Storage:
    vault = EncryptedS3Storage(
        endpoint_url=s3_address,
        access_key="synthetic",
        secret_key="synthetic",
        bucket_name="files",
        region_name="us-east-1",
        addressing_style="path",
    )
    vault.connection.create_bucket(Bucket="files")
    return vault


@pytest.fixture(params=["disk", "bucket"])
def vault(request: pytest.FixtureRequest) -> Vault:
    return request.getfixturevalue(request.param)


def stored(disk: EncryptedFileSystemStorage, name: str) -> Path:
    return Path(disk.path(name))


@pytest.mark.parametrize("size", SIZES)
def test_gives_back_what_it_was_given(vault: Vault, size: int) -> None:
    plain = content(size)
    assert vault.put("a/one", BytesIO(plain)) == size
    assert vault.open_reader("a/one").read() == plain
    assert vault.size("a/one") == size


def test_serves_as_a_storage_of_django(vault: Vault) -> None:
    name = vault.save("a/two", ContentFile(b"a card"))
    with vault.open(name) as file:
        assert file.read() == b"a card"
    assert vault.exists(name)
    vault.delete(name)
    assert not vault.exists(name)


def test_has_no_address_and_opens_for_reading_alone(vault: Vault) -> None:
    vault.put("a", BytesIO(b"x"))
    with pytest.raises(ValueError, match="no address"):
        vault.url("a")
    with pytest.raises(ValueError, match="as a whole"):
        vault.open("a", "wb")


def test_says_when_there_is_no_such_file(vault: Vault) -> None:
    for ask in (vault.open_reader, vault.rewrap, vault.key_id):
        with pytest.raises(NotStored):
            ask("nowhere")


def test_reads_any_range_of_a_file(vault: Vault) -> None:
    plain = content(3 * CHUNK + 17)
    vault.put("film", BytesIO(plain))
    with vault.open_reader("film") as reader:
        for start, stop in RANGES:
            assert b"".join(reader.span(start, stop)) == plain[start:stop]
        reader.seek(-3, os.SEEK_END)
        assert reader.read() == plain[-3:]
        assert reader.read() == b""


def test_a_range_costs_only_its_own_chunks(disk: EncryptedFileSystemStorage) -> None:
    disk.put("film", BytesIO(content(20 * CHUNK)))
    reader = disk.open_reader("film")
    fetched: list[int] = []
    fetch = reader.fetch

    def counting(offset: int, length: int) -> bytes:
        fetched.append((offset - HEADER_SIZE) // SEALED_CHUNK)
        return fetch(offset, length)

    reader.fetch = counting
    list(reader.span(5 * CHUNK + 1, 6 * CHUNK + 1))
    assert fetched == [5, 6]


def test_reading_on_from_a_bucket_asks_for_eight_chunks_at_once(bucket: EncryptedS3Storage) -> None:
    bucket.put("film", BytesIO(content(16 * CHUNK)))
    asked: list[int] = []
    bucket.connection.meta.client.meta.events.register("before-send.s3", lambda **_: asked.append(1))
    reader = bucket.open_reader("film")
    opening = len(asked)
    while reader.piece():
        pass
    assert len(asked) - opening <= 3


def test_nothing_of_the_contents_is_stored_in_plain(disk: EncryptedFileSystemStorage) -> None:
    disk.put("card", BytesIO(b"MEMBER W123456789 " * 5000))
    raw = stored(disk, "card").read_bytes()
    assert b"MEMBER" not in raw
    assert b"W123456789" not in raw


def test_the_same_contents_never_look_the_same(disk: EncryptedFileSystemStorage) -> None:
    for name in ("one", "two"):
        disk.put(name, BytesIO(b"same" * 1000))
    assert stored(disk, "one").read_bytes()[40:] != stored(disk, "two").read_bytes()[40:]


def test_every_flipped_byte_is_an_error(disk: EncryptedFileSystemStorage) -> None:
    """R-SEC-1: header, wrapped key, padding, ciphertext and tag alike."""
    disk.put("card", BytesIO(b"a small card"))
    path = stored(disk, "card")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Damaged):
            disk.open_reader("card").read()


@pytest.fixture
def three_chunks(disk: EncryptedFileSystemStorage) -> Path:
    disk.put("film", BytesIO(content(3 * CHUNK)))
    return stored(disk, "film")


def chunks_of(path: Path) -> tuple[bytes, list[bytes]]:
    raw = path.read_bytes()
    body = raw[HEADER_SIZE:]
    return raw[:HEADER_SIZE], [body[at : at + SEALED_CHUNK] for at in range(0, len(body), SEALED_CHUNK)]


ORDERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "swapped": lambda it: [it[1], it[0], it[2]],
    "last moved up": lambda it: [it[0], it[2], it[1]],
    "doubled": lambda it: [it[0], it[0], it[2]],
    "one left out": lambda it: [it[0], it[2]],
    "cut at a chunk": lambda it: it[:2],
    "cut within": lambda it: [it[0], it[1], it[2][:-1]],
    "one added": lambda it: [*it, it[2]],
    "a byte added": lambda it: [*it, b"x"],
    "head alone": lambda it: [],
}


@pytest.mark.parametrize("change", ORDERS)
def test_cut_or_reordered_files_give_not_one_wrong_byte(
    disk: EncryptedFileSystemStorage, three_chunks: Path, change: str
) -> None:
    header, chunks = chunks_of(three_chunks)
    three_chunks.write_bytes(header + b"".join(ORDERS[change](chunks)))
    given = BytesIO()
    with pytest.raises(Damaged):
        given.writelines(disk.open_reader("film").span(0, 9 * CHUNK))
    assert content(3 * CHUNK).startswith(given.getvalue())


@pytest.mark.parametrize("kept", [0, 1, HEADER_SIZE - 1, HEADER_SIZE, HEADER_SIZE + 15, -1, -SEALED_CHUNK])
def test_a_file_that_lost_its_end_does_not_even_open(
    disk: EncryptedFileSystemStorage, three_chunks: Path, kept: int
) -> None:
    three_chunks.write_bytes(three_chunks.read_bytes()[:kept])
    with pytest.raises(Damaged):
        disk.open_reader("film")


def test_a_chunk_of_another_file_is_refused(disk: EncryptedFileSystemStorage, three_chunks: Path) -> None:
    disk.put("other", BytesIO(content(3 * CHUNK)))
    header, chunks = chunks_of(three_chunks)
    _, foreign = chunks_of(stored(disk, "other"))
    three_chunks.write_bytes(header + chunks[0] + foreign[1] + chunks[2])
    with pytest.raises(Damaged):
        disk.open_reader("film").read()


def test_one_file_cannot_stand_in_for_another(disk: EncryptedFileSystemStorage) -> None:
    disk.put("patients/1", BytesIO(b"hers"))
    disk.put("patients/2", BytesIO(b"his"))
    stored(disk, "patients/1").replace(stored(disk, "patients/2"))
    with pytest.raises(Damaged):
        disk.open_reader("patients/2")


def test_the_chunks_are_plain_aes_gcm_in_the_stream_construction() -> None:
    """A second reading of the format, by hand from its description."""
    plain = content(CHUNK + 5)
    raw = b"".join(bytes(piece) for piece in streams.Sealer("x", BytesIO(plain)))
    prefix, key = streams.unpack_header("x", raw[:512])
    assert raw[:4] == b"DMF1"
    assert raw[4:11] == prefix
    first = AESGCM(key).decrypt(prefix + b"\0\0\0\0\0", raw[512 : 512 + 2**20 + 16], b"DMF1" + prefix)
    last = AESGCM(key).decrypt(prefix + b"\0\0\0\1\1", raw[512 + 2**20 + 16 :], b"DMF1" + prefix)
    assert first + last == plain


def test_another_master_key_opens_nothing(disk: EncryptedFileSystemStorage, settings) -> None:
    disk.put("card", BytesIO(b"secret"))
    settings.MASTER_KEYS = "other:" + base64.b64encode(b"o" * 32).decode()
    with pytest.raises(Damaged):
        disk.open_reader("card")


def test_rewrapping_moves_a_file_to_the_newest_key(vault: Vault, settings) -> None:
    plain = content(9 * CHUNK + 3)
    vault.put("film", BytesIO(plain))
    old, new = settings.MASTER_KEYS, "next:" + base64.b64encode(b"n" * 32).decode()
    settings.MASTER_KEYS = f"{new},{old}"
    assert vault.rewrap("film") is True
    assert vault.rewrap("film") is False
    settings.MASTER_KEYS = new
    assert vault.open_reader("film").read() == plain


def test_a_reader_goes_on_while_the_file_is_rewrapped(disk: EncryptedFileSystemStorage, settings) -> None:
    plain = content(3 * CHUNK)
    disk.put("film", BytesIO(plain))
    reader = disk.open_reader("film")
    begun = reader.read(10)
    settings.MASTER_KEYS = "next:" + base64.b64encode(b"n" * 32).decode() + "," + settings.MASTER_KEYS
    disk.rewrap("film")
    assert begun + reader.read() == plain


class Failing(BytesIO):
    """Gives two chunks, then breaks."""

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        if self.tell() >= 2 * CHUNK:
            raise ConnectionResetError
        return super().readinto(buffer)


def test_a_broken_source_leaves_what_was_there(vault: Vault) -> None:
    vault.put("card", BytesIO(b"before"))
    with pytest.raises(ConnectionResetError):
        vault.put("card", Failing(content(20 * CHUNK)))
    assert vault.open_reader("card").read() == b"before"


def test_a_full_disk_saves_nothing_and_leaves_no_part(disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F7: the write fails half-way, as a full disk makes it."""
    write, room = os.write, [3 * CHUNK]

    def scarce(handle: int, data: bytes) -> int:
        room[0] -= len(data)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(storage.os, "write", scarce)
    with pytest.raises(StorageFull):
        disk.put("film", BytesIO(content(5 * CHUNK)))
    assert [path for path in Path(disk.location).rglob("*") if path.is_file()] == []
    room[0] = 3 * CHUNK
    disk.put("card", BytesIO(b"a smaller one"))
    assert disk.open_reader("card").read() == b"a smaller one"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """F7 on a file system of 2 MiB."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        disk = EncryptedFileSystemStorage(location=small)
        with pytest.raises(StorageFull, match="Storage is full, nothing was saved"):
            disk.put("film", BytesIO(content(5 * CHUNK)))
        assert list(small.iterdir()) == []
        disk.put("card", BytesIO(content(CHUNK)))
        assert disk.size("card") == CHUNK
    finally:
        subprocess.run(["umount", small], check=True)


def no_room(request: AWSPreparedRequest, **_: object) -> AWSResponse:
    body = b"<Error><Code>XMinioStorageFull</Code></Error>"
    return AWSResponse(request.url, 507, {}, RawResponse(body))


class RawResponse(BytesIO):
    """An answer's body as the client reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def test_a_bucket_without_room_says_so(bucket: EncryptedS3Storage) -> None:
    bucket.connection.meta.client.meta.events.register("before-send.s3", no_room)
    with pytest.raises(StorageFull, match="nothing was saved"):
        bucket.put("card", BytesIO(b"x"))


def test_parts_of_killed_writers_are_cleared_away(disk: EncryptedFileSystemStorage) -> None:
    disk.put("card", BytesIO(b"kept"))
    folder = Path(disk.location)
    (folder / "old.part").write_bytes(b"x")
    (folder / "young.part").write_bytes(b"x")
    os.utime(folder / "old.part", (0, 0))
    assert disk.tidy(3600) == 1
    assert {path.name for path in folder.iterdir()} == {"card", "young.part"}


LARGE_FILE = """
    import io, os, resource, sys
    sys.path.insert(0, os.getcwd())
    from django.conf import settings
    settings.configure(MASTER_KEYS="k:" + "QUFB" * 10 + "QUE=")
    from config.security.{module} import {storage}

    class Zeros(io.RawIOBase):
        left = {megabytes} * 1024 * 1024
        def readable(self): return True
        def readinto(self, buffer):
            count = min(self.left, len(buffer))
            buffer[:count] = bytes(count)
            self.left -= count
            return count

    vault = {storage}({options})
    vault.put("warm-up", io.BytesIO(b"x" * 20_000_000))
    vault.open_reader("warm-up").read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert vault.put("film", Zeros()) == {megabytes} * 1024 * 1024
    up = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader, count = vault.open_reader("film"), 0
    while piece := reader.piece():
        count += len(piece)
    assert count == {megabytes} * 1024 * 1024
    print(before, up, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def grown(megabytes: int, module: str, storage: str, options: str) -> int:
    """How many KiB a process grows by while a large file goes up and down."""
    program = textwrap.dedent(LARGE_FILE).format(
        megabytes=megabytes, module=module, storage=storage, options=options
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, _, after = map(int, done.stdout.split())
    return after - before


def test_half_a_gigabyte_goes_up_and_down_in_constant_memory(tmp_path: Path) -> None:
    assert grown(500, "storage", "EncryptedFileSystemStorage", f"location={str(tmp_path)!r}") < 16 * 1024


def test_a_bucket_takes_and_gives_in_constant_memory(bucket: EncryptedS3Storage, s3_address: str) -> None:
    """What grows is the client's own buffers, a few parts of 8 MiB, however large the file."""
    options = (
        f"endpoint_url={s3_address!r}, access_key='synthetic', secret_key='synthetic', bucket_name='files', "
        "region_name='us-east-1', addressing_style='path'"
    )
    assert grown(96, "s3_storage", "EncryptedS3Storage", options) < 48 * 1024
