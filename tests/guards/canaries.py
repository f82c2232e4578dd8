"""Canaries: what stands for PHI in a run through every way in, and the eye that knows each again anywhere.

Most are words that begin with one stem and name the way they came by; birth date, phone and SSN have shapes
of their own, and are known however they are spelt. Known also in base64 and in hexadecimal.
"""

import re
from base64 import b64encode
from collections.abc import Iterator

STEM = "kqzcanary"
BIRTH_DATE, PHONE, SSN, MEMBER_ID = "1931-02-27", "+15125550187", "987-65-4320", "KQZCANARY8812"
SPELLINGS = [
    *(BIRTH_DATE, "19310227", "02/27/1931", "2/27/1931", "27/02/1931", "Feb. 27, 1931", "February 27, 1931"),
    *("5125550187", "(512) 555-0187", "512-555-0187", "512 555 0187", "512) 555 0187"),
    *(SSN, "987654320", "987 65 4320"),
]
WORD_LETTERS = 24


def word(way: str) -> str:
    """The canary of one way in."""
    return f"{STEM.capitalize()}{way.replace(' ', '')}"


def address(way: str) -> str:
    return f"{word(way)}@example.org"


def _in_base64(text: str) -> Iterator[str]:
    """What stays of it wherever it stands in what was encoded."""
    for before in range(3):
        letters = b64encode(b"x" * before + text.encode()).decode()
        yield letters[[0, 2, 3][before] : (before + len(text)) * 8 // 6]


def _eye() -> re.Pattern[bytes]:
    plain = "|".join([rf"{STEM}\w*", *(re.escape(text) for text in SPELLINGS)])
    encoded = [STEM, STEM.capitalize(), STEM.upper(), *SPELLINGS]
    base64 = "|".join(re.escape(part) for text in encoded for part in _in_base64(text))
    hexadecimal = "|".join(text.encode().hex() for text in encoded)
    return re.compile(f"(?i:{plain})|(?i:{hexadecimal})|{base64}".encode())


EYE = _eye()


def seen_in(what: bytes | str) -> set[str]:
    """The canaries in it, each with the letters around it."""
    data = what.encode(errors="replace") if isinstance(what, str) else what
    around = ((max(it.start() - WORD_LETTERS, 0), it.end() + WORD_LETTERS) for it in EYE.finditer(data))
    return {data[start:end].decode(errors="replace") for start, end in around}
