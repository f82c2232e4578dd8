"""What may leave the house by e-mail and text message, held against sentences labelled by hand (R-SHIP-3)."""

from datetime import date
from typing import Any

import pytest

from cases import outside
from cases.models import Case
from tests.cases.outside_corpus import KEPT_IN, MAY_LEAVE
from tests.factories import CaseFactory, PatientFactory, ProductFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Case:
    patient = PatientFactory(
        first_name="Ana",
        last_name="Testperson",
        birth_date=date(1961, 4, 12),
        address_line1="12 Sample Street",
    )
    return CaseFactory(patient=patient, channel="sms")


def test_what_may_not_leave_is_found_for_what_it_is(case: Case) -> None:
    missed = [(kind, text) for kind, text in KEPT_IN if kind not in outside.found_in(text, case)]
    assert missed == []


def test_ordinary_sentences_leave(case: Case) -> None:
    held = [(text, kinds) for text in MAY_LEAVE if (kinds := outside.found_in(text, case))]
    assert held == []


def test_a_product_is_a_word_and_not_a_part_of_one(case: Case) -> None:
    ProductFactory(plain_name="Ring")
    assert outside.found_in("Your Ring is here", case) == ["equipment"]
    assert outside.found_in("We bring it during the day", case) == []


def test_our_own_name_and_address_leave(case: Case, settings: Any) -> None:
    settings.SUPPLIER_NAME = "Bayside Oxygen & Walker"
    assert outside.found_in("Bayside Oxygen & Walker wrote to you", case) == []
