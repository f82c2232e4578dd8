"""People who help me: invited with scope and end, listed, ended; what they then see."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.models import Caregiver, Invitation
from tests import factories
from tests.people import signed_in

PAGE = reverse("portal:caregivers")
INVITED = {
    "name": "Casey Helper",
    "email": "casey@example.org",
    "relation": "my daughter",
    "scopes": ["deliveries"],
}


def test_an_invitation_carries_scope_and_end(patient, patient_client):
    assert patient_client.post(PAGE, INVITED | {"expires_at": "30"}).status_code == 302
    caregiver = Caregiver.objects.get()
    assert (caregiver.name, caregiver.scopes, caregiver.patient) == ("Casey Helper", ["deliveries"], patient)
    left = caregiver.expires_at - timezone.now()
    assert timedelta(days=29) < left < timedelta(days=32)
    assert Invitation.objects.get().caregiver == caregiver
    page = patient_client.get(PAGE).content.decode()
    assert "Casey Helper" in page
    assert "Invited" in page


def test_an_invitation_without_end_says_so(patient_client):
    patient_client.post(PAGE, INVITED | {"expires_at": "open"})
    assert Caregiver.objects.get().expires_at is None
    assert "until you end it" in patient_client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    "change", [{"scopes": []}, {"scopes": ["root"]}, {"email": "x"}, {"name": ""}, {"expires_at": "9"}]
)
def test_a_wrong_invitation_is_told_and_kept(patient_client, change):
    page = patient_client.post(PAGE, INVITED | change)
    assert page.status_code == 422
    assert not Caregiver.objects.exists()
    assert "my daughter" in page.content.decode()


def test_nobody_invites_themselves(patient, patient_client):
    page = patient_client.post(PAGE, INVITED | {"email": patient.user.email})
    assert page.status_code == 422
    assert not Caregiver.objects.exists()


def test_ending_it_shuts_them_out_at_once(patient, patient_client):
    caregiver = factories.caregiver_of(patient)
    helper = signed_in(caregiver.user)
    assert helper.get(reverse("portal:orders")).status_code == 200
    patient_client.post(reverse("portal:caregiver-revoke", args=[caregiver.ref]))
    assert helper.get(reverse("portal:orders")).status_code in (302, 404)
    assert caregiver.user.display_name not in patient_client.get(PAGE).content.decode()


def test_somebody_elses_helper_can_not_be_ended(patient_client):
    other = factories.caregiver_of(factories.patient_with_user())
    assert patient_client.post(reverse("portal:caregiver-revoke", args=[other.ref])).status_code == 404
    other.refresh_from_db()
    assert other.revoked_at is None


def test_a_caregiver_manages_none(patient):
    helper = signed_in(factories.caregiver_of(patient).user)
    assert helper.get(PAGE).status_code in (403, 404)
    assert helper.post(PAGE, INVITED).status_code in (403, 404)
    assert Caregiver.objects.count() == 1


def test_the_person_sees_whose_record_it_is_and_how_much_of_it(patient):
    helper = signed_in(factories.caregiver_of(patient, "deliveries").user)
    page = helper.get(reverse("portal:home")).content.decode()
    assert f"You are looking at the record of {patient.first_name}" in page
    assert "Deliveries" in page
    assert reverse("cases:messages") not in page
