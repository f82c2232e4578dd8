"""Codes and calls back: the ways to level 2, each once, for one purpose and not for long (R-CASE-3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from config.security.throttle import TooMany
from portal import verification
from portal.models import AccessEntry, OneTimeSecret
from portal.models.verification import WHATS
from tests import factories
from tests.callers import RIGHT, Line
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line()


# --- the code from the portal --------------------------------------------------------------------------
def test_a_portal_code_verifies_once(line: Line) -> None:
    shown = verification.issue_portal_code(line.patient.user, patient=line.patient)
    assert (len(shown.code), shown.code.isdecimal()) == (6, True)
    spoken = f"{shown.code[:3]} {shown.code[3:]}"
    outcome = verification.check_portal_code(line.agent, code=spoken, **line.on)
    assert (outcome.passed, line.standing.level, line.standing.by) == (True, 2, "portal_code")
    assert not verification.check_portal_code(line.agent, code=shown.code, **line.on).passed
    assert not OneTimeSecret.objects.filter(digest__contains=shown.code).exists()


def test_a_portal_code_is_over_after_five_minutes_and_when_a_new_one_is_shown(line: Line) -> None:
    old = verification.issue_portal_code(line.patient.user, patient=line.patient)
    new = verification.issue_portal_code(line.patient.user, patient=line.patient)
    assert not verification.check_portal_code(line.agent, code=old.code, **line.on).passed
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert not verification.check_portal_code(line.agent, code=new.code, **line.on).passed


def test_somebody_elses_code_is_no_proof(line: Line) -> None:
    stranger = factories.patient_with_user()
    shown = verification.issue_portal_code(stranger.user, patient=stranger)
    assert not verification.check_portal_code(line.agent, code=shown.code, **line.on).passed
    with pytest.raises(PermissionDenied):
        verification.issue_portal_code(stranger.user, patient=line.patient)


@pytest.mark.django_db(transaction=True)
def test_one_code_read_to_two_agents_at_once_verifies_one(line: Line) -> None:
    shown = verification.issue_portal_code(line.patient.user, patient=line.patient)

    def check(one: Line) -> bool:
        try:
            return verification.check_portal_code(one.agent, code=shown.code, **one.on).passed
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(check, [line, line.colleague()])) == [False, True]


def test_the_page_shows_a_code_once_and_puts_it_nowhere_else(line: Line) -> None:
    client = signed_in(line.patient.user)
    page = client.get(reverse("portal:agent-code"))
    assert not OneTimeSecret.objects.exists()
    assert "never call to ask" in page.content.decode()
    page = client.post(reverse("portal:agent-code"))
    code = page.context["code"]
    assert code in page.content.decode()
    assert 290 <= page.context["seconds"] <= 300
    assert "no-store" in page.headers["Cache-Control"]
    assert code not in client.get(reverse("portal:agent-code")).content.decode()
    assert verification.check_portal_code(line.agent, code=code, **line.on).passed


# --- caregivers ----------------------------------------------------------------------------------------
def test_a_caregiver_opens_their_scope_at_any_level(line: Line) -> None:
    caregiver = factories.caregiver_of(line.patient, "deliveries")
    assert line.says(RIGHT, caregiver=caregiver).standing.caregiver == caregiver
    assert (line.standing.opens("orders"), line.standing.level) == (True, 1)
    shown = verification.issue_portal_code(caregiver.user, patient=line.patient)
    verification.check_portal_code(line.agent, code=shown.code, **line.on)
    assert (line.standing.level, line.standing.caregiver) == (2, caregiver)
    opened = {what for what, _ in WHATS if line.standing.opens(what)}
    assert opened == {"orders", "appointments", "asked"}


def test_a_caregiver_whose_part_ended_is_nobody(line: Line) -> None:
    caregiver = factories.caregiver_of(line.patient)
    shown = verification.issue_portal_code(caregiver.user, patient=line.patient)
    line.says(RIGHT, caregiver=caregiver)
    caregiver.revoked_at = timezone.now()
    caregiver.save()
    assert line.standing.level == 0
    assert not verification.check_portal_code(line.agent, code=shown.code, **line.on).passed
    for somebody in (caregiver, factories.caregiver_of(factories.PatientFactory())):
        with pytest.raises(PermissionDenied):
            line.says(RIGHT, caregiver=somebody)


# --- codes to contacts of old, and calls back ----------------------------------------------------------
def sent_code(line: Line, via: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Send one and read it where it arrived."""
    from portal import account_mail

    arrived: list[str] = []
    monkeypatch.setattr(account_mail.sms, "send", lambda to, text, key="": arrived.append(f"{to} {text}"))
    monkeypatch.setattr(account_mail.mail, "send", lambda to, subject, text: arrived.append(f"{to} {text}"))
    verification.send_code(line.agent, via=via, **line.on)
    account_mail.send_due()
    [text] = arrived
    to = line.patient.phone if via == "sms" else line.patient.email
    assert text.startswith(to)
    assert line.patient.first_name not in text
    return next(word for word in text.split() if len(word) == 8 and word.isdecimal())


@pytest.mark.parametrize("via", ["sms", "email"])
def test_a_code_to_a_contact_of_old_verifies(line: Line, via: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = sent_code(line, via, monkeypatch)
    assert verification.check_sent_code(line.agent, code=code, **line.on).passed
    assert (line.standing.level, line.standing.by) == (2, "sent_code")


def test_a_sent_code_is_for_its_case_alone(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A10."""
    code = sent_code(line, "sms", monkeypatch)
    assert not verification.check_sent_code(
        Line(line.patient).agent, code=code, **Line(line.patient).on
    ).passed
    assert verification.check_sent_code(line.agent, code=code, **line.on).passed
    assert not verification.check_sent_code(line.agent, code=code, **line.on).passed


def test_a_sent_code_is_over_after_ten_minutes(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    code = sent_code(line, "sms", monkeypatch)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert not verification.check_sent_code(line.agent, code=code, **line.on).passed


def test_no_code_goes_to_a_contact_younger_than_a_month(line: Line) -> None:
    line.patient.phone = "+15125550188"
    line.patient.save()
    with pytest.raises(verification.CannotReach):
        verification.send_code(line.agent, via="sms", **line.on)
    with pytest.raises(verification.CannotReach):
        verification.number_to_call(line.agent, **line.on)
    with time_machine.travel(timezone.now() + timedelta(days=30, minutes=1)):
        verification.send_code(line.agent, via="sms", **line.on)


def test_codes_are_not_sent_without_end(line: Line) -> None:
    for _ in range(3):
        verification.send_code(line.agent, via="sms", **line.on)
    with pytest.raises(TooMany):
        verification.send_code(line.agent, via="email", **line.on)


def test_a_call_back_takes_two_identifiers_first(line: Line) -> None:
    with pytest.raises(ValidationError):
        verification.called_back(line.agent, answered=True, **line.on)
    line.says(RIGHT)
    assert verification.number_to_call(line.agent, **line.on) == line.patient.phone
    assert AccessEntry.objects.get(kind="unmask").fields == ["phone"]
    assert not verification.called_back(line.agent, answered=False, **line.on).passed
    assert verification.called_back(line.agent, answered=True, **line.on).standing.level == 2
