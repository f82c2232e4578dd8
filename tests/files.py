"""Files for tests, made on the spot: good ones and bad ones of every kind."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject, TextStringObject


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (640, 400), mode: str = "RGB", **options: Any
) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 40).convert(mode).save(out, kind, **options)
    return out.getvalue()


def photo_with_place() -> bytes:
    """A photo as a phone takes it: upright only by its EXIF, with place, maker and a thumbnail."""
    image = Image.new("RGB", (600, 400), "white")
    image.paste("red", (0, 0, 100, 400))
    exif = image.getexif()
    exif[Base.Make] = "Synthetic Phone"
    exif[Base.Orientation] = 6
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (30.0, 16.0, 2.0)
    out = BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def heic() -> bytes:
    import pillow_heif

    out = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (320, 240), "teal")).save(out)
    return out.getvalue()


def fax(pages: int = 3) -> bytes:
    """A TIFF of several pages."""
    out = BytesIO()
    first, *rest = [Image.new("1", (400, 300), number % 2) for number in range(pages)]
    first.save(out, "TIFF", save_all=True, append_images=rest, compression="group4")
    return out.getvalue()


def huge_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A picture of 900 million points in a few kilobytes: its rows are never all unpacked here."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def pdf(pages: int = 1, change: Any = None, **options: Any) -> bytes:
    """A PDF of blank pages; ``change`` is given the writer before it is written."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(612, 792)
    if change:
        change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def action(**entries: Any) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{name}"): value for name, value in entries.items()})


def script() -> DictionaryObject:
    return action(S=NameObject("/JavaScript"), JS=TextStringObject("app.alert('x')"))


def launch() -> DictionaryObject:
    return action(S=NameObject("/Launch"), F=TextStringObject("calc.exe"))


def _at_root(name: str, value: Any) -> Any:
    return lambda writer: writer.root_object.__setitem__(NameObject(name), value)


ACTIVE_PDFS = {
    "script": _at_root("/Names", action(JavaScript=action(S=NameObject("/JavaScript")))),
    "script that opens it": _at_root("/OpenAction", script()),
    "attachment": lambda writer: writer.add_attachment("a.txt", b"x"),
    "opening action": _at_root("/OpenAction", launch()),
    "event": _at_root("/AA", action(WC=launch())),
    "launch": lambda writer: writer.pages[0].__setitem__(NameObject("/A"), launch()),
    "form of its own": _at_root("/AcroForm", action(XFA=TextStringObject("<xdp/>"))),
    "sends a form": lambda writer: writer.pages[0].__setitem__(
        NameObject("/A"), action(S=NameObject("/SubmitForm"), F=TextStringObject("http://example.invalid/"))
    ),
    "screen": lambda writer: writer.pages[0].__setitem__(
        NameObject("/X"), action(Subtype=NameObject("/Screen"))
    ),
}


def opens_on_page_one(writer: PdfWriter) -> None:
    """What many harmless programs write: a destination, no action."""
    from pypdf.generic import ArrayObject

    place = ArrayObject([writer.pages[0].indirect_reference, NameObject("/XYZ"), NumberObject(0)])
    writer.root_object[NameObject("/OpenAction")] = place


def packed_pdf(inside: bytes) -> bytes:
    """A PDF whose objects, ``inside`` as the opening action among them, are packed away in a stream."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction 4 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        inside,
    ]
    places, body = [], b""
    for number, data in enumerate(objects, 1):
        places.append(b"%d %d" % (number, len(body)))
        body += data + b" "
    index = b" ".join(places) + b" "
    head = b"%PDF-1.5\n"
    packed = zlib.compress(index + body)
    entries = b"/Type /ObjStm /N 4 /First %d /Filter /FlateDecode" % len(index)
    start_of_table = len(head + (stream := stream_object(5, entries, packed)))
    rows = [(0, 0, 0), *((2, 5, number) for number in range(4)), (1, len(head), 0), (1, start_of_table, 0)]
    table = b"".join(struct.pack(">BHB", *row) for row in rows)
    xref = stream_object(6, b"/Type /XRef /Size 7 /W [1 2 1] /Root 1 0 R", table)
    return head + stream + xref + b"startxref\n%d\n%%%%EOF\n" % start_of_table


def plain_pdf(*more: bytes, catalog: bytes = b"", page: bytes = b"") -> bytes:
    """A PDF of one page, written as it stands here; ``more`` are its objects from the fourth on."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] %b >>" % page,
        *more,
    ]
    out, places = b"%PDF-1.5\n", [b"%010d 65535 f \n" % 0]
    for number, data in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, data)
    table = b"xref\n0 %d\n%b" % (len(places), b"".join(places))
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\n" % len(places)
    return out + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(out)


def link(action: bytes) -> bytes:
    """A place on the page that does ``action`` when it is clicked."""
    return b"<< /Type /Annot /Subtype /Link /Rect [0 0 99 99] /A %b >>" % action


def stream_object(number: int, entries: bytes, data: bytes) -> bytes:
    head = b"%d 0 obj\n<< %b /Length %d >>\n" % (number, entries, len(data))
    return head + b"stream\n" + data + b"\nendstream\nendobj\n"


def box(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def film(
    data: bytes = b"frames" * 1000, brand: bytes = b"isom", place: bytes = b"+30.2672-097.7431/"
) -> bytes:
    """The frame of an MP4, with a note of where it was taken."""
    track = box(b"trak", box(b"tkhd", bytes(80)) + box(b"meta", b"title:" + place))
    moov = box(b"moov", box(b"mvhd", bytes(100)) + track + box(b"udta", box(b"\xa9xyz", place)))
    return box(b"ftyp", brand + bytes(4) + brand) + moov + box(b"mdat", data)
