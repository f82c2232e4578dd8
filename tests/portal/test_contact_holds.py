"""A new contact waits: a day before it is delivered to, a month before it proves, and the old one is told."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from portal import contact_holds, invitations, profile, registration
from portal.models import AccountMail, ContactChange, Invitation, OneTimeSecret, Patient
from portal.verification import NotVerified
from tests import factories
from tests.callers import LONG_AGO, RIGHT, Line
from tests.people import signed_in

pytestmark = pytest.mark.django_db
NEW = {"email": "new@example.org", "phone": "+15125550199", "address": "9 New Road\n\nDallas\nTX\n75201"}


@pytest.fixture
def patient() -> Patient:
    return factories.patient_with_user(created_at=timezone.now() - LONG_AGO)


def changed(patient: Patient, field: str) -> ContactChange:
    """Asked for by the patient in the portal and accepted by staff."""
    change = profile.propose(patient.user, patient=patient, field=field, value=NEW[field])
    assert change is not None
    profile.decide(factories.UserFactory(roles=["intake"]), change=change, accept=True)
    patient.refresh_from_db()
    return change


def later(**time: Any) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time))


def told(kind: str) -> set[str]:
    return {letter.to for letter in AccountMail.objects.filter(kind=kind)}


# --- the holds -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["email", "phone", "address"])
def test_it_is_delivered_to_after_a_day(patient: Patient, field: str) -> None:
    old = contact_holds.on_file(patient, field)
    changed(patient, field)
    assert contact_holds.on_file(patient, field) == NEW[field]
    with later(hours=23, minutes=59):
        assert contact_holds.usable_for_delivery(patient, field) == old
    with later(hours=24, minutes=1):
        assert contact_holds.usable_for_delivery(patient, field) == NEW[field]


@pytest.mark.parametrize("field", ["email", "phone"])
def test_it_proves_after_a_month_and_the_old_one_not_at_all(patient: Patient, field: str) -> None:
    assert contact_holds.usable_for_proof(patient, field)
    changed(patient, field)
    assert contact_holds.usable_for_proof(patient, field) == ""
    with later(days=29, hours=23):
        assert contact_holds.usable_for_proof(patient, field) == ""
    with later(days=30, minutes=1):
        assert contact_holds.usable_for_proof(patient, field) == NEW[field]


def test_whoever_changes_a_contact_by_whatever_way_starts_its_clock(patient: Patient) -> None:
    patient.phone = "+15125550188"
    patient.save(update_fields=["phone", "phone_index"])
    fresh = Patient.objects.get(pk=patient.pk)
    assert contact_holds.usable_for_proof(fresh, "phone") == ""
    assert contact_holds.usable_for_proof(fresh, "email") == patient.email
    fresh.language = "es"
    fresh.save()
    assert Patient.objects.get(pk=patient.pk).email_since is None


def test_a_record_younger_than_a_month_proves_nothing_by_its_contacts() -> None:
    assert contact_holds.usable_for_proof(factories.PatientFactory(), "phone") == ""


def test_a_second_change_waits_for_the_first(patient: Patient) -> None:
    changed(patient, "email")
    staff = factories.UserFactory(roles=["intake"])
    second = profile.propose(patient.user, patient=patient, field="email", value="third@example.org")
    assert second is not None
    with pytest.raises(profile.InHold):
        profile.decide(staff, change=second, accept=True)
    with later(hours=24, minutes=1):
        profile.decide(staff, change=second, accept=True)


def test_no_way_in_is_sent_to_an_address_changed_lately() -> None:
    patient = factories.PatientFactory(created_at=timezone.now() - LONG_AGO)
    patient.email = "thief@example.org"
    patient.save()
    with pytest.raises(ValueError, match="prove"):
        invitations.invite_patient(factories.UserFactory(roles=["intake"]), patient=patient)
    proofs = registration.Proofs(patient.account_number, patient.last_name, patient.birth_date)
    registration.begin(proofs=proofs, address="10.0.0.1")
    assert not Invitation.objects.exists()
    assert not OneTimeSecret.objects.filter(patient=patient).exists()


# --- who is told ---------------------------------------------------------------------------------------
def test_old_and_new_are_told_in_neutral_words(patient: Patient) -> None:
    old_phone = patient.phone
    changed(patient, "phone")
    assert told("contact_changed") == {patient.email, old_phone, NEW["phone"]}
    from portal import account_mail

    for letter in AccountMail.objects.filter(kind="contact_changed"):
        words = (
            account_mail._shortly(letter) if letter.via == "sms" else "".join(account_mail._compose(letter))
        )
        assert not any(part in words for part in (NEW["phone"], old_phone, patient.first_name))


def test_a_change_asked_by_phone_is_told_to_the_old_contact_at_once(patient: Patient) -> None:
    line = Line(patient)
    factories.verified(line.agent, line.case)
    change = profile.propose(line.agent, field="email", value=NEW["email"], **line.on)
    assert (change.asked_on, change.state) == (line.on["purpose"], "proposed")
    assert told("contact_asked") == {patient.email, patient.phone}


# --- who may -------------------------------------------------------------------------------------------
def test_by_phone_it_takes_a_proof_and_not_knowledge(patient: Patient) -> None:
    line = Line(patient)
    for level in (0, 1):
        if level:
            line.says(RIGHT)
        with pytest.raises(NotVerified):
            profile.propose(line.agent, field="phone", value=NEW["phone"], **line.on)
    factories.verified(line.agent, line.case)
    for wrong in ("", "case:0", f"case:{factories.CaseFactory(patient=patient).pk}"):
        with pytest.raises(NotVerified):
            profile.propose(line.agent, patient=patient, field="phone", value=NEW["phone"], purpose=wrong)
    assert profile.propose(line.agent, field="phone", value=NEW["phone"], **line.on)


def test_a_lock_lets_go_what_was_asked_where_somebody_failed(patient: Patient) -> None:
    """Who was verified there before may not be who asked; what the patient asks signed in stays."""
    line = Line(patient)
    factories.verified(line.agent, line.case)
    asked = profile.propose(line.agent, field="phone", value=NEW["phone"], **line.on)
    own = profile.propose(patient.user, patient=patient, field="email", value=NEW["email"])
    assert asked is not None
    assert own is not None
    for _ in range(3):
        line.says({"birth_date": "1/1/1901", "last4": "0000"})
    asked.refresh_from_db()
    own.refresh_from_db()
    assert (asked.state, own.state) == ("withdrawn", "proposed")
    assert told("contact_stopped") == {patient.email, patient.phone}


# --- the patient stops it ------------------------------------------------------------------------------
def test_the_patient_goes_back_to_what_was_and_it_proves_as_before(patient: Patient) -> None:
    old = patient.email
    change = changed(patient, "email")
    client = signed_in(patient.user)
    page = client.get(reverse("portal:profile")).content.decode()
    address = reverse("portal:profile-stop", args=[change.ref])
    assert address in page
    assert client.post(address).status_code == 302
    patient.refresh_from_db()
    change.refresh_from_db()
    assert (patient.email, change.state) == (old, "stopped")
    assert contact_holds.usable_for_proof(patient, "email") == old
    assert contact_holds.usable_for_delivery(patient, "email") == old
    assert told("contact_stopped") >= {old}
    assert "can&#x27;t be stopped" in client.post(address, follow=True).content.decode()


def test_a_wish_is_stopped_before_anybody_decides(patient: Patient) -> None:
    change = profile.propose(patient.user, patient=patient, field="phone", value=NEW["phone"])
    assert change is not None
    profile.stop(patient.user, change=change)
    with pytest.raises(profile.AlreadyDecided):
        profile.decide(factories.UserFactory(roles=["intake"]), change=change, accept=True)


def test_what_has_stood_a_month_or_was_changed_again_is_not_stopped(patient: Patient) -> None:
    first = changed(patient, "email")
    with later(days=30, minutes=1), pytest.raises(profile.NotStoppable):
        profile.stop(patient.user, change=first)
    patient.email = "another@example.org"
    patient.save()
    with pytest.raises(profile.NotStoppable):
        profile.stop(patient.user, change=first)


def test_nobody_else_stops_it(patient: Patient) -> None:
    change = changed(patient, "email")
    helper, stranger = factories.caregiver_of(patient).user, factories.patient_with_user().user
    for somebody in (helper, stranger, factories.UserFactory(roles=["agent"])):
        with pytest.raises(PermissionDenied):
            profile.stop(somebody, change=change)
        address = reverse("portal:profile-stop", args=[change.ref])
        assert signed_in(somebody).post(address).status_code == 404
