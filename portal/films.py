"""Films (MP4, MOV) without what they tell about their maker: place, time, telephone, titles.

Nothing is decoded. The boxes that hold such notes keep their length and are renamed ``free``, which players
skip, so every other byte stays where the film's own tables expect it.
"""

import io
from bisect import bisect
from collections.abc import Iterator
from typing import Any, BinaryIO

from portal.formats import Incomplete, Overgrown, boxes, not_too_many

NOTES = {b"udta", b"meta", b"uuid"}
FOLDERS = {b"moov", b"trak"}
FREE = b"free"
DEEPEST = 8


def notes(film: BinaryIO, size: int) -> list[int]:
    """Where the names of note boxes stand, in order. Raises formats.Incomplete for a film that is cut, Overgrown."""
    found: list[int] = []
    kinds = set()
    for depth, kind, begin in not_too_many(_walk(film, size)):
        if depth == 1:
            kinds.add(kind)
        if kind in NOTES:
            found.append(begin + 4)
    if not {b"moov", b"mdat"} <= kinds:
        raise Incomplete
    return found


def _walk(film: BinaryIO, size: int) -> Iterator[tuple[int, bytes, int]]:
    """Every box with its depth, type and beginning, in the order they stand in."""
    under_way = [boxes(film, 0, size)]
    while under_way:
        if (box := next(under_way[-1], None)) is None:
            under_way.pop()
            continue
        kind, begin, body, end = box
        yield len(under_way), kind, begin
        if kind in FOLDERS:
            if len(under_way) == DEEPEST:
                raise Overgrown
            under_way.append(boxes(film, body, end))


class Bare(io.RawIOBase):
    """A film as a stream with its notes renamed, so that they are neither shown nor read. ``places`` are in order."""

    def __init__(self, film: BinaryIO, places: list[int]) -> None:
        self.film, self.places = film, places
        self.position = film.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = bytearray(self.film.read(len(buffer)))
        first = bisect(self.places, self.position - len(FREE))
        for place in self.places[first : bisect(self.places, self.position + len(piece) - 1)]:
            for number, letter in enumerate(FREE):
                if 0 <= (at := place + number - self.position) < len(piece):
                    piece[at] = letter
        buffer[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)
