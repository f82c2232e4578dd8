"""Letters about accounts: one that can't be sent is counted by itself, and all others go out (F8)."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from agents import side
from agents.forms_floor import ReferralForm
from config.integrations import breaker
from portal import account_mail, caregivers, invitations, profile
from portal.models import AccountMail, ContactChange, Invitation
from tests import factories
from tests.config.test_mail import counter
from tests.people import signed_in

pytestmark = pytest.mark.django_db
__all__ = ["counter"]
TWO = "marisol@example.org; kim@example.org"
UNNAMED = "a@" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60 + ".example"


def test_a_letter_that_cannot_be_sent_stops_no_other_and_is_tried_no_more(counter: Any) -> None:
    bad = factories.PatientFactory(email=TWO)
    good = factories.patient_with_user()
    for _ in range(breaker.FAILURES):
        account_mail.tell_contact(bad, "contact_changed")
    account_mail.tell(good.user, "password_changed")
    assert account_mail.send_due() == 1
    assert counter.taken == [good.user.email]
    assert set(AccountMail.objects.filter(sent_at=None).values_list("tries", flat=True)) == {
        account_mail.MOST_TRIES
    }


def test_a_text_to_what_is_no_number_is_tried_no_more(valkey: Any) -> None:
    account_mail.text_contact(factories.PatientFactory(phone="my daughter"), "contact_changed")
    assert account_mail.send_due() == 0
    assert AccountMail.objects.get().tries == account_mail.MOST_TRIES


@pytest.mark.parametrize("address", [TWO, UNNAMED])
def test_no_account_takes_an_address_that_no_letter_reaches(address: str) -> None:
    patient = signed_in(factories.patient_with_user().user)
    assert "id_email" in patient.post("/security/email", {"email": address}).content.decode()
    assert not AccountMail.objects.exists()


@pytest.mark.parametrize(("field", "value"), [("email", TWO), ("email", UNNAMED), ("phone", "555-0142")])
def test_no_contact_is_proposed_that_nothing_reaches(field: str, value: str) -> None:
    patient = factories.patient_with_user()
    with pytest.raises(ValidationError):
        profile.propose(patient.user, patient=patient, field=field, value=value)
    signed_in(patient.user).post(f"/profile/propose/{field}", {field: value})
    assert not ContactChange.objects.exists()


@pytest.mark.parametrize("address", [TWO, UNNAMED])
def test_nobody_is_invited_at_an_address_that_no_letter_reaches(address: str) -> None:
    patient = factories.patient_with_user()
    with pytest.raises(ValidationError):
        invitations.invite_staff(
            factories.UserFactory(roles=["administrator"]), email=address, roles=["agent"]
        )
    with pytest.raises(ValidationError):
        caregivers.invite(
            patient.user,
            patient=patient,
            name="Kim",
            email=address,
            relation="daughter",
            scopes=["orders"],
            expires_at=None,
        )
    with pytest.raises(CommandError):
        call_command("invite_administrator", address)
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(("field", "value"), [("email", UNNAMED), ("phone", "ask her son")])
def test_no_referral_takes_a_contact_that_nothing_reaches(field: str, value: str) -> None:
    assert field in ReferralForm({field: value}).errors


def test_a_side_letter_needs_an_address_that_letters_reach() -> None:
    agent, case = factories.UserFactory(roles=["agent"]), factories.CaseFactory()
    with pytest.raises(ValidationError):
        side.start(agent, case=case, party="payer", name="The payer", address=TWO, body="Hello")
