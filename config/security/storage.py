"""Where files rest, encrypted: here a disk, in config/security/s3_storage.py a bucket.

Both take streams and give streams, in constant memory, and answer for any range of a file. Names are made by
the server and are bound to the contents: a stored file that was renamed or swapped can't be opened.
"""

import errno
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from config.security import streams
from config.security.streams import CHUNK, HEADER_SIZE, Readable, Reader, Sealer

PART_SUFFIX = ".part"
STEP = 256 * 1024  # twice as fast to write as a whole chunk at once
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class StorageFull(OSError):
    """There is no room left. Nothing was saved."""


class NotStored(FileNotFoundError):
    """There is no such file in the storage."""


class Vault:
    """What an encrypted storage offers besides Django's own storage methods."""

    def open_reader(self, name: str) -> Reader:
        """The file ``name`` as a seekable reader of its contents. Raises NotStored or streams.Damaged."""
        raise NotImplementedError

    def put(self, name: str, source: Readable) -> int:
        """Write what ``source`` gives as the whole of ``name``, in one step; the number of bytes.

        Whatever stood there is replaced. When it fails, all is as it was. Raises StorageFull.
        """
        raise NotImplementedError

    def key_id(self, name: str) -> str:
        """The id of the master key a file stands under. Raises NotStored or streams.Damaged."""
        raise NotImplementedError

    def rewrap(self, name: str) -> bool:
        """Put the file's key under the newest master key, in one step; whether it had to be done."""
        raise NotImplementedError

    def tidy(self, older_than: float) -> int:
        """Remove what writers killed more than ``older_than`` seconds ago left unfinished; how many."""
        raise NotImplementedError

    def url(self, name: str | None) -> str:
        raise ValueError("A file in the vault has no address: a view serves it.")

    def _save(self, name: str, content: File) -> str:
        self.put(name, content)
        return name

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("A file in the vault is read, or replaced as a whole.")
        return File(io.BufferedReader(self.open_reader(name), 64 * 1024), name)


class EncryptedFileSystemStorage(Vault, FileSystemStorage):
    """Encrypted files in a folder. A file appears whole or not at all: written aside, synced, renamed."""

    def open_reader(self, name: str) -> Reader:
        file = self._raw(name)
        try:
            stored = os.fstat(file.fileno()).st_size
            return Reader(
                name, stored, lambda offset, length: os.pread(file.fileno(), length, offset), file.close
            )
        except BaseException:
            file.close()
            raise

    def put(self, name: str, source: Readable) -> int:
        sealer = Sealer(name, source)
        with _replacing(Path(self.path(name))) as part:
            for piece in sealer:
                _write_all(part, piece)
        return sealer.size

    def key_id(self, name: str) -> str:
        with self._raw(name) as file:
            return streams.key_id(file.read(HEADER_SIZE))

    def rewrap(self, name: str) -> bool:
        with self._raw(name) as old:
            header = streams.rewrap_header(name, old.read(HEADER_SIZE))
            if header is None:
                return False
            with _replacing(Path(self.path(name))) as part:
                _write_all(part, header)
                while piece := old.read(CHUNK):
                    _write_all(part, piece)
        return True

    def size(self, name: str) -> int:
        try:
            return streams.plain_size(super().size(name))
        except FileNotFoundError:
            raise NotStored(errno.ENOENT, "There is no such file in the storage.") from None

    def _raw(self, name: str) -> io.FileIO:
        """The stored bytes of a file."""
        try:
            return Path(self.path(name)).open("rb", buffering=0)
        except FileNotFoundError:
            raise NotStored(errno.ENOENT, "There is no such file in the storage.") from None

    def tidy(self, older_than: float) -> int:
        removed = 0
        for part in Path(self.location).rglob(f"*{PART_SUFFIX}"):
            with suppress(FileNotFoundError):
                if part.stat().st_mtime < time.time() - older_than:
                    part.unlink()
                    removed += 1
        return removed


@contextmanager
def _replacing(path: Path) -> Iterator[int]:
    """A handle to write to, whose file takes the place of ``path`` if all goes well and is gone otherwise."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, part = mkstemp(dir=path.parent, suffix=PART_SUFFIX)
        try:
            try:
                yield handle
                os.fsync(handle)
            finally:
                os.close(handle)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageFull(error.errno, "Storage is full, nothing was saved.") from None
        raise


def _sync_folder(folder: Path) -> None:
    """A rename is only lasting once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_all(handle: int, data: Any) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view[:STEP]) :]
