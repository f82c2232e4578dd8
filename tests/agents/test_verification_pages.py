"""The dialogs of verification at the console: what is typed, what comes back, and what never does."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import acts
from portal import verification
from portal.models import AccountMail, LevelOpens, Verification, VerificationLock
from tests import factories
from tests.callers import RIGHT, WRONG, Line
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(line: Line) -> Client:
    return signed_in(line.agent)


def at(name: str, line: Line) -> str:
    return reverse(f"agents:{name}", args=[line.case.number])


def test_the_dialog_is_empty_and_the_browser_keeps_nothing(client: Client, line: Line) -> None:
    page = client.get(at("case-verify", line)).content.decode()
    typed = re.findall(r"<input[^>]*type=\"text\"[^>]*>", page)
    assert len(typed) == 6
    for one in typed:
        assert 'autocomplete="off"' in one
        assert "value=" not in one
    for answer in ("1961", "4321", line.patient.account_number, line.patient.last_name):
        assert answer not in page


def test_what_fits_closes_the_dialog_and_opens_the_panels(client: Client, line: Line) -> None:
    answer = client.post(at("case-verify", line), RIGHT)
    assert answer.status_code == 204
    assert "case-acted" in answer.headers["HX-Trigger"]
    beside = client.get(at("case-beside", line)).content.decode()
    assert "Identified" in beside
    assert "Two identifiers" in beside
    assert line.patient.name in beside


def test_what_does_not_fit_is_told_without_which_and_is_not_shown_again(client: Client, line: Line) -> None:
    bodies = []
    for given in (WRONG, {"birth_date": "4/12/1961", "last4": "9999"}):
        answer = client.post(at("case-verify", line), given)
        assert answer.status_code == 422
        bodies.append(re.sub(r"left: \d|csrf[^>]*>", "", answer.content.decode()))
        assert not any(value in answer.content.decode() for value in given.values())
    assert bodies[0] == bodies[1]


def test_too_little_is_told(client: Client, line: Line) -> None:
    answer = client.post(at("case-verify", line), {"last4": "4321"})
    assert answer.status_code == 422
    assert "Ask for two of" in answer.content.decode()
    assert not Verification.objects.exists()


def test_a_lock_is_told_and_leaves_no_field_to_type_in(client: Client, line: Line) -> None:
    for _ in range(3):
        answer = client.post(at("case-verify", line), WRONG)
    assert "locked now" in answer.content.decode()
    answer = client.post(at("case-verify", line), RIGHT)
    assert answer.status_code == 409
    page = client.get(at("case-verify", line)).content.decode()
    assert "Locked on every channel until" in page
    assert 'name="last4"' not in page
    assert "Locked on every channel until" in " ".join(
        client.get(at("case-beside", line)).content.decode().split()
    ).replace("Too many failures. ", "")


def test_a_portal_code_is_checked(client: Client, line: Line) -> None:
    shown = verification.issue_portal_code(line.patient.user, patient=line.patient)
    assert client.post(at("case-portal-code", line), {"code": ""}).status_code == 422
    assert client.post(at("case-portal-code", line), {"code": shown.code}).status_code == 204
    assert "Verified" in client.get(at("case-beside", line)).content.decode()


def test_a_code_is_sent_and_its_address_not_shown(client: Client, line: Line) -> None:
    page = client.post(at("case-send-code", line), {"via": "sms"}).content.decode()
    assert "on its way" in page
    assert line.patient.phone[-4:] not in page
    assert AccountMail.objects.get(kind="verify").to == line.patient.phone
    assert client.post(at("case-send-code", line), {"via": "carrier pigeon"}).status_code == 422
    assert client.post(at("case-sent-code", line), {"code": "12345678"}).status_code == 422


def test_a_contact_that_may_not_be_used_is_told(client: Client, line: Line) -> None:
    line.patient.phone = "+15125550188"
    line.patient.save()
    answer = client.post(at("case-send-code", line), {"via": "sms"})
    assert "stood long enough" in answer.content.decode()


def test_a_call_back_shows_the_number_for_it(client: Client, line: Line) -> None:
    assert client.get(at("case-call-back", line)).status_code == 422
    line.says(RIGHT)
    assert line.patient.phone in client.get(at("case-call-back", line)).content.decode()
    assert client.post(at("case-call-back", line), {"answered": "no"}).status_code == 422
    assert client.post(at("case-call-back", line), {"answered": "yes"}).status_code == 204
    assert line.standing.level == 2


def test_a_caregiver_is_chosen_masked_and_opens_their_scope(client: Client, line: Line) -> None:
    caregiver = factories.caregiver_of(line.patient, "deliveries")
    page = client.get(at("case-verify", line)).content.decode()
    assert "C•••• H•••• (daughter): Deliveries" in page
    assert client.post(at("case-verify", line), RIGHT | {"speaking": str(caregiver.ref)}).status_code == 204
    assert line.standing.caregiver == caregiver
    other = factories.caregiver_of(factories.PatientFactory())
    assert client.post(at("case-verify", line), RIGHT | {"speaking": str(other.ref)}).status_code == 422


def test_a_guests_case_has_nobody_to_verify(client: Client) -> None:
    case = factories.CaseFactory(patient=None)
    names = ("case-verify", "case-portal-code", "case-send-code", "case-sent-code", "case-call-back")
    for name in (*names, "case-break-glass"):
        assert client.post(reverse(f"agents:{name}", args=[case.number]), RIGHT).status_code == 404
    assert not {"verify", "break-glass"} & {one.act.code for one in acts.of(client.user, case)}  # type: ignore[attr-defined]


def test_both_dialogs_are_offered_on_the_case(line: Line) -> None:
    assert {"verify", "break-glass"} <= {one.act.code for one in acts.of(line.agent, line.case)}


# --- the workshop --------------------------------------------------------------------------------------
def test_a_supervisor_changes_what_a_level_opens_and_no_further_than_it_may() -> None:
    client = signed_in(factories.UserFactory(roles=["supervisor"]))
    add = reverse("admin:portal_levelopens_add")
    assert client.post(add, {"what": "contact", "level": "1", "playbook": ""}).status_code == 302
    assert LevelOpens.objects.get().level == 1
    page = client.post(add, {"what": "insurance", "level": "1", "playbook": ""})
    assert page.status_code == 200
    assert "This takes a proof" in page.content.decode()
    assert LevelOpens.objects.count() == 1


def test_the_workshop_lists_tries_and_locks_and_lifts_one(line: Line) -> None:
    for _ in range(3):
        line.says(WRONG)
    client = signed_in(factories.UserFactory(roles=["supervisor"]))
    tries = client.get(reverse("admin:portal_verification_changelist")).content.decode()
    assert "Two identifiers" in tries
    locks = reverse("admin:portal_verificationlock_changelist")
    lock = VerificationLock.objects.get()
    client.post(locks, {"action": "lift", "_selected_action": [lock.pk]})
    lock.refresh_from_db()
    assert lock.lifted_at is not None
    assert lock.lifted_at <= timezone.now() + timedelta(seconds=1)
    assert line.says(RIGHT).passed


def test_only_supervisors_and_administrators_change_the_figures() -> None:
    for role, status in (("supervisor", 200), ("administrator", 200), ("auditor", 403)):
        client = signed_in(factories.UserFactory(roles=[role]))
        assert client.get(reverse("admin:portal_verificationrules_changelist")).status_code == status
