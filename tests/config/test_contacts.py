"""Addresses and numbers that something can be sent to, and those that only look so."""

import pytest
from django.core.exceptions import ValidationError

from config import contacts
from config.integrations import sms
from config.integrations.breaker import PartnerRefuses


@pytest.mark.parametrize(
    "address", ["jo@example.org", "jo+sleep@m\N{LATIN SMALL LETTER U WITH DIAERESIS}hle.example"]
)
def test_an_address_is_taken(address: str) -> None:
    contacts.mailable(address)


@pytest.mark.parametrize(
    "address",
    [
        "jo@example.org; kim@example.org",
        "jo@" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60 + ".example",
        "jo@example.org\n",
        "jo",
        "",
        f"{'j' * 60}@{'e' * 60}.{'x' * 60}.{'a' * 60}.{'m' * 60}.org",
    ],
)
def test_what_no_server_could_be_asked_for_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        contacts.mailable(address)


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("(512) 555-0142", "+15125550142"),
        ("512 555 0142 x7", "+15125550142"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_a_number_is_dialled_in_one_form(number: str, dialled: str) -> None:
    assert contacts.dialled(number) == dialled


@pytest.mark.parametrize("number", ["555-0142", "my daughter", "", "12345678901234567890", "+1"])
def test_a_number_that_reaches_nobody_is_refused_before_the_company_is_asked(number: str) -> None:
    with pytest.raises(ValidationError):
        contacts.dialled(number)
    with pytest.raises(PartnerRefuses):
        sms.send(number, "Hello")
