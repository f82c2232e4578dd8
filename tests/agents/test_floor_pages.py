"""Pages beside the queue: intake, complaints, incidents, announcements, downtime (R-OPS)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import announcements, downtime
from cases.models import Complaint, Incident
from cases.tasks import work_incidents
from portal.models import AccessEntry, FacilityStay, Patient, Referral
from tests.factories import (
    CaseFactory,
    DeviceFactory,
    PatientFactory,
    ProductFactory,
    ReasonFactory,
    UserFactory,
    patient_with_user,
)
from tests.people import signed_in

pytestmark = pytest.mark.django_db

REFERRAL = {
    "source": "self", "first_name": "Rosa", "last_name": "Delgado", "birth_date": "1961-04-02",
    "phone": "+13125550143", "language": "en", "product_line": "oxygen",
}  # fmt: skip


def staff(*roles: str) -> Client:
    return signed_in(UserFactory(roles=list(roles)))


def test_a_referral_from_form_to_record() -> None:
    clerk = staff("intake")
    assert clerk.post(reverse("agents:referrals"), REFERRAL).status_code == 302
    referral = Referral.objects.get()
    page = clerk.get(reverse("agents:referral", args=[referral.ref])).content.decode()
    assert "Rosa Delgado" in page
    assert "No record is alike" in page
    clerk.post(reverse("agents:referral-act", args=[referral.ref, "take"]))
    clerk.post(reverse("agents:referral-record", args=[referral.ref]))
    referral.refresh_from_db()
    assert referral.patient == Patient.objects.get()
    answer = clerk.post(reverse("agents:referral-act", args=[referral.ref, "ready"]), follow=True)
    assert "Still missing" in answer.content.decode()
    assert clerk.post(reverse("agents:referral-act", args=[referral.ref, "nonsense"])).status_code == 404


def test_a_wrong_form_keeps_what_was_typed() -> None:
    answer = staff("intake").post(reverse("agents:referrals"), REFERRAL | {"phone": "", "npi": "123"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Delgado" in page
    assert "no prescriber with this NPI" in page


def test_records_alike_are_merged_and_taken_apart() -> None:
    lead = staff("lead")
    same: dict[str, Any] = {"first_name": "Ana", "last_name": "Lopez"}
    keep, fold = PatientFactory(**same), PatientFactory(**same)
    lead.post(reverse("agents:look-alikes-sweep"))
    page = lead.get(reverse("agents:look-alikes")).content.decode()
    assert keep.account_number in page
    from portal.models import LookAlike, PatientMerge

    lead.post(reverse("agents:look-alike", args=[LookAlike.objects.get().ref]), {"keep": "first"})
    fold.refresh_from_db()
    assert fold.merged_into == keep
    lead.post(reverse("agents:unmerge-records", args=[PatientMerge.objects.get().pk]))
    fold.refresh_from_db()
    assert fold.merged_into is None


def test_a_complaint_through_its_pages() -> None:
    agent = staff("agent")
    case = CaseFactory()
    told = {"kind": "service", "summary": "Rude.", "channel": "phone", "case_number": case.number.lower()}
    assert agent.post(reverse("agents:complaints"), told).status_code == 302
    complaint = Complaint.objects.get()
    assert complaint.case == case
    agent.post(reverse("agents:complaint-acknowledge", args=[complaint.ref]))
    page = reverse("agents:complaint", args=[complaint.ref])
    assert agent.post(page, {"findings": "", "told": ""}).status_code == 422
    assert agent.post(page, {"findings": "True.", "told": "Sorry."}).status_code == 302
    assert complaint.number in agent.get(reverse("agents:complaints") + "?answered=1").content.decode()
    assert b"number,kind" in b"".join(agent.get(reverse("agents:complaints-export")))  # type: ignore[arg-type]
    told["case_number"] = "C-0"
    assert agent.post(reverse("agents:complaints"), told).status_code == 422


def test_an_incident_through_its_pages() -> None:
    lead = staff("lead")
    DeviceFactory(patient=patient_with_user(), lot="L9")
    told = {"title": "Lot L9", "cause": "Valves", "reason": ReasonFactory().pk, "lot": "none"}
    assert lead.post(reverse("agents:incidents"), told).status_code == 422
    ref = lead.get(reverse("agents:incidents")).context["form"]["ref"].value()
    for _click in range(2):
        said = told | {"lot": "L9", "ref": str(ref)}
        assert lead.post(reverse("agents:incidents"), said).status_code == 302
    incident = Incident.objects.get()
    assert "Lot L9" in lead.get(reverse("agents:incident", args=[incident.ref])).content.decode()
    assert (
        lead.post(reverse("agents:incident-say", args=[incident.ref]), {"words": "Soon."}).status_code == 302
    )
    going = lead.get(reverse("agents:incident-runs", args=[incident.ref])).content.decode()
    assert "0 of 1" in going
    assert "hx-get" in going, "it is asked again while it goes on"
    work_incidents()
    through = lead.get(reverse("agents:incident-runs", args=[incident.ref])).content.decode()
    assert "1 of 1" in through
    assert "hx-get" not in through
    assert (
        lead.post(reverse("agents:incident-resolve", args=[incident.ref]), {"next_step": ""}).status_code
        == 422
    )
    assert (
        lead.post(reverse("agents:incident-resolve", args=[incident.ref]), {"next_step": "None"}).status_code
        == 302
    )


def test_an_announcement_is_shown_until_it_is_read() -> None:
    lead, agent, biller = (
        UserFactory(roles=["lead"]),
        UserFactory(roles=["agent"]),
        UserFactory(roles=["billing"]),
    )
    soon = timezone.now() + timedelta(hours=1)
    told = announcements.announce(lead, title="Fire drill at three", roles=["agent"], until=soon)
    client = signed_in(agent)
    assert "Fire drill" in client.get(reverse("agents:told")).content.decode()
    assert "Fire drill" not in signed_in(biller).get(reverse("agents:told")).content.decode()
    client.post(reverse("agents:told-seen", args=[told.pk]))
    assert announcements.for_(agent) == []
    assert announcements.board(lead) == [(told, 1)]
    with time_machine.travel(soon + timedelta(minutes=1)):
        assert announcements.for_(UserFactory(roles=["agent"])) == []


def test_announcements_that_can_not_be() -> None:
    lead = UserFactory(roles=["lead"])
    with pytest.raises(ValidationError) as wrong:
        announcements.announce(lead, title="", roles=["patient"], until=timezone.now())
    assert set(wrong.value.message_dict) == {"title", "until", "roles"}
    client = signed_in(lead)
    later = (timezone.localtime() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    client.post(reverse("agents:announcements"), {"title": "Hello", "level": "info", "until": later})
    [(one, _readers)] = announcements.board(lead)
    client.post(reverse("agents:announcement-withdraw", args=[one.pk]))
    assert announcements.for_(UserFactory(roles=["agent"])) == []


def test_circumstances_from_the_case() -> None:
    """By a lead, who needs no verified caller for it."""
    agent, case = staff("lead"), CaseFactory()
    stay = reverse("agents:case-stay", args=[case.number])
    assert agent.get(stay).status_code == 200
    assert agent.post(stay, {"kind": "snf", "since": "2026-01-05", "until": "2026-01-01"}).status_code == 422
    assert agent.post(stay, {"kind": "snf", "since": "2026-01-05"}).status_code == 204
    assert FacilityStay.objects.get().patient == case.patient
    agent.post(
        reverse("agents:case-needs", args=[case.number]), {"language": "es", "interpreter": "", "tty": "on"}
    )
    assert (
        agent.post(reverse("agents:case-died", args=[case.number]), {"on": "2999-01-01"}).status_code == 422
    )
    assert (
        agent.post(reverse("agents:case-died", args=[case.number]), {"on": "2026-01-01"}).status_code == 204
    )
    patient = Patient.objects.get(pk=case.patient_id)
    assert (patient.language, patient.tty, str(patient.deceased_on)) == ("es", True, "2026-01-01")
    told = {"kind": "other", "summary": "Loud.", "channel": "phone"}
    assert agent.post(reverse("agents:case-complaint", args=[case.number]), told).status_code == 204
    assert (
        agent.post(reverse("agents:case-incident", args=[case.number]), {"incident": "x"}).status_code == 422
    )


def test_sheets_for_when_the_system_is_away() -> None:
    case = CaseFactory(next_due_at=timezone.now())
    page = staff("agent").get(reverse("agents:downtime")).content.decode()
    assert case.number in page
    assert case.patient.last_name not in page
    assert AccessEntry.objects.filter(kind="print", subjects__contains=[case.patient_id]).exists()


def test_whom_to_call_first_in_a_disaster(monkeypatch: pytest.MonkeyPatch) -> None:
    product = ProductFactory(life_sustaining=True)
    near = PatientFactory(state="FL", postal_code="33101", tty=True)
    far = PatientFactory(state="GA", postal_code="30301")
    for patient in (near, far):
        DeviceFactory(patient=patient, product=product)
    DeviceFactory(patient=PatientFactory(state="FL"), product=ProductFactory())
    page = staff("supervisor").get(reverse("agents:disaster-list") + "?state=fl").content.decode()
    assert near.last_name in page
    assert "FL 331" in page
    assert far.account_number not in page
    monkeypatch.setattr(downtime, "MOST_PATIENTS", 1)
    cut = staff("supervisor").get(reverse("agents:disaster-list") + "?state=fl").content.decode()
    assert ("state by state" in page, "state by state" in cut) == (False, True)
    assert staff("agent").get(reverse("agents:disaster-list")).status_code in (403, 404)
    assert AccessEntry.objects.filter(what="disaster list", subjects__contains=[near.pk]).exists()
