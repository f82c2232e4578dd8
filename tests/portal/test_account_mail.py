"""Letters about accounts: one that can't be sent is counted by itself, and all others go out (F8)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from agents import side
from agents.forms_floor import ReferralForm
from config.integrations import breaker
from config.integrations.breaker import PartnerDown
from portal import account_mail, caregivers, invitations, one_time, profile
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


def test_a_letter_outlives_a_mail_server_that_is_away_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """F8: who is told that their password was changed is told late, and told."""

    def away(*_: Any) -> None:
        raise PartnerDown("mail")

    account_mail.tell(factories.patient_user(), "password_changed")
    with monkeypatch.context() as patch:
        patch.setattr("config.integrations.mail.send", away)
        for _ in range(60):
            assert account_mail.send_due() == 0
    assert account_mail.send_due() == 1


def test_what_is_tried_in_vain_holds_up_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_mail, "AT_ONCE", 2)
    for _ in range(2):
        AccountMail.objects.create(kind="password_changed", to="busy@example.org", realm="patient", tries=7)
    account_mail.tell(factories.patient_user(), "password_changed")
    tried: list[int] = []
    monkeypatch.setattr(account_mail, "send", lambda pk: tried.append(pk) or False)
    account_mail.send_due()
    assert tried[0] == AccountMail.objects.order_by("pk").last().pk


@pytest.mark.parametrize("turn", ["late", "used", "withdrawn"])
def test_no_letter_goes_out_with_a_link_that_opens_nothing(mailoutbox: Any, turn: str) -> None:
    patient = factories.patient_with_user()
    if turn == "withdrawn":
        actor = factories.UserFactory(roles=["supervisor"])
        invitations.withdraw(invitations.invite_patient(actor, patient=patient))
    else:
        secret = one_time.issue("reset", user=patient.user)
        account_mail.send_link(patient.user, secret)
        if turn == "used":
            one_time.void_links(patient.user)
    with time_machine.travel(timezone.now() + timedelta(hours=turn == "late"), tick=False):
        account_mail.send_due()
        assert not account_mail.send(AccountMail.objects.get().pk)
    assert not mailoutbox


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
