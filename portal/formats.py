"""What a file is, told by its content and never by its name, and whether it is only that.

All functions read a seekable stream in pieces and hold no more than one of them. They run beside the keys, without the
decoder's limits: each goes through a file once, and gives up on one of more parts than any honest file has.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeVar

Part = TypeVar("Part")

JPEG, PNG, TIFF, HEIC = "image/jpeg", "image/png", "image/tiff", "image/heic"
PDF = "application/pdf"
MP4, MOV = "video/mp4", "video/quicktime"
IMAGES = frozenset({JPEG, PNG, TIFF, HEIC})
VIDEOS = frozenset({MP4, MOV})
EXTENSIONS = {JPEG: ".jpg", PNG: ".png", TIFF: ".tif", HEIC: ".heic", PDF: ".pdf", MP4: ".mp4", MOV: ".mov"}

HEADS = [
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"%PDF-", PDF),
]
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"}
MOV_BRANDS = {b"qt  "}
MP4_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"}

PIECE = 1024 * 1024
PIECES_MOST = 100_000  # segments, chunks, boxes; a film of half a gigabyte has some thousands
FILLING = 4096
HEAD = 64 * 1024
TAIL = 66 * 1024  # a ZIP's end record may stand this far before the end
MARKUP = re.compile(rb"<(?:html|script|iframe|body|!doctype|\?php)", re.IGNORECASE)
PDF_HEAD = re.compile(rb"%PDF-\d")
ZIP_END = re.compile(rb"PK\x05\x06\0\0\0\0|PK\x06\x06")
SAMSUNG = re.compile(rb"SEFT\Z")


class Incomplete(ValueError):
    """The file ends before it should."""


class Hiding(ValueError):
    """The file is something else as well."""


class Overgrown(ValueError):
    """The file is of more parts, or of more within each other, than we look at."""


def content_type(head: bytes) -> str | None:
    """The type of a file by its first bytes (16 will do), None where we don't take it."""
    for magic, name in HEADS:
        if head.startswith(magic):
            return name
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand in HEIC_BRANDS:
        return HEIC
    return MOV if brand in MOV_BRANDS else MP4 if brand in MP4_BRANDS else None


def check_whole_and_only(file: BinaryIO, size: int, kind: str) -> None:
    """Raise Incomplete where the end is missing, Hiding where the file would pass as another type too, Overgrown."""
    end = ENDS[kind](file, size)
    _refuse_trailer(file, end, size, kind)
    for region in (_read(file, 0, min(HEAD, size)), _read(file, max(0, size - TAIL), size)):
        if MARKUP.search(region):
            raise Hiding
    if ZIP_END.search(_read(file, max(0, size - TAIL), size)):
        raise Hiding
    _refuse_second_pdf(file, size, kind)


def pieces(file: BinaryIO, start: int = 0, size: int = PIECE) -> Iterator[bytes]:
    file.seek(start)
    while piece := file.read(size):
        yield piece


def boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int, int]]:
    """The boxes of an MP4, MOV or HEIC: type, and where each begins, its content begins, and it ends."""
    while start < stop:
        head = _read(file, start, min(start + 16, stop))
        if len(head) < 8:
            raise Incomplete
        length, kind = struct.unpack(">I4s", head[:8])
        body = start + 8
        if length == 1 and len(head) == 16:
            length, body = struct.unpack(">Q", head[8:])[0], start + 16
        end = stop if length == 0 else start + length
        if end > stop or end < body:
            raise Incomplete
        yield kind, start, body, end
        start = end


def not_too_many(parts: Iterable[Part]) -> Iterator[Part]:
    for number, part in enumerate(parts):
        if number == PIECES_MOST:
            raise Overgrown
        yield part


def _read(file: BinaryIO, start: int, stop: int) -> bytes:
    file.seek(start)
    return file.read(max(0, stop - start))


def _end_of_jpeg(file: BinaryIO, size: int) -> int:
    """Walk the segments to the picture's data, then look for its end mark."""
    position = 2
    for _ in range(PIECES_MOST):
        position = _past_filling(file, position)
        head = _read(file, position, position + 3)
        if len(head) < 3:
            raise Incomplete
        position += 1 + int.from_bytes(head[1:], "big")
        if head[0] == 0xDA:
            return _end_mark(file, position)
    raise Overgrown


def _past_filling(file: BinaryIO, position: int) -> int:
    """Where the mark that begins at ``position`` names itself: any number of FF may stand before that."""
    if _read(file, position, position + 1) != b"\xff":
        raise Incomplete
    position += 1
    for piece in pieces(file, position, FILLING):
        if rest := piece.lstrip(b"\xff"):
            return position + len(piece) - len(rest)
        position += len(piece)
    raise Incomplete


def _end_mark(file: BinaryIO, position: int) -> int:
    before = b""
    for piece in pieces(file, position):
        found = (before + piece).find(b"\xff\xd9")
        if found >= 0:
            return position + found - len(before) + 2
        position, before = position + len(piece), piece[-1:]
    raise Incomplete


def _end_of_png(file: BinaryIO, size: int) -> int:
    position = 8
    for _ in range(PIECES_MOST):
        head = _read(file, position, position + 8)
        if len(head) < 8:
            raise Incomplete
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        position += 12 + length
        if position > size:
            raise Incomplete
        if kind == b"IEND":
            return position
    raise Overgrown


def _end_of_pdf(file: BinaryIO, size: int) -> int:
    end, position, before = -1, 0, b""
    for piece in pieces(file):
        if (found := (before + piece).rfind(b"%%EOF")) >= 0:
            end = position - len(before) + found + 5
        position, before = position + len(piece), piece[-4:]
    if end < 0:
        raise Incomplete
    return end


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    kinds = {kind for kind, *_ in not_too_many(boxes(file, 0, size))}
    if not kinds & {b"moov", b"meta"}:
        raise Incomplete
    return size


def _end_unknown(file: BinaryIO, size: int) -> int:
    """A TIFF's parts may stand in any order: reading all its pages shows whether it is whole."""
    return size


ENDS = {
    JPEG: _end_of_jpeg,
    PNG: _end_of_png,
    PDF: _end_of_pdf,
    TIFF: _end_unknown,
    HEIC: _end_of_boxes,
    MP4: _end_of_boxes,
    MOV: _end_of_boxes,
}


def _refuse_trailer(file: BinaryIO, end: int, size: int, kind: str) -> None:
    """Nothing may follow the end, but for what phones put behind their photos: pictures, clips, notes."""
    raw = _read(file, end, min(size, end + 64))
    trailer = raw.lstrip(b"\0\r\n\t ")
    if not trailer:
        if _blank(file, end):
            return
        raise Hiding
    of_a_phone = trailer.startswith(b"\xff\xd8\xff") or raw[4:8] == b"ftyp"
    if kind != JPEG or not (of_a_phone or SAMSUNG.search(_read(file, max(end, size - 4), size))):
        raise Hiding


def _blank(file: BinaryIO, start: int) -> bool:
    return not any(piece.strip(b"\0\r\n\t ") for piece in pieces(file, start))


def _refuse_second_pdf(file: BinaryIO, size: int, kind: str) -> None:
    """A PDF's head in a picture, or twice in a PDF. In a film's data any five bytes may come by chance."""
    if kind in VIDEOS:
        found = len(PDF_HEAD.findall(_read(file, 0, min(HEAD, size))))
    else:
        found = _occurrences(file, PDF_HEAD, 6)
    if found > (1 if kind == PDF else 0):
        raise Hiding


def _occurrences(file: BinaryIO, pattern: re.Pattern[bytes], width: int) -> int:
    """How often a pattern of ``width`` bytes stands in the file, those across two pieces included."""
    count, before = 0, b""
    for piece in pieces(file):
        count += len(pattern.findall(before + piece))
        before = piece[-(width - 1) :]
    return count
