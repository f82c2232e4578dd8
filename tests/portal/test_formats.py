"""Whole and only that: answered in one pass over a file, however it was made (security I7)."""

from io import BytesIO

import pytest

from portal import formats
from portal.formats import JPEG, MP4, PNG, Incomplete, Overgrown
from tests import files

MEGABYTE = 1024 * 1024


class Watched(BytesIO):
    """A file that counts how often and how much is read of it."""

    reads = taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.reads, self.taken = self.reads + 1, self.taken + len(piece)
        return piece


def checked(data: bytes, kind: str) -> Watched:
    file = Watched(data)
    formats.check_whole_and_only(file, len(data), kind)
    return file


def segments(count: int) -> bytes:
    """A photo with so many empty notes before its picture."""
    photo = files.picture()
    return photo[:2] + b"\xff\xfe\0\x02" * count + photo[2:]


def chunks(count: int) -> bytes:
    drawing = files.picture("PNG")
    return drawing[:8] + (bytes(4) + b"tEXt" + bytes(4)) * count + drawing[8:]


def test_bytes_that_fill_up_are_passed_over_in_pieces() -> None:
    """Looking at each by itself took 46 seconds for 24 MB."""
    file = Watched(b"\xff\xd8" + b"\xff" * (24 * MEGABYTE))
    with pytest.raises(Incomplete):
        formats.check_whole_and_only(file, 24 * MEGABYTE + 2, JPEG)
    assert file.reads < 10_000
    assert file.taken < 25 * MEGABYTE


@pytest.mark.parametrize("count", [0, 1, 2, 4095, 4096, 4097, 9000])
def test_bytes_that_fill_up_belong_to_a_photo(count: int) -> None:
    photo = files.picture()
    checked(photo[:2] + b"\xff" * count + photo[2:], JPEG)
    with pytest.raises(Incomplete):
        checked(photo[:2] + b"\xff" * count, JPEG)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(segments, JPEG), (chunks, PNG), (lambda count: files.film() + files.box(b"free") * count, MP4)],
)
def test_a_file_in_ever_so_many_pieces_is_not_read_to_its_end(make, kind: str) -> None:
    checked(make(2000), kind)
    data = make(2 * formats.PIECES_MOST)
    file = Watched(data)
    with pytest.raises(Overgrown):
        formats.check_whole_and_only(file, len(data), kind)
    assert file.reads < 5 * formats.PIECES_MOST
