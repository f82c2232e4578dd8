"""What a patient allows, on which channel, for what, since when (R-SHIP-3)."""

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from portal import consent
from portal.access import System
from portal.models import Consent
from tests import factories

PAGE = reverse("portal:contacts")
TELEPHONE = System("sms")


def test_silence_is_no_and_the_portal_needs_none(patient):
    assert not consent.allows(patient, "sms", "orders")
    assert consent.allows(patient, "portal", "orders")


def test_a_choice_is_written_down_and_only_when_it_changes(patient):
    choices = {("sms", "orders"): True, ("sms", "marketing"): False}
    assert consent.choose(patient.user, patient=patient, choices=choices) == 1
    assert consent.choose(patient.user, patient=patient, choices=choices) == 0
    assert consent.allows(patient, "sms", "orders")
    row = Consent.objects.get()
    assert (row.given_by, row.source) == (patient.user, "portal")


def test_taking_back_adds_a_row_and_changes_none(patient):
    consent.choose(patient.user, patient=patient, choices={("email", "surveys"): True})
    first = Consent.objects.get()
    consent.choose(patient.user, patient=patient, choices={("email", "surveys"): False})
    first.refresh_from_db()
    assert first.granted
    assert Consent.objects.count() == 2
    assert not consent.allows(patient, "email", "surveys")


def test_stop_ends_all_topics_of_that_channel_alone(patient):
    wanted = {("sms", "orders"): True, ("sms", "resupply"): True, ("email", "orders"): True}
    consent.choose(patient.user, patient=patient, choices=wanted)
    consent.stop(TELEPHONE, patient=patient, channel="sms")
    assert {choice: consent.allows(patient, *choice) for choice in wanted} == {
        ("sms", "orders"): False,
        ("sms", "resupply"): False,
        ("email", "orders"): True,
    }


def test_start_brings_back_what_stop_took_and_no_more(patient):
    consent.choose(patient.user, patient=patient, choices={("sms", "orders"): True})
    consent.stop(TELEPHONE, patient=patient, channel="sms")
    consent.start(TELEPHONE, patient=patient, channel="sms")
    assert consent.allows(patient, "sms", "orders")
    assert not consent.allows(patient, "sms", "marketing")


def test_stop_refuses_also_what_was_never_spoken_about_and_start_takes_it_back(patient):
    assert not consent.refuses(patient, "sms", "orders")
    consent.stop(TELEPHONE, patient=patient, channel="sms")
    consent.stop(TELEPHONE, patient=patient, channel="sms")
    assert consent.refuses(patient, "sms", "orders")
    assert not consent.refuses(patient, "email", "orders")
    assert Consent.objects.count() == len(consent.TOPICS)
    consent.start(TELEPHONE, patient=patient, channel="sms")
    assert not consent.refuses(patient, "sms", "orders")
    assert not consent.allows(patient, "sms", "orders")
    consent.stop(TELEPHONE, patient=patient, channel="sms")
    assert consent.refuses(patient, "sms", "orders")


def test_start_does_not_undo_a_choice_made_by_hand(patient):
    consent.choose(patient.user, patient=patient, choices={("sms", "orders"): True})
    consent.choose(patient.user, patient=patient, choices={("sms", "orders"): False})
    consent.stop(TELEPHONE, patient=patient, channel="sms")
    consent.start(TELEPHONE, patient=patient, channel="sms")
    assert not consent.allows(patient, "sms", "orders")


def test_the_page_shows_and_keeps_the_choices(patient, patient_client):
    patient_client.post(PAGE, {"sms-orders": "on", "email-orders": "on"})
    assert consent.allows(patient, "sms", "orders")
    page = patient_client.get(PAGE).content.decode()
    assert page.count(" checked") == 2
    patient_client.post(PAGE, {"email-orders": "on"})
    assert not consent.allows(patient, "sms", "orders")


@pytest.mark.parametrize("roles", [["patient"], ["caregiver"]])
def test_nobody_chooses_for_a_stranger(patient, roles):
    other = factories.PatientUserFactory(roles=roles)
    with pytest.raises(PermissionDenied):
        consent.choose(other, patient=patient, choices={("sms", "orders"): True})
