"""Ways back into an account: no mailbox alone opens one, and no link outlives what ended its sessions. R-SEC-3"""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.security.throttle import TooMany
from portal import account_mail, caregivers, factors, sessions, sign_in
from portal.models import AccountMail, Caregiver, User
from tests import factories
from tests.factories import PASSWORD, UserFactory
from tests.people import signed_in
from tests.portal.test_factors import authenticator_of, by_password

pytestmark = pytest.mark.django_db
ANOTHER = "another long password"


@pytest.fixture
def patient():
    found = factories.patient_with_user()
    authenticator_of(factories.with_password(found.user))
    return found


@pytest.fixture
def agent():
    user = factories.with_password(UserFactory(roles=["agent"]))
    authenticator_of(user)
    return user


def forgotten(user):
    page = "/staff/password/forgot" if user.realm == "staff" else "/password/forgot"
    assert Client().post(page, {"email": user.email}).status_code == 200


def tokens(mailoutbox, page):
    account_mail.send_due()
    return re.findall(rf"{page}\?token=(\S+)", " ".join(letter.body for letter in mailoutbox))


def link_of(mailoutbox, page="password/new"):
    return tokens(mailoutbox, page)[-1]


def taken(token, page="/password/new"):
    return Client().post(page, {"token": token, "password": ANOTHER}).status_code


def reset(user):
    factors.reset(UserFactory(roles=["supervisor"]), user=user, reason="Lost telephone, seen in person")


def test_after_a_reset_of_factors_no_link_goes_to_a_patients_mailbox(patient, mailoutbox):
    """A8: they prove first who they are, by the invitation."""
    reset(patient.user)
    forgotten(patient.user)
    assert not tokens(mailoutbox, "password/new")
    known = {"last_name": patient.last_name, "birth_date": str(patient.birth_date), "password": ANOTHER}
    assert (
        Client().post("/invitation", {"token": link_of(mailoutbox, "invitation")} | known).status_code == 302
    )
    forgotten(patient.user)
    assert len(tokens(mailoutbox, "password/new")) == 1


def test_after_a_reset_of_factors_staff_need_the_password_they_had(agent, mailoutbox):
    """A8: the code for a new factor went to the mailbox, so the password does not go there too."""
    reset(agent)
    forgotten(agent)
    assert not tokens(mailoutbox, "password/new")
    code = re.search(r"\b\d{8}\b", " ".join(letter.body for letter in mailoutbox)).group()
    client = by_password(agent)
    client.post("/security/factors/new", {"code": code})
    assert "QR" in client.get("/security/factors/new").content.decode()
    forgotten(agent)
    assert len(tokens(mailoutbox, "password/new")) == 1


def test_staff_who_forgot_the_password_too_wait_until_the_code_is_good_for_nothing(agent, mailoutbox):
    reset(agent)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        forgotten(agent)
        assert taken(link_of(mailoutbox)) == 302


@pytest.mark.parametrize("who", ["patient", "agent"])
def test_a_link_asked_before_the_reset_of_factors_is_void(request, who, mailoutbox):
    found = request.getfixturevalue(who)
    user = found if isinstance(found, User) else found.user
    forgotten(user)
    token = link_of(mailoutbox)
    reset(user)
    assert taken(token) == 410
    assert not User.objects.get(pk=user.pk).check_password(ANOTHER)


def test_a_link_to_the_old_mailbox_is_void_once_the_address_is_another(patient, mailoutbox):
    forgotten(patient.user)
    token = link_of(mailoutbox)
    signed_in(patient.user).post("/security/email", {"email": "new@example.org"})
    confirmed = Client().post("/security/email/confirm", {"token": link_of(mailoutbox, "email/confirm")})
    assert confirmed.status_code == 302
    assert taken(token) == 410


@pytest.mark.parametrize("ending", ["password", "everywhere", "staff"])
def test_a_change_of_address_ends_with_the_session_that_asked_for_it(patient, mailoutbox, ending):
    """Whoever sat in somebody's session keeps no way back into the account."""
    owner = signed_in(patient.user)
    signed_in(patient.user).post("/security/email", {"email": "thief@example.org"})
    token = link_of(mailoutbox, "email/confirm")
    if ending == "password":
        assert owner.post("/security/password", {"password": ANOTHER}).status_code == 302
    elif ending == "everywhere":
        sessions.end_all(patient.user, by="owner")
    else:
        sessions.end_of(UserFactory(roles=["supervisor"]), user=patient.user)
    assert Client().post("/security/email/confirm", {"token": token}).status_code == 410
    assert User.objects.get(pk=patient.user.pk).email == patient.user.email


def test_nobody_loses_a_factor_who_could_not_prove_themselves_again(mailoutbox):
    """Without an address on file no letter would tell how to go on: they keep what they have, and staff are told."""
    user = factories.with_password(factories.patient_with_user(email="").user)
    authenticator_of(user)
    client = signed_in(UserFactory(roles=["supervisor"]))
    address = reverse("admin:portal_user_reset_factor", args=[user.pk])
    page = client.post(address, {"reason": "Lost telephone, seen in person"})
    assert "enter one first" in page.content.decode()
    assert factors.has_factor(user)
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
    account_mail.send_due()
    assert not mailoutbox


def test_somebody_elses_mailbox_is_not_filled(patient):
    """The letters of a change of address go where nobody has asked for them yet."""
    client = signed_in(patient.user)
    answers = [client.post("/security/email", {"email": "victim@example.org"}).status_code for _ in range(8)]
    most = sign_in.ADDRESSES_PER_PERSON.tries
    assert answers == [200] * most + [429] * (8 - most)
    assert AccountMail.objects.filter(kind="email").count() == most


def test_inviting_and_removing_a_caregiver_over_and_over_fills_no_mailbox(patient):
    asked = {"name": "Kim", "email": "victim@example.org", "relation": "", "scopes": ["billing"]}
    for _ in range(caregivers.INVITED_A_DAY.tries):
        invited = caregivers.invite(patient.user, patient=patient, expires_at=None, **asked)
        caregivers.revoke(patient.user, caregiver=invited)
    with pytest.raises(TooMany):
        caregivers.invite(patient.user, patient=patient, expires_at=None, **asked)
    assert not Caregiver.objects.filter(patient=patient, revoked_at=None).exists()
