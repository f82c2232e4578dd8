"""One spelling for each kind of identifier, so that equal things get equal digests."""

import re
import unicodedata

import phonenumbers

NOT_ALNUM = re.compile(r"[^0-9A-Z]")


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
