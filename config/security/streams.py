"""Encrypted files, chunk by chunk: AES-256-GCM in the STREAM construction.

A file is a header of 512 bytes and chunks of 1 MiB, each followed by its tag of 16 bytes::

    magic 4 | nonce prefix 7 | wrapped key's length 2 | wrapped key | zeros up to 512

Every file has a random key of its own, which the master key wraps with the file's name as associated
data, so no file can stand in for another. A chunk's nonce is prefix, number and last-flag: a chunk that was
changed, moved, doubled or cut off fails to open. The last chunk is opened first, so a file that lost its
end gives not one byte.
"""

import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.security import crypto

MAGIC = b"DMF1"
HEADER_SIZE = 512
PREFIX_SIZE = 7
TAG_SIZE = 16
CHUNK = 1024 * 1024
SEALED_CHUNK = CHUNK + TAG_SIZE
PURPOSE = "files"

Fetch = Callable[[int, int], bytes]


class Damaged(OSError):
    """The stored bytes are not what was written: nothing of them may be used."""


class KeyMissing(Damaged):
    """The stored bytes may be whole, but the master key they stand under is not in the ring. It may come back."""


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def pack_header(name: str, prefix: bytes, key: bytes) -> bytes:
    wrapped = crypto.seal(PURPOSE, key, _binding(name, prefix))
    header = MAGIC + prefix + struct.pack(">H", len(wrapped)) + wrapped
    if len(header) > HEADER_SIZE:
        raise ValueError("The wrapped key does not fit the header.")
    return header.ljust(HEADER_SIZE, b"\0")


def unpack_header(name: str, header: bytes) -> tuple[bytes, bytes]:
    """The nonce prefix and the file's key. Raises Damaged, KeyMissing."""
    prefix, wrapped = _fields(header)
    try:
        key = crypto.unseal(PURPOSE, wrapped, _binding(name, prefix))
    except crypto.Unreadable as error:
        if key_id(header) not in crypto.ring().ids:
            raise KeyMissing("A file stands under a master key that is not in the ring.") from error
        raise Damaged("A file's key can't be opened.") from error
    return prefix, key


def key_id(header: bytes) -> str:
    """The id of the master key that a file's own key is wrapped by. Raises Damaged."""
    return crypto.key_of(_fields(header)[1].decode("ascii", "replace")) or ""


def rewrap_header(name: str, header: bytes) -> bytes | None:
    """The header with its key under the newest master key, or None where it is so already."""
    if key_id(header) == crypto.ring().newest:
        return None
    return pack_header(name, *unpack_header(name, header))


def plain_size(stored: int) -> int:
    """How many bytes a stored file of ``stored`` bytes holds. Raises Damaged."""
    body = stored - HEADER_SIZE
    chunks = -(-body // SEALED_CHUNK)
    if body - chunks * TAG_SIZE < 0 or body < TAG_SIZE:
        raise Damaged("A stored file is too short.")
    return body - chunks * TAG_SIZE


def _fields(header: bytes) -> tuple[bytes, bytes]:
    start = len(MAGIC) + PREFIX_SIZE + 2
    if len(header) != HEADER_SIZE or not header.startswith(MAGIC):
        raise Damaged("A stored file has no header of ours.")
    (length,) = struct.unpack(">H", header[start - 2 : start])
    if header[start + length :].strip(b"\0") or start + length > HEADER_SIZE:
        raise Damaged("A stored file's header was changed.")
    return header[len(MAGIC) : start - 2], header[start : start + length]


def _binding(name: str, prefix: bytes) -> bytes:
    return MAGIC + prefix + name.encode()


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)


class Sealer:
    """Seals a stream: iterate over it for the header and the chunks.

    Each item is a view of a buffer that the next one overwrites.
    """

    def __init__(self, name: str, source: Readable) -> None:
        self.source = source
        self.prefix, key = os.urandom(PREFIX_SIZE), AESGCM.generate_key(256)
        self.header = pack_header(name, self.prefix, key)
        self.cipher = AESGCM(key)
        self.size = 0

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self.header
        plain, ahead, sealed = bytearray(CHUNK), bytearray(CHUNK), bytearray(SEALED_CHUNK)
        length, number = fill(self.source, plain), 0
        while True:
            following = fill(self.source, ahead) if length == CHUNK else 0
            nonce = _nonce(self.prefix, number, not following)
            view = memoryview(sealed)[: length + TAG_SIZE]
            self.cipher.encrypt_into(nonce, memoryview(plain)[:length], MAGIC + self.prefix, view)
            self.size += length
            yield view
            if not following:
                return
            plain, ahead = ahead, plain
            length, number = following, number + 1


class SealedStream(io.RawIOBase):
    """A sealed stream as something to read from, for clients that want a file."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self.items = iter(pieces)
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.rest and (piece := next(self.items, None)) is not None:
            self.rest = memoryview(piece)
        taken = min(len(self.rest), len(buffer))
        buffer[:taken] = self.rest[:taken]
        self.rest = self.rest[taken:]
        return taken


class InPieces(io.RawIOBase):
    """A seekable stream of ``size`` bytes over ``piece``, which gives of what comes next what is at hand."""

    size: int
    position = 0

    def piece(self, limit: int) -> bytes | memoryview:
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def readinto(self, buffer: Any) -> int:
        piece = self.piece(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(0, self.size - self.position)
        pieces = []
        while size > 0 and (piece := self.piece(size)):
            pieces.append(piece)
            size -= len(piece)
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)


class Reader(InPieces):
    """A stored file, opened: seekable, and no byte of it is handed out that was not proved first."""

    def __init__(
        self, name: str, stored: int, fetch: Fetch, close: Callable[[], None] = lambda: None
    ) -> None:
        """``fetch(offset, length)`` gives stored bytes; ``stored`` is how many there are in all."""
        self.name, self.fetch, self._close = name, fetch, close
        self.size = plain_size(stored)
        self.last = max(0, -(-self.size // CHUNK) - 1)
        self.prefix, key = unpack_header(name, fetch(0, HEADER_SIZE))
        self.cipher = AESGCM(key)
        self.held, self.chunk = -1, b""
        self._hold(self.last)

    def _hold(self, number: int) -> None:
        if number == self.held:
            return
        start = number * CHUNK
        length = min(CHUNK, self.size - start) + TAG_SIZE
        sealed = self.fetch(HEADER_SIZE + number * SEALED_CHUNK, length)
        nonce = _nonce(self.prefix, number, number == self.last)
        try:
            self.chunk = self.cipher.decrypt(nonce, sealed, MAGIC + self.prefix)
        except (InvalidTag, ValueError) as error:
            raise Damaged("A stored file was changed or cut.") from error
        self.held = number

    def piece(self, limit: int = CHUNK) -> bytes | memoryview:
        """The next bytes, at most ``limit`` and at most to the end of a chunk; empty at the end."""
        if self.position >= self.size:
            return b""
        number, start = divmod(self.position, CHUNK)
        self._hold(number)
        whole = start == 0 and limit >= len(self.chunk)
        piece = self.chunk if whole else memoryview(self.chunk)[start : start + limit]
        self.position += len(piece)
        return piece

    def span(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, in pieces of a chunk at most."""
        self.seek(start)
        while self.position < stop and (piece := self.piece(stop - self.position)):
            yield bytes(piece)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def fill(source: Readable, buffer: bytearray) -> int:
    """Read until the buffer is full or the source is at its end; how many bytes came."""
    view, filled = memoryview(buffer), 0
    read_into = getattr(source, "readinto", None) or partial(_read_into, source)
    while filled < len(view) and (count := read_into(view[filled:])):
        filled += count
    return filled


def _read_into(source: Readable, view: memoryview) -> int:
    piece = source.read(len(view))
    view[: len(piece)] = piece
    return len(piece)
