"""Films without their notes, in one pass however many there are (I10)."""

from io import BytesIO

import pytest

from portal import formats
from portal.films import Bare, notes
from tests.files import box, film


def bare(data: bytes, step: int = 4096) -> bytes:
    """What is left of a film, read so many bytes at a time."""
    stream, pieces = Bare(BytesIO(data), notes(BytesIO(data), len(data))), []
    while piece := stream.read(step):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("step", [1, 3, 4, 7, 4096])
def test_notes_are_renamed_wherever_a_piece_ends(step: int) -> None:
    data = film()
    left = bare(data, step)
    assert left == data.replace(b"udta", b"free").replace(b"meta", b"free")
    assert left.count(b"free") == 2


@pytest.mark.timeout(30)
def test_a_film_of_very_many_notes_is_read_in_one_pass() -> None:
    """Each piece asked every note where it stands: 15 seconds for 10 MB."""
    many = formats.PIECES_MOST - 100
    left = bare(film() + box(b"udta") * many, 256)
    assert left.count(b"free") == many + 2


def test_more_boxes_than_a_film_has_are_not_counted_to_the_end() -> None:
    within = box(b"moov", box(b"trak", box(b"tkhd") * formats.PIECES_MOST))
    with pytest.raises(formats.Overgrown):
        bare(film() + within)


def test_folders_within_folders_end_somewhere() -> None:
    """A film of 1500 folders, each in the one before, brought the worker down five times."""
    nested = box(b"moov", box(b"udta"))
    for _ in range(1500):
        nested = box(b"moov", nested)
    with pytest.raises(formats.Overgrown):
        bare(film() + nested)
    few = box(b"moov", box(b"trak", box(b"moov", box(b"trak", box(b"udta")))))
    assert b"udta" not in bare(film() + few)


def test_a_cut_film_is_told() -> None:
    data = film()
    with pytest.raises(formats.Incomplete):
        bare(data[: len(data) // 2])
    with pytest.raises(formats.Incomplete):
        bare(box(b"ftyp", b"isom") + box(b"mdat"))
