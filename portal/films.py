"""Films (MP4, MOV) without what they tell about their maker: place, time, telephone, titles.

Nothing is decoded. The boxes that hold such notes keep their length and are renamed ``free``, which players
skip, so every other byte stays where the film's own tables expect it.
"""

import io
from typing import Any, BinaryIO

from portal.formats import Incomplete, boxes

NOTES = {b"udta", b"meta", b"uuid"}
FOLDERS = {b"moov", b"trak"}


def notes(film: BinaryIO, size: int) -> list[int]:
    """Where the names of note boxes stand. Raises formats.Incomplete for a film that is cut."""
    found: list[int] = []
    kinds = _gather(film, 0, size, found)
    if not {b"moov", b"mdat"} <= kinds:
        raise Incomplete
    return found


def _gather(film: BinaryIO, start: int, stop: int, found: list[int]) -> set[bytes]:
    kinds = set()
    for kind, begin, body, end in boxes(film, start, stop):
        kinds.add(kind)
        if kind in NOTES:
            found.append(begin + 4)
        elif kind in FOLDERS:
            _gather(film, body, end, found)
    return kinds


class Bare(io.RawIOBase):
    """A film as a stream with its notes renamed, so that they are neither shown nor read."""

    def __init__(self, film: BinaryIO, places: list[int]) -> None:
        self.film, self.places = film, places
        self.position = film.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = bytearray(self.film.read(len(buffer)))
        for place in self.places:
            for number, letter in enumerate(b"free"):
                if 0 <= (at := place + number - self.position) < len(piece):
                    piece[at] = letter
        buffer[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)
