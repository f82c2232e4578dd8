"""The program that opens pictures and PDFs of strangers. Run on its own, with little memory and time.

It stands apart from the application: started isolated, without settings, keys or database, the file on its
standard input. It answers on standard output: one line of JSON, then the bytes of the new file (none where
the old one is kept) and of the thumbnail.

    python -I decoder.py '{"type": "image/jpeg", "pixels": 80000000, "pages": 60}'

Pictures are painted anew, so nothing but pixels is left of them: no place, no camera, no hidden second file.
PDFs are read through and refused when anything in them could act.
"""

import json
import re
import resource
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

MEMORY = 2 * 1024**3
CPU_SECONDS = 40
THUMBNAIL = (320, 320)
FORMATS = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/tiff": ("TIFF",),
    "image/heic": ("HEIF",),
}
RESOLUTION = 200.0
# An action starts something; a destination only turns to a page.
ACTIVE_KEYS = {"/JS", "/AA", "/XFA", "/EF", "/EmbeddedFiles", "/RichMediaContent", "/JavaScript"}
ACTIVE_VALUES = {
    "/JavaScript",
    "/Launch",
    "/SubmitForm",
    "/ImportData",
    "/GoToE",
    "/GoToR",
    "/Rendition",
    "/Movie",
    "/Sound",
    "/GoTo3DView",
    "/RichMediaExecute",
}
ACTIVE_TYPES = {"/EmbeddedFile", "/RichMedia", "/Screen", "/3D", "/FileAttachment", "/Movie", "/Sound"}
# Where actions stand, and those that may: what a click does to the page alone, and a link that a reader asks about.
ACTION_KEYS = ("/A", "/PA", "/Next")
HARMLESS_WHEN_CLICKED = {"/GoTo", "/URI", "/Named", "/ResetForm", "/SetOCGState", "/Hide"}
HARMLESS_WHEN_OPENED = {"/GoTo"}
ACTIONS_IN_A_ROW = 1000
REFERENCES_IN_A_ROW = 10


def _however_written(name: str) -> bytes:
    """A pattern for a PDF's name, any letter of which may be written as its number."""
    return "".join(f"(?:{letter}|#(?i:{ord(letter):02x}))" for letter in name).encode()


# These are looked for in the bytes as well: another reader may take the second of two entries, or an old object.
NAMED = (ACTIVE_VALUES | {"/EmbeddedFile", "/RichMedia", "/FileAttachment"}) - {"/Movie", "/Sound"}
ACTIVE_NAMES = re.compile(rb"/(?:%b)\b" % b"|".join(_however_written(name[1:]) for name in sorted(NAMED)))


class Refused(Exception):
    """Why the file is not taken, as a code of portal.models.Refusal."""


def main() -> None:
    wanted = json.loads(sys.argv[1])
    _confine()
    try:
        answer, new, small = _open(sys.stdin.buffer.read(), wanted)
    except Refused as refusal:
        answer, new, small = {"refused": str(refusal)}, b"", b""
    except MemoryError:
        answer, new, small = {"refused": "pixels"}, b"", b""
    head = json.dumps(answer | {"new": len(new), "small": len(small)})
    sys.stdout.buffer.write(head.encode() + b"\n" + new + small)


def _confine() -> None:
    """Little memory, little time, no files written, no programs started."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _open(data: bytes, wanted: dict[str, Any]) -> tuple[dict[str, Any], bytes, bytes]:
    if wanted["type"] == "application/pdf":
        return {"type": "application/pdf", "pages": _pages_of(data, wanted["pages"])}, b"", b""
    return _repaint(data, wanted)


def _repaint(data: bytes, wanted: dict[str, Any]) -> tuple[dict[str, Any], bytes, bytes]:
    from PIL import Image, ImageFile

    Image.MAX_IMAGE_PIXELS = wanted["pixels"]
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    if wanted["type"] == "image/heic":
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    try:
        picture: Any = Image.open(BytesIO(data), formats=FORMATS[wanted["type"]])
        if wanted["type"] == "image/tiff" and picture.n_frames > 1:
            return _as_pdf(picture, wanted)
        return _as_picture(picture, wanted)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("pixels") from None
    except (Refused, MemoryError):
        raise
    except Exception:
        # A decoder fails in many ways on a broken file; to its sender they are all one.
        raise Refused("truncated") from None


def _as_picture(picture: Any, wanted: dict[str, Any]) -> tuple[dict[str, Any], bytes, bytes]:
    page = _bare(picture, wanted["pixels"])
    kind = "image/png" if wanted["type"] == "image/png" else "image/jpeg"
    answer = {"type": kind, "pages": 1, "width": page.width, "height": page.height}
    return answer, _painted(page, kind), _thumbnail(page)


def _as_pdf(picture: Any, wanted: dict[str, Any]) -> tuple[dict[str, Any], bytes, bytes]:
    """A fax of several pages: browsers don't show TIFF, so it becomes a PDF of the same pages."""
    if picture.n_frames > wanted["pages"]:
        raise Refused("pages")
    pages = list(_frames(picture, wanted["pixels"]))
    out = BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=RESOLUTION)
    return {"type": "application/pdf", "pages": len(pages)}, out.getvalue(), _thumbnail(pages[0])


def _frames(picture: Any, limit: int) -> Iterator[Any]:
    """Its pages; all of them together may hold four times the points of one picture."""
    left = 4 * limit
    for number in range(picture.n_frames):
        picture.seek(number)
        left -= picture.width * picture.height
        if left < 0:
            raise Refused("pixels")
        page = _bare(picture, limit)
        yield page if page.mode in ("1", "L", "RGB") else page.convert("RGB")


def _bare(picture: Any, limit: int) -> Any:
    """The pixels alone: upright, in sRGB, with nothing attached."""
    from PIL import Image, ImageOps

    if picture.width * picture.height > limit:
        raise Refused("pixels")
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    upright.load()
    if profile:
        upright = _in_srgb(upright, profile)
    if upright.mode not in ("1", "L", "RGB", "RGBA"):
        upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    bare = Image.new(upright.mode, upright.size)
    bare.paste(upright)
    return bare


def _in_srgb(picture: Any, profile: bytes) -> Any:
    """Phones take pictures in wider colours; without their profile these would look dull."""
    from PIL import ImageCms

    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        return ImageCms.profileToProfile(picture, given, ImageCms.createProfile("sRGB")) or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _painted(page: Any, kind: str) -> bytes:
    out = BytesIO()
    if kind == "image/png":
        page.save(out, "PNG", compress_level=4)
    else:
        _on_white(page).save(out, "JPEG", quality=88)
    return out.getvalue()


def _thumbnail(page: Any) -> bytes:
    small = _on_white(page).copy()
    small.thumbnail(THUMBNAIL)
    out = BytesIO()
    small.save(out, "JPEG", quality=80)
    return out.getvalue()


def _on_white(page: Any) -> Any:
    from PIL import Image

    if page.mode != "RGBA":
        return page if page.mode in ("L", "RGB") else page.convert("L")
    ground = Image.new("RGB", page.size, "white")
    ground.paste(page, mask=page.getchannel("A"))
    return ground


def _pages_of(data: bytes, most: int) -> int:
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError

    _refuse_named(data)
    try:
        reader = PdfReader(BytesIO(data), strict=False)
        if reader.is_encrypted:
            raise Refused("encrypted")
        pages = len(reader.pages)
        if 0 < pages <= most:
            _refuse_active(reader)
    except (Refused, MemoryError):
        raise
    except FileNotDecryptedError:
        raise Refused("encrypted") from None
    except Exception:
        # As with pictures: whatever a reader trips over, the file is damaged.
        raise Refused("truncated") from None
    if pages > most:
        raise Refused("pages")
    if not pages:
        raise Refused("truncated")
    return pages


def _refuse_active(reader: Any) -> None:
    """Look at every object of the file, those in object streams too, and at none twice."""
    numbers = {number for table in reader.xref.values() for number in table} | set(reader.xref_objStm)
    for number in sorted(numbers):
        if number:
            thing = reader.get_object(_reference(reader, number))
            _look_into(thing)
            if isinstance(thing, dict) and _name(thing, "/Type") == "/ObjStm":
                _refuse_named(thing.get_data())  # type: ignore[attr-defined]
    _look_into(reader.trailer)
    catalog = _resolved(reader.trailer.get("/Root"))
    if isinstance(catalog, dict):
        _refuse_opening_action(catalog)


def _refuse_named(data: bytes) -> None:
    if ACTIVE_NAMES.search(data):
        raise Refused("active")


def _reference(reader: Any, number: int) -> Any:
    from pypdf.generic import IndirectObject

    generations = (generation for generation, table in reader.xref.items() if number in table)
    return IndirectObject(number, next(generations, 0), reader)


def _look_into(thing: Any) -> None:
    """Everything under one object; references are objects of their own and looked at there."""
    waiting = [thing]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            _refuse_acting(here)
            waiting += [dict.__getitem__(here, key) for key in here]
        elif isinstance(here, list):
            waiting += list.__iter__(here)


def _refuse_acting(entries: Any) -> None:
    if ACTIVE_KEYS & entries.keys():
        raise Refused("active")
    types = {_name(entries, "/Type"), _name(entries, "/Subtype")}
    if _name(entries, "/S") in ACTIVE_VALUES or types & ACTIVE_TYPES:
        raise Refused("active")
    for key in ACTION_KEYS:
        _refuse_actions(entries.get(key), HARMLESS_WHEN_CLICKED)


def _refuse_actions(first: Any, harmless: set[str]) -> None:
    """An action, several, and what follows on each. Outlines and structures have such entries too, but no kind."""
    waiting = [first]
    for _ in range(ACTIONS_IN_A_ROW):
        if not waiting:
            return
        here = _resolved(waiting.pop())
        if isinstance(here, list):
            waiting += list.__iter__(here)
        elif isinstance(here, dict) and "/S" in here:
            if _name(here, "/S") not in harmless:
                raise Refused("active")
            waiting.append(here.get("/Next"))
    raise Refused("active")


def _name(entries: Any, key: str) -> str:
    value = _resolved(entries.get(key))
    return value if isinstance(value, str) else ""


def _resolved(value: Any) -> Any:
    """What a reference leads to, be it by way of others."""
    from pypdf.generic import IndirectObject

    for _ in range(REFERENCES_IN_A_ROW):
        if not isinstance(value, IndirectObject):
            return value
        value = value.get_object()
    raise Refused("active")


def _refuse_opening_action(catalog: Any) -> None:
    action = _resolved(catalog.get("/OpenAction"))
    if isinstance(action, dict) and "/S" not in action:
        raise Refused("active")
    _refuse_actions(action, HARMLESS_WHEN_OPENED)


if __name__ == "__main__":
    main()
