"""The program that opens strangers' files: its answers, and the limits it runs under."""

import json
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFile

from portal import decoder, inspection
from portal.decoder import Refused
from tests import files

LIMITS = {"pixels": inspection.PIXELS_MOST, "pages": inspection.PAGES_MOST}


@pytest.fixture(autouse=True)
def pillow_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)


def opened(data: bytes, kind: str, **limits: int) -> tuple[dict[str, Any], bytes, bytes]:
    return decoder._open(data, {"type": kind, **LIMITS, **limits})


def run(data: bytes, kind: str) -> tuple[dict[str, Any], bytes]:
    """Its answer as the program gives it."""
    wanted = json.dumps({"type": kind, **LIMITS})
    done = subprocess.run(
        [sys.executable, "-I", inspection.DECODER, wanted], input=data, capture_output=True, check=True
    )
    head, _, rest = done.stdout.partition(b"\n")
    return json.loads(head), rest


def test_answers_with_one_line_and_the_bytes() -> None:
    answer, rest = run(files.picture(size=(800, 600)), "image/jpeg")
    assert answer["new"] + answer["small"] == len(rest)
    assert Image.open(BytesIO(rest[: answer["new"]])).size == (800, 600)
    assert Image.open(BytesIO(rest[answer["new"] :])).size == (320, 240)
    assert run(b"nonsense", "image/jpeg") == ({"refused": "truncated", "new": 0, "small": 0}, b"")


@pytest.mark.parametrize(
    ("make", "kind", "becomes"),
    [
        (files.picture, "image/jpeg", "image/jpeg"),
        (files.photo_with_place, "image/jpeg", "image/jpeg"),
        (lambda: files.picture("PNG", mode="RGBA"), "image/png", "image/png"),
        (lambda: files.picture("PNG", mode="P"), "image/png", "image/png"),
        (lambda: files.picture("PNG", mode="LA"), "image/png", "image/png"),
        (lambda: files.picture("TIFF", mode="RGBA"), "image/tiff", "image/jpeg"),
        (lambda: files.picture("TIFF", mode="I;16"), "image/tiff", "image/jpeg"),
        (lambda: files.picture("JPEG", mode="CMYK"), "image/jpeg", "image/jpeg"),
        (files.heic, "image/heic", "image/jpeg"),
        (files.fax, "image/tiff", "application/pdf"),
        (files.pdf, "application/pdf", "application/pdf"),
    ],
)
def test_every_kind_of_picture_becomes_a_plain_one(
    make: Callable[[], bytes], kind: str, becomes: str
) -> None:
    answer, new, small = opened(make(), kind)
    assert answer["type"] == becomes
    assert bool(new) == bool(small) == (kind != "application/pdf")
    if becomes.startswith("image/"):
        assert Image.open(BytesIO(new)).info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_what_is_see_through_is_put_on_white_in_a_jpeg() -> None:
    out = BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(out, "TIFF")
    _, new, _ = opened(out.getvalue(), "image/tiff")
    assert Image.open(BytesIO(new)).getpixel((20, 20)) == (255, 255, 255)


def test_wide_colours_are_brought_to_the_common_ones() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, new, _ = opened(files.picture(icc_profile=profile), "image/jpeg")
    assert "icc_profile" not in Image.open(BytesIO(new)).info
    assert opened(files.picture(icc_profile=b"nonsense"), "image/jpeg")[1]


@pytest.mark.parametrize(
    ("make", "kind", "limits", "reason"),
    [
        (files.picture, "image/png", {}, "truncated"),
        (lambda: files.picture()[:4000], "image/jpeg", {}, "truncated"),
        (files.huge_png, "image/png", {}, "pixels"),
        (lambda: files.picture(size=(200, 100)), "image/jpeg", {"pixels": 9_999}, "pixels"),
        (files.fax, "image/tiff", {"pages": 2}, "pages"),
        (lambda: files.fax(6), "image/tiff", {"pixels": 120_000}, "pixels"),
        (lambda: files.pdf(3), "application/pdf", {"pages": 2}, "pages"),
        (lambda: b"%PDF-1.7 nonsense", "application/pdf", {}, "truncated"),
        (lambda: files.pdf(0), "application/pdf", {}, "truncated"),
        (
            lambda: files.pdf(change=lambda it: it.encrypt("x", algorithm="RC4-128")),
            "application/pdf",
            {},
            "encrypted",
        ),
        (
            lambda: files.pdf(change=lambda it: it.encrypt("", "x", algorithm="RC4-128")),
            "application/pdf",
            {},
            "encrypted",
        ),
    ],
)
def test_refuses_with_a_code(
    make: Callable[[], bytes], kind: str, limits: dict[str, int], reason: str
) -> None:
    with pytest.raises(Refused) as refusal:
        opened(make(), kind, **limits)
    assert str(refusal.value) == reason


@pytest.mark.parametrize("name", files.ACTIVE_PDFS)
def test_refuses_pdfs_that_act(name: str) -> None:
    with pytest.raises(Refused, match="active"):
        opened(files.pdf(change=files.ACTIVE_PDFS[name]), "application/pdf")


def test_looks_past_how_names_are_written_and_packed() -> None:
    acting = b"<< /S /J#61vaScript /J#53 (app.alert\\(1\\)) >>"
    with pytest.raises(Refused, match="active"):
        opened(files.packed_pdf(acting), "application/pdf")
    assert opened(files.packed_pdf(b"<< /S /GoTo /D [3 0 R /Fit] >>"), "application/pdf")[0]["pages"] == 1
    assert opened(files.pdf(2, files.opens_on_page_one), "application/pdf")[0]["pages"] == 2


KINDS = [
    b"/JavaScript",
    b"/Launch",
    b"/SubmitForm",
    b"/ImportData",
    b"/GoToE",
    b"/GoToR",
    b"/Rendition",
    b"/Movie",
    b"/Sound",
    b"/GoTo3DView",
    b"/RichMediaExecute",
    b"/Thread",
    b"/NobodyKnows",
]


@pytest.mark.parametrize("kind", KINDS)
def test_refuses_every_kind_of_action_however_it_is_referred_to(kind: bytes) -> None:
    numbered = b"/" + b"".join(b"#%02X" % letter for letter in kind[1:])
    annotated = {"page": b"/Annots [4 0 R]"}
    for pdf in (
        files.plain_pdf(files.link(b"<< /S %b >>" % kind), **annotated),
        files.plain_pdf(files.link(b"<< /S %b >>" % numbered), **annotated),
        files.plain_pdf(files.link(b"<< /S 5 0 R >>"), kind, **annotated),
        files.plain_pdf(files.link(b"<< /S 5 0 R >>"), numbered, **annotated),
        files.plain_pdf(files.link(b"5 0 R"), b"<< /S 6 0 R >>", kind, **annotated),
        files.plain_pdf(files.link(b"<< /S /URI /Next << /S 5 0 R >> >>"), kind, **annotated),
        files.plain_pdf(files.link(b"<< /S /URI /Next [5 0 R] >>"), b"<< /S 6 0 R >>", kind, **annotated),
        files.plain_pdf(files.link(b"<< /S /GoTo >> /PA << /S 5 0 R >>"), kind, **annotated),
        files.plain_pdf(b"<< /S %b >>" % numbered, catalog=b"/OpenAction [4 0 R]"),
        files.plain_pdf(b"<< /S 5 0 R >>", numbered, catalog=b"/Outlines << /First << /A 4 0 R >> >>"),
    ):
        with pytest.raises(Refused, match="active"):
            opened(pdf, "application/pdf")


@pytest.mark.parametrize(
    "action",
    [
        b"<< /S /URI /URI (http://example.invalid/) >>",
        b"<< /S /GoTo /Next << /S /URI /URI (http://example.invalid/) >> >>",
        b"<< /S /GoTo /Next [<< /S /Named /N /Print >>] >>",
        b"[<< /S /URI /URI (http://example.invalid/) >>]",
        b"<< /URI (http://example.invalid/) >>",
    ],
)
def test_what_opens_it_may_only_turn_to_a_page(action: bytes) -> None:
    for pdf in (
        files.plain_pdf(catalog=b"/OpenAction %b" % action),
        files.plain_pdf(action, catalog=b"/OpenAction 4 0 R"),
    ):
        with pytest.raises(Refused, match="active"):
            opened(pdf, "application/pdf")


@pytest.mark.parametrize(
    "name", [b"/FileAttachment", b"/Screen", b"/RichMedia", b"/3D", b"/Movie", b"/Sound"]
)
def test_refuses_what_plays_or_carries_files_by_a_name_kept_elsewhere(name: bytes) -> None:
    with pytest.raises(Refused, match="active"):
        opened(files.plain_pdf(b"<< /Subtype 5 0 R >>", name, page=b"/Annots [4 0 R]"), "application/pdf")


@pytest.mark.parametrize("twice", [b"/S /URI /S /L#61unch", b"/S /L#61unch /S /URI"])
def test_of_two_entries_neither_may_act(twice: bytes) -> None:
    """One reader takes the first, another the last."""
    acting = b"<< %b /F (calc.exe) >>" % twice
    linked = files.plain_pdf(files.link(acting), page=b"/Annots [4 0 R]")
    for pdf in (linked, files.packed_pdf(b"<< /A %b >>" % acting)):
        with pytest.raises(Refused, match="active"):
            opened(pdf, "application/pdf")


def test_references_in_a_ring_and_actions_without_end_are_refused() -> None:
    ring = files.plain_pdf(files.link(b"5 0 R"), b"6 0 R", b"5 0 R", page=b"/Annots [4 0 R]")
    chain = files.plain_pdf(files.link(b"<< /S 5 0 R >>"), b"6 0 R", b"/Thread", page=b"/Annots [4 0 R]")
    endless = files.plain_pdf(b"<< /S /GoTo /Next 4 0 R >>", catalog=b"/OpenAction 4 0 R")
    for pdf in (ring, chain, endless):
        with pytest.raises(Refused):
            opened(pdf, "application/pdf")


@pytest.mark.parametrize(
    "pdf",
    [
        files.plain_pdf(files.link(b"<< /S /URI /URI (http://example.invalid/) >>"), page=b"/Annots [4 0 R]"),
        files.plain_pdf(files.link(b"<< /S 5 0 R /D [3 0 R /Fit] >>"), b"/GoTo", page=b"/Annots [4 0 R]"),
        files.plain_pdf(files.link(b"<< /S /Named /N /NextPage >>"), page=b"/Annots [4 0 R]"),
        files.plain_pdf(catalog=b"/OpenAction << /S /GoTo /D [3 0 R /Fit] >>"),
        files.plain_pdf(
            b"<< /Title (1) /Next 5 0 R >>",
            b"<< /Title (2) /Prev 4 0 R >>",
            catalog=b"/Outlines << /First 4 0 R /Last 5 0 R >>",
        ),
        files.plain_pdf(
            b"<< /Type /StructElem /S /Sound-of-our-own /A [<< /O /Layout >> 0] >>",
            catalog=b"/StructTreeRoot << /K 4 0 R >>",
            page=b"/Group << /S /Transparency >> /Trans << /S /Wipe >>",
        ),
    ],
)
def test_takes_what_only_leads_about(pdf: bytes) -> None:
    assert opened(pdf, "application/pdf")[0]["pages"] == 1


UNDER_LIMITS = """
import runpy, sys
decoder = runpy.run_path(sys.argv[1])
decoder["_confine"]()
{attempt}
"""


def confined(attempt: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = UNDER_LIMITS.format(attempt=attempt)
    command = [sys.executable, "-I", "-c", program, str(inspection.DECODER)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_has_little_memory(tmp_path: Path) -> None:
    assert "MemoryError" in confined("bytearray(3 * 1024**3)", tmp_path).stderr


def test_writes_no_file(tmp_path: Path) -> None:
    writing = "import os; os.write(os.open('left-behind', os.O_CREAT | os.O_WRONLY), b'x')"
    assert confined(writing, tmp_path).returncode != 0
    assert all(path.stat().st_size == 0 for path in tmp_path.iterdir())
