"""Who was identified as a caregiver stays one, whatever proof follows (R-CASE-3)."""

import pytest

from portal import verification
from tests import factories
from tests.callers import RIGHT, Line

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    """A caregiver for deliveries calls, and gives two identifiers of the patient."""
    line = Line()
    caregiver = factories.caregiver_of(line.patient, "deliveries")
    assert line.says(RIGHT, caregiver=caregiver).passed
    return line


def stays_in_scope(line: Line) -> None:
    standing = line.standing
    assert (standing.level, standing.opens("orders")) == (2, True)
    assert standing.caregiver is not None
    closed = ("insurance", "clinical", "documents", "contact", "contact_change", "payment_change")
    assert [what for what in closed if standing.opens(what)] == []


def test_a_caregiver_called_back_at_the_patients_home_keeps_their_scope(line: Line) -> None:
    assert verification.called_back(line.agent, answered=True, **line.on).passed
    stays_in_scope(line)


def test_a_caregiver_who_reads_the_patients_code_keeps_their_scope(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.verification.one_time.matches", lambda secret, code: True)
    verification.send_code(line.agent, via="sms", **line.on)
    assert verification.check_sent_code(line.agent, code="12345678", **line.on).passed
    stays_in_scope(line)


def test_a_code_of_the_patients_own_account_is_the_patients(line: Line) -> None:
    shown = verification.issue_portal_code(line.patient.user, patient=line.patient)
    assert verification.check_portal_code(line.agent, code=shown.code, **line.on).passed
    assert line.standing.caregiver is None
