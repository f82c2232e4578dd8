"""What is taken out of a text before it is stored, and what survives (R-CHAT-2)."""

import pytest

from config.security.redaction import MASK, redact


@pytest.mark.parametrize(
    ("text", "kind", "secret"),
    [
        ("My SSN is 123-45-6789 thanks", "ssn", "123-45-6789"),
        ("ssn: 123456789", "ssn", "123456789"),
        ("social security number 123 45 6789.", "ssn", "123 45 6789"),
        ("it is 078-05-1120", "ssn", "078-05-1120"),
        ("my seguro social es 123456789", "ssn", "123456789"),
        ("last four of my social: my ssn last 4 is 6789", "ssn", "6789"),
        ("card 4111 1111 1111 1111 exp 12/28", "card", "4111 1111 1111 1111"),
        ("use 5500-0000-0000-0004", "card", "5500-0000-0000-0004"),
        ("amex 378282246310005", "card", "378282246310005"),
        ("my medicare is 1EG4-TE5-MK72", "medicare", "1EG4-TE5-MK72"),
        ("1eg4te5mk72", "medicare", "1eg4te5mk72"),
        ("Member ID: XYZ123456789", "member", "XYZ123456789"),
        ("my member number is W1234-56789", "member", "W1234-56789"),
        ("subscriber id 998877665", "member", "998877665"),
        ("policy no. ABC-12345678", "member", "ABC-12345678"),
        ("it is 123.45.6789", "ssn", "123.45.6789"),
        ("it is 123 - 45 - 6789", "ssn", "123 - 45 - 6789"),
        ("it is 123\u201145\u20116789", "ssn", "123\u201145\u20116789"),
        ("it is １２３-４５-６７８９", "ssn", "１２３-４５-６７８９"),
        ("SSN is 123456789", "ssn", "123456789"),
        ("SSN123456789", "ssn", "123456789"),
        ("my social: 123-45-6789", "ssn", "123-45-6789"),
        ("soc sec 1 2 3 4 5 6 7 8 9", "ssn", "1 2 3 4 5 6 7 8 9"),
        ("my SSN\n123456789", "ssn", "123456789"),
        ("123456789 is my ssn", "ssn", "123456789"),
        ("the old claim 123-45-6789A", "ssn", "123-45-6789A"),
        ("4111.1111.1111.1111", "card", "4111.1111.1111.1111"),
        ("4111 - 1111 - 1111 - 1111", "card", "4111 - 1111 - 1111 - 1111"),
        ("4111 1111 1111 1111 12/28", "card", "4111 1111 1111 1111"),
        ("4111111111111111 123", "card", "4111111111111111"),
        ("two of 12 4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
        ("card4111111111111111", "card", "4111111111111111"),
        ("1EG4 TE5 MK73", "medicare", "1EG4 TE5 MK73"),
        ("1eg4 te5 mk73", "medicare", "1eg4 te5 mk73"),
        ("mbi1EG4–TE5–MK73", "medicare", "1EG4–TE5–MK73"),
        ("member id is 1234 5678 90", "member", "1234 5678 90"),
        ("ID de miembro: XYZ123456789", "member", "XYZ123456789"),
    ],
)
def test_identifying_numbers_go(text, kind, secret):
    redacted = redact(text)
    assert secret not in redacted.text
    assert MASK in redacted.text
    assert redacted.counts == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "order 123456789",
        "order A-100042 and case C-10017",
        "DME-100234-5 and insurance order DME-100234-5",
        "tracking 9205 5900 4111 1111 1111 1111 12",
        "tracking number: 9400 1118 9922 3197 4284 90",
        "member services 512-555-0143 and 512 555 0143 and 512.555.0143",
        "tracking 1Z999AA10123456784",
        "FedEx 123456789012 and USPS 9400111899223197428490",
        "call me at 512-555-0143 or (512) 555-0143 or +15125550143",
        "on 2026-11-22 between 10:00 and 12:00",
        "I am 65 and weigh 180, pressure 10.4",
        "000-12-3456 and 666-12-3456 and 900-12-3456",
        "4111 1111 1111 1112",
        "FedEx 612999871234566 and 770000000000008",
        "serial SN-2231-88172-AB",
        "I am a member since 2019",
        "is my insurance active? group chat at 10",
        "ZIP 78701-1234",
        "HCPCS E0601 and A7030",
        "",
    ],
)
def test_everything_else_survives(text):
    redacted = redact(text)
    assert redacted.text == text
    assert redacted.total == 0


def test_several_are_counted_apart():
    redacted = redact("ssn 123-45-6789, card 4111111111111111, other ssn 321-54-9876")
    assert redacted.counts == {"ssn": 2, "card": 1}
    assert redacted.total == 3
    assert redacted.text == f"ssn {MASK}, card {MASK}, other ssn {MASK}"


def test_the_words_around_stay():
    assert redact("Hi, my SSN is 123-45-6789, ok?").text == f"Hi, my SSN is {MASK}, ok?"


def test_redacting_twice_changes_nothing_more():
    once = redact("my ssn is 123456789").text
    assert redact(once).text == once


@pytest.mark.parametrize(
    "text",
    [
        "1 2-3 4 5.6 " * 5000,
        "ssn " * 20_000,
        "1" * 60_000,
        "member id " * 8000,
        "4 " * 30_000,
        "5.1-" * 15_000,
    ],
)
def test_no_pattern_runs_away_on_a_text_made_to_hurt_it(text):
    assert redact(text).total == 0
