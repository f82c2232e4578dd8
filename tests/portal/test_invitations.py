"""Invitations and caregivers: single use, bound to what they are for, and ended at once (R-SEC-4)."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from portal import account_mail, caregivers, factors, invitations
from portal.models import AccountMail, Caregiver, Invitation, Order, Patient, User
from tests import factories
from tests.factories import PASSWORD
from tests.people import signed_in

pytestmark = pytest.mark.django_db
LONG = "another long password"


@pytest.fixture
def supervisor():
    return factories.UserFactory(roles=["supervisor"])


@pytest.fixture
def administrator():
    return factories.UserFactory(roles=["administrator"])


def token_of(mailoutbox):
    account_mail.send_due()
    return mailoutbox[-1].body.partition("token=")[2].split()[0]


def test_patient_opens_an_account(supervisor, mailoutbox):
    patient = factories.PatientFactory()
    invitations.invite_patient(supervisor, patient=patient)
    token = token_of(mailoutbox)
    assert mailoutbox[-1].to == [patient.email]
    client = Client()
    assert client.get(f"/invitation?token={token}").status_code == 200
    given = {"token": token, "last_name": "testperson", "birth_date": "1961-04-12", "password": LONG}
    assert client.post("/invitation", given).status_code == 302
    patient.refresh_from_db()
    assert patient.user.email == patient.email
    assert patient.user.role_names() == {"patient"}
    assert client.get("/session/clock").status_code == 200


def test_email_alone_opens_no_record(supervisor, mailoutbox):
    """The link without the proofs opens nothing, and five wrong tries end it."""
    patient = factories.PatientFactory()
    invitations.invite_patient(supervisor, patient=patient)
    token = token_of(mailoutbox)
    wrong = {"token": token, "last_name": "Testperson", "birth_date": "1961-04-13", "password": LONG}
    for _ in range(5):
        assert Client().post("/invitation", wrong).status_code == 200
    assert Client().post("/invitation", wrong | {"birth_date": "1961-04-12"}).status_code == 410
    patient.refresh_from_db()
    assert patient.user is None


def test_patient_without_address_on_file_can_not_be_invited(supervisor):
    with pytest.raises(ValueError):
        invitations.invite_patient(supervisor, patient=factories.PatientFactory(email=""))


def test_invitation_works_once(administrator, mailoutbox):
    invitations.invite_staff(administrator, email="new@example.org", roles=["agent"])
    token = token_of(mailoutbox)
    assert (
        Client().post("/invitation", {"token": token, "name": "Nell New", "password": LONG}).status_code
        == 302
    )
    assert (
        Client().post("/invitation", {"token": token, "name": "Nell New", "password": LONG}).status_code
        == 410
    )
    assert User.objects.filter(realm="staff").count() == 2


def test_invitation_runs_out(administrator, mailoutbox):
    invitations.invite_staff(administrator, email="new@example.org", roles=["agent"])
    token = token_of(mailoutbox)
    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1)):
        assert Client().get(f"/invitation?token={token}").status_code == 410


def test_later_invitation_voids_the_earlier(administrator, mailoutbox):
    invitations.invite_staff(administrator, email="new@example.org", roles=["agent"])
    first = token_of(mailoutbox)
    invitations.invite_staff(administrator, email="NEW@example.org", roles=["agent"])
    assert Client().get(f"/invitation?token={first}").status_code == 410
    assert Client().get(f"/invitation?token={token_of(mailoutbox)}").status_code == 200


def test_token_is_kept_as_digest(administrator, mailoutbox):
    invitations.invite_staff(administrator, email="new@example.org", roles=["agent"])
    token = token_of(mailoutbox)
    assert Invitation.objects.get().token_digest != token
    assert len(token) >= 43


@pytest.mark.parametrize("token", ["", "x", "\x00", "a" * 43, "🦜"])
def test_made_up_tokens_open_nothing(token):
    assert Client().get("/invitation", {"token": token}).status_code == 410


def test_new_staff_set_up_a_factor_first(administrator, mailoutbox):
    invitations.invite_staff(administrator, email="new@example.org", roles=["agent"])
    client = Client()
    client.post("/invitation", {"token": token_of(mailoutbox), "name": "Nell New", "password": LONG})
    assert client.get("/security").url.startswith("/security/factors/new")
    assert User.objects.get(role_grants__role="agent").display_name == "Nell New"


def test_supervisor_makes_no_supervisor(supervisor):
    for role in ("supervisor", "administrator", "auditor"):
        with pytest.raises(PermissionDenied):
            invitations.invite_staff(supervisor, email="x@example.org", roles=["agent", role])


def test_intake_invites_patients_and_no_staff():
    intake = factories.UserFactory(roles=["intake"])
    invitations.invite_patient(intake, patient=factories.PatientFactory())
    with pytest.raises(PermissionDenied):
        invitations.invite_staff(intake, email="x@example.org", roles=["agent"])


def test_agent_invites_nobody():
    agent = factories.UserFactory(roles=["agent"])
    with pytest.raises(PermissionDenied):
        invitations.invite_patient(agent, patient=factories.PatientFactory())


def test_refused_password_leaves_the_invitation_open(administrator, mailoutbox):
    invitations.invite_staff(administrator, email="new@example.org", roles=["agent"])
    token = token_of(mailoutbox)
    assert (
        Client().post("/invitation", {"token": token, "name": "Nell", "password": "password"}).status_code
        == 200
    )
    assert Client().post("/invitation", {"token": token, "name": "Nell", "password": LONG}).status_code == 302


# --- caregivers -------------------------------------------------------------------------------------------


@pytest.fixture
def patient():
    return factories.patient_with_user()


def ask(patient, **more):
    known = {
        "name": "Casey Helper",
        "email": "casey@example.org",
        "relation": "son",
        "scopes": ["deliveries"],
    }
    return caregivers.invite(patient.user, patient=patient, **(known | {"expires_at": None} | more))


def test_caregiver_sees_what_the_scope_says_until_it_is_taken_back(patient, mailoutbox):
    order = factories.OrderFactory(patient=patient)
    caregiver = ask(patient)
    client = Client()
    client.post("/invitation", {"token": token_of(mailoutbox), "name": "Casey Helper", "password": LONG})
    helper = User.objects.by_email("casey@example.org", "patient")
    assert list(Patient.objects.visible_to(helper)) == [patient]
    assert list(Order.objects.visible_to(helper)) == [order]
    caregivers.revoke(patient.user, caregiver=Caregiver.objects.get(pk=caregiver.pk))
    assert client.get("/session/clock").status_code == 302
    assert not Patient.objects.visible_to(helper).exists()
    assert not Order.objects.visible_to(User.objects.get(pk=helper.pk)).exists()


def test_caregiver_runs_out(patient):
    caregiver = factories.caregiver_of(patient, "deliveries", expires_at=timezone.now() + timedelta(days=1))
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
        assert not Patient.objects.visible_to(caregiver.user).exists()


def test_revoked_before_accepted(patient, mailoutbox):
    caregiver = ask(patient)
    token = token_of(mailoutbox)
    caregivers.revoke(patient.user, caregiver=caregiver)
    assert Client().get(f"/invitation?token={token}").status_code == 410


def test_whoever_has_an_account_signs_in_and_accepts(patient, mailoutbox):
    other = factories.patient_with_user()
    user = factories.with_password(other.user)
    caregiver = ask(patient, email=user.email)
    token = token_of(mailoutbox)
    stranger = Client().post("/invitation", {"token": token, "name": "Casey", "password": LONG})
    assert stranger.status_code == 200
    client = Client()
    client.post("/sign-in", {"email": user.email, "password": PASSWORD})
    assert client.post("/invitation", {"token": token}).status_code == 302
    caregiver.refresh_from_db()
    assert caregiver.user == user
    user = User.objects.get(pk=user.pk)
    assert user.role_names() == {"patient", "caregiver"}


SHARED = "shared@example.org"


def invited_patient(mailoutbox):
    """A patient on whose record stands an address that has an account, and their link's token."""
    patient = factories.PatientFactory(email=SHARED)
    invitations.invite_patient(factories.UserFactory(roles=["supervisor"]), patient=patient)
    given = {"token": token_of(mailoutbox), "last_name": patient.last_name, "birth_date": "1961-04-12"}
    return patient, given


def carer(of=None):
    user = factories.PatientUserFactory(roles=["caregiver"], email=SHARED)
    if of is not None:
        factories.caregiver_of(of, user=user)
    return user


def test_a_caregiver_opens_their_own_record_with_the_account_they_have(patient, mailoutbox):
    user = carer(of=patient)
    own, given = invited_patient(mailoutbox)
    stranger = Client().post("/invitation", given | {"password": LONG})
    assert "sign in first" in stranger.content.decode()
    client = signed_in(user)
    page = client.get(f"/invitation?token={given['token']}").content.decode()
    assert "last_name" in page
    assert "password" not in page
    assert client.post("/invitation", given).status_code == 302
    own.refresh_from_db()
    user = User.objects.get(pk=user.pk)
    assert own.user == user
    assert user.role_names() == {"patient", "caregiver"}
    assert set(Patient.objects.visible_to(user)) == {own, patient}
    assert client.post("/invitation", given).status_code == 410


def test_the_account_one_has_opens_no_record_without_the_proofs(mailoutbox):
    client = signed_in(carer())
    own, given = invited_patient(mailoutbox)
    for wrong in ({"token": given["token"]}, given | {"birth_date": "1961-04-13"}):
        assert client.post("/invitation", wrong).status_code == 200
    for _ in range(4):
        client.post("/invitation", given | {"last_name": "Other"})
    assert client.post("/invitation", given).status_code == 410
    own.refresh_from_db()
    assert own.user is None


def test_whoever_has_a_record_already_is_told_what_to_do(mailoutbox):
    other = factories.PatientFactory(user=factories.PatientUserFactory(email=SHARED), email=SHARED)
    own, given = invited_patient(mailoutbox)
    for client in (Client(), signed_in(other.user)):
        page = client.post("/invitation", given | {"password": LONG}).content.decode()
        assert "sign in first" not in page
        assert "Call us to put an address of your own on file" in page
    own.refresh_from_db()
    assert own.user is None


def test_a_caregiver_never_becomes_the_patient_they_care_for(mailoutbox):
    own, given = invited_patient(mailoutbox)
    client = signed_in(carer(of=own))
    page = client.post("/invitation", given | {"password": LONG}).content.decode()
    assert "Call us to put an address of your own on file" in page
    own.refresh_from_db()
    assert own.user is None


def test_invitation_binds_the_invited_address_alone(patient, mailoutbox):
    ask(patient)
    token = token_of(mailoutbox)
    other = factories.patient_with_user().user
    signed_in(other).post("/invitation", {"token": token})
    assert not Caregiver.objects.filter(user=other).exists()


@pytest.mark.parametrize(
    "wrong",
    [{"scopes": []}, {"scopes": ["everything", "root"]}, {"expires_at": timezone.now() - timedelta(1)}],
)
def test_wrong_scope_and_time_are_refused(patient, wrong):
    with pytest.raises(ValidationError):
        ask(patient, **wrong)


def test_own_address_is_refused(patient):
    with pytest.raises(ValidationError):
        ask(patient, email=patient.user.email.upper())


def test_nobody_else_manages_a_patients_caregivers(patient):
    other = factories.patient_with_user()
    helper = factories.caregiver_of(patient, "everything").user
    staff = factories.UserFactory(roles=["supervisor", "administrator"])
    for actor in (other.user, helper, staff):
        with pytest.raises(PermissionDenied):
            caregivers.invite(
                actor,
                patient=patient,
                name="X",
                email="x@example.org",
                relation="",
                scopes=["billing"],
                expires_at=None,
            )


def test_caregivers_account_recovers_by_its_invitation(patient, mailoutbox):
    caregiver = factories.caregiver_of(patient, "billing")
    factors.reset(factories.UserFactory(roles=["supervisor"]), user=caregiver.user, reason="Lost telephone")
    account_mail.send_due()
    assert any("invited" in letter.subject for letter in mailoutbox)
    token = next(one.body.partition("token=")[2].split()[0] for one in mailoutbox if "token=" in one.body)
    assert (
        Client().post("/invitation", {"token": token, "name": "Casey", "password": LONG}).status_code == 302
    )
    caregiver.user.refresh_from_db()
    assert caregiver.user.check_password(LONG)


def test_opening_an_account_anew_ends_its_sessions_and_says_so(supervisor, mailoutbox):
    patient = factories.patient_with_user()
    before = signed_in(patient.user)
    invitations.invite_patient(supervisor, patient=patient)
    given = {"token": token_of(mailoutbox), "last_name": patient.last_name, "password": LONG}
    assert Client().post("/invitation", given | {"birth_date": str(patient.birth_date)}).status_code == 302
    assert before.get("/session/clock").status_code in (302, 401)
    assert AccountMail.objects.order_by("pk").last().kind == "password_changed"
