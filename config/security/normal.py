"""One spelling for each kind of identifier, so that equal things get equal digests."""

import re
import unicodedata

import phonenumbers

NOT_ALNUM = re.compile(r"[^0-9A-Z]")
# Seen by nobody: controls, format marks such as U+200B, spaces, marks on no letter, and letters drawn as nothing.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
BLANK_LETTERS = frozenset("\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}\N{BRAILLE PATTERN BLANK}\u115f\u1160")


def email(value: str) -> str:
    return unicodedata.normalize("NFKC", value).strip().casefold()


def phone(value: str) -> str:
    """E.164 where the number can be read as a US or international one, else its digits."""
    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return re.sub(r"\D", "", value)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def member_id(value: str) -> str:
    """Member ids, MBIs and serial numbers: letters and digits alone, upper case."""
    return NOT_ALNUM.sub("", value.upper())


def name(value: str) -> str:
    """Casefolded, without accents, apostrophes, hyphens or doubled spaces."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w\s]", "", plain).casefold().split())


def identity(value: str) -> str:
    """``last name|birth date`` as one value."""
    last, _, born = value.rpartition("|")
    return f"{name(last)}|{born}"


def seen(text: str) -> str:
    """Without format marks, which nobody sees: a zero-width space takes a word or a number apart for us alone."""
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def is_blank(text: str) -> bool:
    """Whether whoever reads it would see nothing."""
    return all(char in BLANK_LETTERS or unicodedata.category(char) in UNSEEN for char in text)
