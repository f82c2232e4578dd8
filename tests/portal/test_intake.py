"""Intake from referral to set-up (R-OPS-1)."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from config.business_day import business_day
from portal import intake
from portal.models import AccessEntry, Patient, Prescription, Referral, User
from tests.factories import DocumentFactory, OrderFactory, PatientFactory, PractitionerFactory, UserFactory

pytestmark = pytest.mark.django_db

TOLD: dict[str, Any] = {
    "source": "self",
    "first_name": "Rosa",
    "last_name": "Delgado",
    "birth_date": date(1961, 4, 2),
    "phone": "+13125550143",
    "product_line": "oxygen",
}


@pytest.fixture
def clerk() -> User:
    return UserFactory(roles=["intake"])


def taken_in(clerk: User, **more: Any) -> Referral:
    return intake.take_in(clerk, **(TOLD | more))


def test_a_referral_becomes_a_record_and_is_set_up(clerk: User) -> None:
    referral = taken_in(clerk, interpreter="Polish", tty=True, language="es", state_code="IL")
    patient = intake.make_record(clerk, referral=referral)
    assert (patient.name, patient.language, patient.interpreter, patient.tty) == (
        "Rosa Delgado",
        "es",
        "Polish",
        True,
    )
    referral.refresh_from_db()
    with pytest.raises(ValidationError, match="Written order on file"):
        intake.ready(clerk, referral=referral)
    Prescription.objects.create(patient=patient, hcpcs="E1390")
    DocumentFactory(patient=patient)
    OrderFactory(patient=patient)
    missing = [step.code for step in intake.steps(referral) if not step.done]
    for code in missing:
        assert code == "coverage", "only what billing adds is still missing"
    with pytest.raises(ValidationError, match="not ready"):
        intake.set_up(clerk, referral=referral)


def test_a_set_up_follows_when_nothing_is_missing(clerk: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "NEEDS", {"contact": intake.NEEDS["contact"]})
    referral = taken_in(clerk)
    intake.make_record(clerk, referral=referral)
    intake.ready(clerk, referral=referral)
    assert intake.set_up(clerk, referral=referral).state == "set_up"
    with pytest.raises(ValidationError, match="finished"):
        intake.decline(clerk, referral=referral, because="too late")


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"first_name": " "}, "first_name"),
        ({"birth_date": business_day() + timedelta(days=2)}, "birth_date"),
        ({"birth_date": date(1850, 1, 1)}, "birth_date"),
        ({"phone": "", "email": ""}, "phone"),
        ({"source": "prescriber"}, "practitioner"),
    ],
)
def test_half_a_referral_says_what_is_missing(clerk: User, told: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        taken_in(clerk, **told)
    assert field in wrong.value.message_dict
    assert not Referral.objects.exists()


def test_a_known_person_is_found_before_a_second_record_is_made(clerk: User) -> None:
    known = PatientFactory(first_name="Rosa", last_name="Delgado", birth_date=date(1961, 4, 2))
    referral = taken_in(clerk, phone=known.phone)
    [match] = intake.alike(clerk, referral)
    assert match.patient == known
    assert {"born_and_named", "first_name"} <= set(match.because)
    with pytest.raises(ValidationError, match="Look at them first"):
        intake.make_record(clerk, referral=referral)
    assert intake.tie(clerk, referral=referral, patient=known).patient == known
    assert Patient.objects.count() == 1


def test_one_wrong_letter_still_finds_the_record(clerk: User) -> None:
    known = PatientFactory(
        first_name="Rosa", last_name="Delgado", birth_date=date(1961, 4, 2), phone="", email=""
    )
    referral = taken_in(clerk, last_name="Delgardo")
    assert [match.patient for match in intake.alike(clerk, referral)] == [known]


def test_a_new_record_although_another_is_alike(clerk: User) -> None:
    PatientFactory(first_name="Rosa", last_name="Delgado", birth_date=date(1961, 4, 2))
    intake.make_record(clerk, referral=taken_in(clerk), although=True)
    assert Patient.objects.count() == 2


def test_a_record_with_another_birth_date_is_not_tied(clerk: User) -> None:
    other = PatientFactory(birth_date=date(1961, 4, 3))
    with pytest.raises(ValidationError, match="date of birth"):
        intake.tie(clerk, referral=taken_in(clerk), patient=other)


def test_declining_wants_a_reason(clerk: User) -> None:
    referral = taken_in(clerk)
    with pytest.raises(ValidationError, match="Say why"):
        intake.decline(clerk, referral=referral, because="\N{ZERO WIDTH SPACE}")
    assert intake.decline(clerk, referral=referral, because="Out of our area").state == "declined"
    assert intake.waiting(clerk) == []


def test_only_intake_sees_referrals(clerk: User) -> None:
    referral = taken_in(clerk, source="prescriber", practitioner=PractitionerFactory())
    with pytest.raises(PermissionDenied):
        intake.waiting(UserFactory(roles=["billing"]))
    assert intake.waiting(clerk) == [referral]
    intake.open_referral(clerk, referral.ref)
    assert AccessEntry.objects.filter(what="referral").exists()
