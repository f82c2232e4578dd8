"""Synthetic documents: pictures of insurance cards and one-page PDFs, marked as samples."""

from functools import lru_cache
from io import BytesIO
from random import Random

from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfWriter

CARD = (860, 540)


def insurance_card(rng: Random, plan: str, side: str) -> bytes:
    """A JPEG of a card nobody was ever given."""
    picture = Image.new("RGB", CARD, (236, 243, 246))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, CARD[0], 96), fill=(22, 94, 114))
    draw.text((36, 28), plan, fill="white", font=_font(34))
    draw.text((36, 150), f"SAMPLE - {side}", fill=(22, 60, 80), font=_font(30))
    draw.text((36, 220), f"Plan code {rng.randrange(1000, 9999)}", fill=(22, 60, 80), font=_font(26))
    draw.text((36, 470), "Synthetic: no real person or plan", fill=(90, 110, 120), font=_font(22))
    out = BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()


@lru_cache(maxsize=1)
def one_page_pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(width=612, height=792)
    writer.add_metadata({"/Title": "Synthetic sample"})
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
