"""The chunks an upload arrived in: kept as files of their own until it is checked, read as one, removed."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.files.storage import default_storage

from config.security.storage import Vault
from config.security.streams import Damaged, InPieces
from portal.models import Upload


def vault() -> Vault:
    """The storage of documents."""
    return default_storage  # type: ignore[return-value]


def part_names(upload: Upload) -> Iterator[str]:
    """The stored chunks in order."""
    return (part.name for part in _parts(upload))


def part_name(upload: Upload, offset: int) -> str:
    return f"{upload.part_folder}/{offset:012d}"


def remove_parts(upload: Upload) -> None:
    """Remove every chunk, one that was written but never counted included."""
    offset = 0
    while offset <= upload.received and default_storage.exists(name := part_name(upload, offset)):
        size = default_storage.size(name)
        default_storage.delete(name)
        offset += max(size, 1)
    folder = getattr(default_storage, "path", None)
    if folder and default_storage.exists(upload.part_folder):
        default_storage.delete(upload.part_folder)


@dataclass
class _Part:
    start: int
    stop: int
    name: str


def _parts(upload: Upload) -> Iterator[_Part]:
    """Each chunk's length tells where the next begins. Raises NotStored, Damaged."""
    offset = 0
    while offset < upload.received:
        name = part_name(upload, offset)
        size = default_storage.size(name)
        if not size:
            raise Damaged("A part of an upload is empty.")
        yield _Part(offset, offset + size, name)
        offset += size


class Arrived(InPieces):
    """The chunks of an upload as one seekable stream."""

    def __init__(self, upload: Upload) -> None:
        self.parts = list(_parts(upload))
        self.size = self.parts[-1].stop if self.parts else 0
        self.held = _Part(0, 0, "")
        self.bytes = b""

    def piece(self, limit: int) -> bytes | memoryview:
        if self.position >= self.size:
            return b""
        if not self.held.start <= self.position < self.held.stop:
            self._hold(self.parts[bisect(self.parts, self.position, key=lambda part: part.start) - 1])
        start = self.position - self.held.start
        piece = memoryview(self.bytes)[start : start + limit]
        self.position += len(piece)
        return piece

    def _hold(self, part: _Part) -> None:
        with vault().open_reader(part.name) as reader:
            self.bytes = reader.read()
        self.held = part
