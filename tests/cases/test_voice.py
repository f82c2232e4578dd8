"""What the telephone company asks and tells of a page's call: signed, once, and never of the patient (R-SLA-2)."""

import pytest
import time_machine
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import escalation as rules
from cases.models import Page
from cases.tasks import climb_escalations
from config.integrations.signatures import signature
from portal.models import RoleGrant
from tests.cases.rotas import Companies, clinician, layer, open_case, policy, rota
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
NIGHT = "2026-03-03T09:00Z"  # three in the morning in Chicago
CLINICAL = {"lane": "clinical", "why": "Short of breath", "symptoms": "Blue lips"}


@pytest.fixture
def companies(monkeypatch):
    return Companies(monkeypatch)


@pytest.fixture
def night():
    with time_machine.travel(NIGHT, tick=False) as clock:
        yield clock


def escalated(case=None, **values):
    return rules.escalate(UserFactory(roles=["agent"]), case=case or open_case(), **(CLINICAL | values))


@pytest.fixture
def ringing(night, companies, settings):
    """A call that was made and rings."""
    settings.VOICE_TOKEN = "secret-of-the-account"
    of = rota()
    layer(of, clinician("Cleo"))
    policy("clinical", of, {"channels": ["call", "email"], "between_minutes": 9})
    made = escalated()
    climb_escalations()
    return made.pages.get(channel="call")


def post(page, name, *, token="secret-of-the-account", sid=None, url=None, **fields):
    address = reverse(f"cases:{name}", args=[page.ref])
    sent = {"CallSid": sid or page.provider_id, "AccountSid": "ACdemo"} | fields
    given = signature(url or f"{django_settings.PUBLIC_URL}{address}", sent, token)
    return Client().post(address, sent, headers={"X-Twilio-Signature": given})


def test_who_picks_up_hears_the_number_and_presses_one(ringing):
    said = post(ringing, "voice", CallStatus="in-progress")
    assert said["Content-Type"].startswith("text/xml")
    assert ringing.escalation.case.number in said.content.decode()
    assert f"{ringing.ref}/digits/" in said.content.decode()
    answer = post(ringing, "voice-digits", Digits="1")
    assert "Acknowledged" in answer.content.decode()
    made = ringing.escalation
    made.refresh_from_db()
    assert (made.state, made.acknowledged_by, made.acknowledged_through) == (
        "acknowledged",
        ringing.person,
        "call",
    )
    ringing.refresh_from_db()
    assert (ringing.state, ringing.acknowledged_at) == ("acknowledged", timezone.now())


def test_a_call_tells_nothing_of_the_patient(ringing):
    said = post(ringing, "voice").content.decode()
    assert "lips" not in said
    assert ringing.escalation.case.patient.first_name not in said


def test_any_other_key_acknowledges_nothing(ringing):
    for digits in ("2", "", "11"):
        assert "Not acknowledged" in post(ringing, "voice-digits", Digits=digits).content.decode()
    ringing.escalation.refresh_from_db()
    assert ringing.escalation.state == "paging"


@pytest.mark.parametrize("name", ["voice", "voice-digits", "voice-status"])
def test_a_forged_post_is_refused_and_changes_nothing(ringing, name):
    """W1: unsigned, another's secret, signed for another address."""
    before = Page.objects.values_list("state", "acknowledged_at", "tries").get(pk=ringing.pk)
    fields = {"Digits": "1", "CallStatus": "no-answer"}
    assert post(ringing, name, token="other", **fields).status_code == 401
    assert post(ringing, name, url="https://elsewhere.test/", **fields).status_code == 401
    assert Client().post(reverse(f"cases:{name}", args=[ringing.ref]), fields).status_code == 401
    assert Page.objects.values_list("state", "acknowledged_at", "tries").get(pk=ringing.pk) == before
    ringing.escalation.refresh_from_db()
    assert ringing.escalation.state == "paging"


def test_a_call_that_was_not_made_for_this_page_is_not_heard(ringing):
    assert post(ringing, "voice-digits", sid="CAother", Digits="1").status_code == 404


def test_a_replayed_key_has_one_effect(ringing):
    """W2: the company's signature has no time in it."""
    for _ in range(3):
        assert post(ringing, "voice-digits", Digits="1").status_code == 200
    assert ringing.escalation.case.events.filter(kind="acknowledged").count() == 1
    made = rules.resolve(ringing.person, escalation=ringing.escalation, outcome="Seen")
    assert "has it already" in post(ringing, "voice-digits", Digits="1").content.decode()
    made.refresh_from_db()
    assert made.state == "resolved"


def test_a_supervisor_who_presses_one_hears_that_clinicians_are_called_on(ringing):
    RoleGrant.objects.filter(user=ringing.person).update(role="supervisor")
    for _ in range(2):
        assert "still being called" in post(ringing, "voice-digits", Digits="1").content.decode()
    ringing.escalation.refresh_from_db()
    assert ringing.escalation.state == "paging"


def test_nobody_picks_up_so_the_next_channel_comes_now(ringing, companies):
    for _ in range(2):
        assert post(ringing, "voice-status", CallStatus="no-answer").status_code == 204
    climb_escalations()
    assert companies.channels == ["call", "email"]
    ringing.refresh_from_db()
    assert (ringing.state, ringing.fault) == ("failed", "unanswered")


def test_a_late_status_takes_no_acknowledgement_back(ringing):
    post(ringing, "voice-digits", Digits="1")
    post(ringing, "voice-status", CallStatus="failed")
    ringing.refresh_from_db()
    assert ringing.state == "acknowledged"


def test_webhooks_are_posted_to(ringing):
    assert Client().get(reverse("cases:voice", args=[ringing.ref])).status_code == 405
