"""Whose day it is: the supplier's in every rule, the reader's on their pages, never that of UTC by itself."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from config.business_day import business_day, day_in_force
from portal import saying, stays
from tests.factories import PatientFactory, UserFactory

EVENING = datetime(2026, 11, 23, 1, 40, tzinfo=UTC)  # twenty to eight on Sunday the 22nd in Chicago


@pytest.fixture(autouse=True)
def evening():
    with time_machine.travel(EVENING, tick=False):
        yield


def test_an_evening_at_the_suppliers_is_not_tomorrow_yet() -> None:
    assert business_day() == day_in_force() == date(2026, 11, 22)


def test_a_page_goes_by_the_day_of_its_reader() -> None:
    with timezone.override(ZoneInfo("Pacific/Kiritimati")):
        assert (business_day(), day_in_force()) == (date(2026, 11, 22), date(2026, 11, 23))
        assert saying.moment(EVENING) == "Mon 23 Nov, 3:40 pm"


def test_what_is_said_without_a_reader_is_said_in_the_suppliers_zone() -> None:
    """A canned reply or a chat's words: a promise for eight in the evening is not one for two at night."""
    assert saying.moment(EVENING) == "Sun 22 Nov, 7:40 pm"


@pytest.mark.django_db
def test_a_day_that_has_not_come_here_has_not_come() -> None:
    clerk = UserFactory(roles=["lead"])
    with pytest.raises(ValidationError, match="not come yet"):
        stays.has_died(clerk, patient=PatientFactory(), on=date(2026, 11, 23))
