"""A death or a stay is seen at first glance, ended and taken back from the case, and heeded (R-OPS-1)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cases.models import Case, Notification
from config.business_day import business_day
from portal import stays
from portal.models import AccountMail, Consent, FacilityStay, Patient
from tests.factories import CaseFactory, PatientFactory, UserFactory, verified
from tests.people import signed_in

pytestmark = pytest.mark.django_db
TODAY = business_day


@pytest.fixture
def agent() -> Client:
    return signed_in(UserFactory(roles=["agent"]))


def beside(client: Client, case: Case) -> str:
    return client.get(reverse("agents:case-beside", args=[case.number])).content.decode()


def dialog(case: Case, name: str) -> str:
    return reverse(f"agents:case-{name}", args=[case.number])


def test_a_death_is_seen_before_anybody_is_verified(agent: Client) -> None:
    case = CaseFactory(patient=PatientFactory(deceased_on=TODAY()))
    assert "This patient has died" in beside(agent, case)


def test_a_stay_and_how_to_speak_with_them_are_seen(agent: Client) -> None:
    case = CaseFactory(patient=PatientFactory(interpreter="Mixtec", tty=True))
    assert "In a facility" not in beside(agent, case)
    FacilityStay.objects.create(patient=case.patient, kind="snf", since=TODAY() - timedelta(days=2))
    page = beside(agent, case)
    for words in ("In a facility since", "interpreter for Mixtec", "TTY"):
        assert words in page


def test_a_stay_ends_or_another_follows_it(agent: Client) -> None:
    case, came = CaseFactory(), TODAY() - timedelta(days=9)
    verified(agent.user, case)
    agent.post(dialog(case, "stay"), {"kind": "hospital", "since": came.isoformat()})
    first = FacilityStay.objects.get()
    told = {"stay": first.pk, "on": (came - timedelta(days=1)).isoformat(), "to": ""}
    assert agent.post(dialog(case, "stay"), told).status_code == 422
    assert agent.post(dialog(case, "stay"), told | {"on": "2999-01-01"}).status_code == 422
    moved_on = told | {"on": (came + timedelta(days=3)).isoformat(), "to": "snf"}
    assert agent.post(dialog(case, "stay"), moved_on).status_code == 204
    [second] = stays.lasting(case.patient)
    assert (second.kind, second.since) == ("snf", came + timedelta(days=3))
    home = {"stay": second.pk, "on": TODAY().isoformat(), "to": ""}
    assert agent.post(dialog(case, "stay"), home).status_code == 204
    assert stays.lasting(case.patient) == []


def test_a_stay_of_somebody_else_is_not_ended(agent: Client) -> None:
    case, other = CaseFactory(), PatientFactory()
    verified(agent.user, case)
    stays.goes_to(UserFactory(roles=["intake"]), patient=case.patient, kind="snf", since=TODAY())
    theirs = stays.goes_to(UserFactory(roles=["intake"]), patient=other, kind="snf", since=TODAY())
    assert agent.post(dialog(case, "stay"), {"stay": theirs.pk, "on": TODAY().isoformat()}).status_code == 422
    theirs.refresh_from_db()
    assert theirs.until is None


def test_a_death_written_down_in_error_is_taken_back_by_those_who_may(agent: Client) -> None:
    case = CaseFactory(patient=PatientFactory(deceased_on=TODAY()))
    assert agent.post(dialog(case, "died")).status_code == 403
    lead = signed_in(UserFactory(roles=["lead"]))
    assert "in error" in lead.get(dialog(case, "died")).content.decode()
    assert lead.post(dialog(case, "died"), {"yes": "1"}).status_code == 204
    assert Patient.objects.get(pk=case.patient_id).deceased_on is None


def told_on(case: Case) -> list[str]:
    rows = case.events.filter(kind="changed").values_list("detail", flat=True)
    return [detail["circumstance"] for detail in rows]


def test_a_death_told_by_an_unknown_voice_stops_nothing_until_a_lead_confirms_it(
    agent: Client, django_capture_on_commit_callbacks: Any
) -> None:
    """R-CASE-3: a lead and the contacts on file hear of it, and it stands on the case."""
    case = CaseFactory(channel="phone")
    lead = UserFactory(roles=["lead"])
    assert "a lead is asked" in agent.get(dialog(case, "died")).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        assert agent.post(dialog(case, "died"), {"on": TODAY().isoformat()}).status_code == 204
    assert Patient.objects.get(pk=case.patient_id).deceased_on is None
    assert not Consent.objects.exists()
    assert AccountMail.objects.filter(kind="circumstances_told").exists()
    assert told_on(case) == ["death_told"]
    assert Notification.objects.get().user == lead
    with django_capture_on_commit_callbacks(execute=True):
        assert signed_in(lead).post(dialog(case, "died"), {"on": TODAY().isoformat()}).status_code == 204
    assert Patient.objects.get(pk=case.patient_id).deceased_on == TODAY()
    assert told_on(case) == ["death_told", "died"]


def test_a_death_told_by_somebody_verified_is_written_down(agent: Client) -> None:
    case = CaseFactory()
    verified(agent.user, case)
    assert agent.post(dialog(case, "died"), {"on": TODAY().isoformat()}).status_code == 204
    assert Patient.objects.get(pk=case.patient_id).deceased_on == TODAY()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("stay", {"kind": "hospital", "since": "2026-01-01"}),
        ("needs", {"language": "es", "interpreter": "Mixtec"}),
    ],
)
def test_dialogs_tell_and_take_nothing_of_an_unknown_voice(
    agent: Client, name: str, told: dict[str, str]
) -> None:
    case = CaseFactory(patient=PatientFactory(interpreter="Tagalog"))
    FacilityStay.objects.create(patient=case.patient, kind="hospice", since=TODAY(), name="Saint Zita House")
    page = agent.get(dialog(case, name)).content.decode()
    assert "verified" in page
    assert not any(words in page for words in ("Hospice", "Saint Zita", "Tagalog"))
    assert agent.post(dialog(case, name), told).status_code == 403
    assert (FacilityStay.objects.count(), Patient.objects.get(pk=case.patient_id).interpreter) == (
        1,
        "Tagalog",
    )
    verified(agent.user, case, 1)
    assert agent.post(dialog(case, name), told).status_code == 403
    verified(agent.user, case)
    assert any(words in agent.get(dialog(case, name)).content.decode() for words in ("Hospice", "Tagalog"))
