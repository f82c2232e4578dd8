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
