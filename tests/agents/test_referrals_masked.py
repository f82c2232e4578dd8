"""Intake opens no record: whoever may not compare records finds no more than the directory shows (R-CASE-3)."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from portal import intake
from portal.models import Patient, Referral, User
from tests.factories import PatientFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def victim() -> Patient:
    return PatientFactory(
        first_name="Zenobia", last_name="Quillfeather", birth_date=date(1944, 2, 3), phone="+15125550177"
    )


def told(actor: User, **other: object) -> Referral:
    said = {"first_name": "Z", "last_name": "Quillfeather", "birth_date": date(1944, 2, 3)}
    said |= {"phone": "+15125550177", "source": "self", "product_line": "cpap"}
    return intake.take_in(actor, **(said | other))


@pytest.mark.parametrize(("role", "sees"), [("agent", False), ("intake", True), ("supervisor", True)])
def test_only_who_compares_records_sees_whose_they_are(role: str, sees: bool, victim: Patient) -> None:
    user = UserFactory(roles=[role])
    page = signed_in(user).get(reverse("agents:referral", args=[told(user).ref])).content.decode()
    assert str(victim.ref) in page
    for hidden in ("Zenobia", victim.account_number, "same phone number"):
        assert (hidden in page) is sees


def test_a_birth_date_is_not_guessed_by_tying(victim: Patient) -> None:
    agent = UserFactory(roles=["agent"])
    wrongs = []
    for born in (date(1944, 2, 3), date(1944, 2, 4)):
        other = told(agent, first_name="Ann", last_name="Other", birth_date=born, phone="+15125550111")
        with pytest.raises(ValidationError) as wrong:
            intake.tie(agent, referral=other, patient=victim)
        wrongs.append(wrong.value.messages)
    assert wrongs[0] == wrongs[1]
    assert intake.tie(agent, referral=told(agent), patient=victim).patient == victim
