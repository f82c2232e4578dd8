"""Break-glass: a reason, a fresh proof, half an hour, an alarm and a review by somebody else (R-CASE-3, R-SEC-3)."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from cases.models import CaseEvent
from portal import access_trail, emergency, verification
from portal.models import AccessEntry, AccountMail, EmergencyAccess
from portal.verification import NotVerified
from tests import factories
from tests.callers import Line
from tests.people import signed_in

pytestmark = pytest.mark.django_db
REASON = "Oxygen concentrator failed, need the settings for the ambulance."


@pytest.fixture
def line() -> Line:
    return Line()


def broken(line: Line) -> EmergencyAccess:
    return emergency.break_glass(line.agent, reason=REASON, **line.on)


def test_it_opens_one_patient_to_one_person_for_half_an_hour(line: Line) -> None:
    broken(line)
    assert line.standing.opens("clinical")
    assert line.standing.names
    assert line.standing.level == 0, "nobody has been verified"
    assert not line.colleague().standing.opens("clinical")
    other = factories.CaseFactory()
    assert not verification.standing(line.agent, other.patient, purpose=f"case:{other.pk}").opens("orders")
    with time_machine.travel(timezone.now() + timedelta(minutes=30, seconds=1)):
        assert not line.standing.opens("clinical")


@pytest.mark.parametrize("what", ["contact_change", "payment_change"])
def test_it_shows_and_changes_nothing(line: Line, what: str) -> None:
    broken(line)
    with pytest.raises(NotVerified):
        verification.require_opened(line.agent, line.patient, purpose=line.on["purpose"], what=what)


@pytest.mark.parametrize("reason", ["", "urgent", " " * 40, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_it_takes_a_reason_in_words(line: Line, reason: str) -> None:
    with pytest.raises(ValidationError):
        emergency.break_glass(line.agent, reason=reason, **line.on)
    assert not EmergencyAccess.objects.exists()


def test_only_the_desk_may(line: Line) -> None:
    for role in ("warehouse", "qa", "coach", "auditor"):
        with pytest.raises(PermissionDenied):
            emergency.break_glass(factories.UserFactory(roles=[role]), reason=REASON, **line.on)


def test_a_second_reason_does_not_prolong_the_first(line: Line) -> None:
    first = broken(line)
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert broken(line).pk == first.pk
    assert EmergencyAccess.objects.count() == 1


def test_supervisors_are_told_at_once_and_of_nobody(line: Line) -> None:
    told = {factories.UserFactory(roles=[role]).email for role in ("supervisor", "auditor")}
    factories.UserFactory(roles=["lead"])
    factories.UserFactory(roles=["supervisor"], is_active=False)
    broken(line)
    letters = AccountMail.objects.filter(kind="glass_broken")
    assert {letter.to for letter in letters} == told
    from portal import account_mail

    words = " ".join(account_mail._compose(letters[0]))
    assert line.patient.last_name not in words
    assert line.patient.account_number not in words


def test_it_is_on_the_trail_by_a_kind_of_its_own_and_the_patient_reads_why(line: Line) -> None:
    broken(line)
    entry = AccessEntry.objects.get(kind="break_glass")
    assert (entry.subjects, entry.actor, entry.purpose) == (
        [line.patient.pk],
        line.agent,
        line.on["purpose"],
    )
    assert entry.reason.words == REASON
    [seen] = [one for one in access_trail.who_saw(line.patient) if one.entry_id == entry.pk]
    assert str(seen.why) == "Emergency access, reviewed afterwards"
    assert seen.who == line.agent.display_name


@pytest.mark.django_db(transaction=True)
def test_it_stands_on_the_case(line: Line) -> None:
    broken(line)
    assert CaseEvent.objects.get(case=line.case, kind="glass_broken").actor == line.agent


# --- review ------------------------------------------------------------------------------------------
def test_somebody_else_judges_it_once_with_a_note(line: Line) -> None:
    access, supervisor = broken(line), factories.UserFactory(roles=["supervisor"])
    with pytest.raises(ValidationError):
        emergency.review(supervisor, access=access, justified=True, note="\N{ZERO WIDTH SPACE}")
    emergency.review(supervisor, access=access, justified=False, note="There was no ambulance.")
    access.refresh_from_db()
    assert (access.state, access.reviewed_by) == ("not_justified", supervisor)
    with pytest.raises(emergency.AlreadyReviewed):
        emergency.review(supervisor, access=access, justified=True, note="Let it be.")


def test_nobody_judges_their_own_not_even_by_a_row() -> None:
    line = Line(role="supervisor")
    access = broken(line)
    with pytest.raises(PermissionDenied):
        emergency.review(line.agent, access=access, justified=True, note="It was me.")
    with pytest.raises(IntegrityError), transaction.atomic():
        EmergencyAccess.objects.filter(pk=access.pk).update(
            state="justified", reviewed_by=line.agent, reviewed_at=timezone.now()
        )


def test_agents_and_leads_review_nothing(line: Line) -> None:
    for role in ("agent", "lead"):
        with pytest.raises(PermissionDenied):
            emergency.review(
                factories.UserFactory(roles=[role]), access=broken(line), justified=True, note="Fine."
            )


def test_the_workshop_lists_what_waits_and_takes_the_judgement(line: Line) -> None:
    access, client = broken(line), signed_in(factories.UserFactory(roles=["supervisor"]))
    listed = client.get(reverse("admin:portal_emergencyaccess_changelist"), {"state__exact": "waiting"})
    assert "To be reviewed" in listed.content.decode()
    page = client.get(reverse("admin:portal_emergencyaccess_change", args=[access.pk])).content.decode()
    assert REASON in page
    address = reverse("admin:portal_emergencyaccess_review", args=[access.pk])
    assert "required" in client.post(address, {"justified": "yes"}).content.decode()
    assert client.post(address, {"justified": "yes", "note": "The log shows it."}).status_code == 302
    access.refresh_from_db()
    assert access.state == "justified"
    again = client.post(address, {"justified": "no", "note": "On second thoughts."}).content.decode()
    assert "reviewed this already" in again


# --- the dialog ----------------------------------------------------------------------------------------
def test_the_dialog_wants_a_fresh_proof_and_a_reason(line: Line) -> None:
    address = reverse("agents:case-break-glass", args=[line.case.number])
    stale = signed_in(line.agent, proved=False)
    assert stale.post(address, {"reason": REASON}).url.startswith(reverse("portal:prove"))
    assert not EmergencyAccess.objects.exists()
    client = signed_in(line.agent)
    assert client.post(address, {"reason": "urgent"}).status_code == 422
    assert client.post(address, {"reason": REASON}).status_code == 204
    beside = client.get(reverse("agents:case-beside", args=[line.case.number])).content.decode()
    assert "Open to you alone until" in beside
    assert line.patient.name in beside
