"""What a person knows of themselves, spelt one way and compared to the end with what is on file.

A ZIP code is none of them: it stands on every letter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from config.security import crypto, normal
from portal.models import Patient

FEWEST = 2


def _order_numbers(patient: Patient) -> list[str]:
    return [normal.member_id(number) for number in patient.orders.values_list("number", flat=True)]


def _read_date(typed: str) -> str:
    """An ISO date, or one as it is written here: 4/12/1961."""
    month, _slash, rest = typed.replace("-", "/").partition("/")
    day, _slash, year = rest.partition("/")
    try:
        if typed[:4].isdecimal():
            return (parse_date(typed) or date.fromisoformat(typed)).isoformat()
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        raise ValidationError({"birth_date": _("Write the date as month/day/year.")}) from None


def _digits(typed: str) -> str:
    return "".join(letter for letter in typed if letter.isdecimal())


@dataclass(frozen=True)
class Identifier:
    """Something a person knows of themselves: how it is spelt the same, and what it is compared with."""

    label: Any
    spell: Callable[[str], str]
    on_file: Callable[[Patient], list[str]]


IDENTIFIERS = {
    "order_number": Identifier(_("Order number"), normal.member_id, _order_numbers),
    "birth_date": Identifier(
        _("Date of birth"), _read_date, lambda patient: [patient.birth_date.isoformat()]
    ),
    "account_id": Identifier(
        _("Account number"), normal.member_id, lambda patient: [normal.member_id(patient.account_number)]
    ),
    "last4": Identifier(_("Last four digits of the SSN"), _digits, lambda patient: [patient.ssn_last4]),
}


def spelt(given: Mapping[str, Any]) -> dict[str, str]:
    """What was typed, spelt as it is compared. Raises ValidationError for too little or what can't be read."""
    unknown = set(given) - set(IDENTIFIERS)
    typed = {
        code: str(value).strip()
        for code, value in given.items()
        if code not in unknown and value and str(value).strip()
    }
    if unknown or len(typed) < FEWEST:
        raise ValidationError(_("Ask for two of: order number, date of birth, account number, last four."))
    return {code: IDENTIFIERS[code].spell(value) for code, value in typed.items()}


def fits(patient: Patient, typed: Mapping[str, str]) -> bool:
    """Whether all of it is right, compared to the end whatever is wrong."""
    judged = [_is_one_of(value, IDENTIFIERS[code].on_file(patient)) for code, value in typed.items()]
    return all(judged)


def _is_one_of(value: str, known: list[str]) -> bool:
    judged = [bool(one) and crypto.same(value, one) for one in known]
    return any(judged)
