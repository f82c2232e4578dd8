"""Deaths, facility stays and how to speak with somebody (R-OPS-1)."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from config.business_day import business_day
from portal import account_mail, consent, contact_holds, invitations, levels, registration, stays
from portal.models import AccountMail, Consent, Patient, User
from tests.factories import PatientFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk() -> User:
    return UserFactory(roles=["intake"])


def test_a_death_stops_everything_and_ends_consent(clerk: User) -> None:
    patient = PatientFactory()
    stays.has_died(clerk, patient=patient, on=business_day())
    patient.refresh_from_db()
    standing = stays.of(patient)
    assert (standing.may_ship, standing.may_bill, standing.may_contact) == (False, False, False)
    assert "died" in standing.why[0]
    assert not any(consent.allows(patient, channel, "surveys") for channel in ("sms", "email"))


def test_nothing_is_written_to_the_dead(clerk: User) -> None:
    """No letter, no text, no code and no way into the portal, whoever asks."""
    patient = PatientFactory(created_at=timezone.now() - timedelta(days=400))
    stays.has_died(clerk, patient=patient, on=business_day())
    patient.refresh_from_db()
    account_mail.tell_contact(patient, "verification_locked")
    account_mail.text_contact(patient, "verification_locked", to=patient.phone)
    assert contact_holds.usable_for_proof(patient, "phone") == ""
    with pytest.raises(ValueError, match="died"):
        invitations.invite_patient(UserFactory(roles=["intake"]), patient=patient)
    proofs = registration.Proofs(patient.account_number, patient.last_name, patient.birth_date)
    registration.begin(proofs=proofs, address="198.51.100.7")
    assert {one.kind for one in AccountMail.objects.all()} <= {"none", "circumstances_told"}


def test_a_letter_to_no_address_goes_nowhere() -> None:
    """Where a contact is held back, the one on file is no stand-in for it."""
    patient = PatientFactory()
    account_mail.tell_contact(patient, "verification_locked", to="")
    account_mail.text_contact(patient, "verification_locked", to="")
    assert not AccountMail.objects.exists()
    account_mail.tell_contact(patient, "verification_locked")
    assert AccountMail.objects.get().to == patient.email


def test_a_death_lies_between_birth_and_today(clerk: User) -> None:
    patient = PatientFactory(birth_date=date(1960, 1, 1))
    for wrong in (business_day() + timedelta(days=2), date(1959, 12, 31)):
        with pytest.raises(ValidationError):
            stays.has_died(clerk, patient=patient, on=wrong)
    assert Patient.objects.get(pk=patient.pk).deceased_on is None
    stays.has_died(clerk, patient=patient, on=date(2020, 1, 1))
    with pytest.raises(PermissionDenied):
        stays.is_alive(UserFactory(roles=["agent"]), patient=patient)
    assert stays.is_alive(UserFactory(roles=["lead"]), patient=patient).deceased_on is None


@pytest.mark.parametrize(
    ("kind", "ship", "bill"), [("snf", False, False), ("hospice", True, False), ("other", True, True)]
)
def test_a_stay_changes_what_may_be_shipped_and_billed(
    clerk: User, kind: str, ship: bool, bill: bool
) -> None:
    patient, today = PatientFactory(), business_day()
    stay = stays.goes_to(clerk, patient=patient, kind=kind, since=today - timedelta(days=3))
    standing = stays.of(patient)
    assert (standing.may_ship, standing.may_bill, standing.may_contact) == (ship, bill, True)
    stays.comes_home(clerk, stay=stay, on=today - timedelta(days=1))
    assert stays.of(patient).may_ship
    assert stays.of(patient).may_bill


def test_stays_that_can_not_be_are_refused(clerk: User) -> None:
    patient, today = PatientFactory(), business_day()
    with pytest.raises(ValidationError, match="before it begins"):
        stays.goes_to(clerk, patient=patient, kind="snf", since=today, until=today - timedelta(days=1))
    with pytest.raises(ValidationError):
        stays.goes_to(clerk, patient=patient, kind="spa", since=today)
    stay = stays.goes_to(clerk, patient=patient, kind="snf", since=today)
    with pytest.raises(ValidationError, match="open already"):
        stays.goes_to(clerk, patient=patient, kind="snf", since=today)
    with pytest.raises(ValidationError, match="before it begins"):
        stays.comes_home(clerk, stay=stay, on=today - timedelta(days=1))


def test_how_to_speak_with_somebody(clerk: User) -> None:
    patient = stays.needs(clerk, patient=PatientFactory(), language="es", interpreter="Mixtec", tty=True)
    patient.refresh_from_db()
    assert (patient.language, patient.interpreter, patient.tty) == ("es", "Mixtec", True)


# --- who may tell it ---------------------------------------------------------------------------------
def test_nothing_changes_on_the_word_of_somebody_whom_nobody_verified() -> None:
    """R-CASE-3: a death or a stay stops deliveries and payments, as no change of a contact does."""
    agent, patient, today = UserFactory(roles=["agent"]), PatientFactory(), business_day()
    stay = stays.goes_to(UserFactory(roles=["intake"]), patient=patient, kind="other", since=today)
    for told in (
        lambda: stays.has_died(agent, patient=patient, on=today),
        lambda: stays.goes_to(agent, patient=patient, kind="snf", since=today),
        lambda: stays.comes_home(agent, stay=stay, on=today),
        lambda: stays.needs(agent, patient=patient, language="es", interpreter="", tty=False),
    ):
        with pytest.raises(levels.NotVerified):
            told()
    assert stays.of(Patient.objects.get(pk=patient.pk)).may_ship


def test_the_contacts_on_file_are_told(clerk: User) -> None:
    patient = PatientFactory()
    stays.goes_to(clerk, patient=patient, kind="snf", since=business_day())
    assert {one.to for one in AccountMail.objects.filter(kind="circumstances_told")} == {
        patient.email,
        patient.phone,
    }


def test_a_death_taken_back_gives_back_what_was_allowed(clerk: User) -> None:
    patient = PatientFactory()
    for channel, granted in (("sms", True), ("email", False)):
        Consent.objects.create(patient=patient, channel=channel, topic="surveys", granted=granted)
    stays.has_died(clerk, patient=patient, on=business_day())
    assert consent.refuses(patient, "phone", "surveys")
    stays.is_alive(clerk, patient=patient)
    assert consent.allows(patient, "sms", "surveys")
    assert consent.refuses(patient, "email", "surveys")
    assert not consent.refuses(patient, "phone", "surveys"), "they never spoke about it"
    assert not consent.allows(patient, "phone", "surveys")
