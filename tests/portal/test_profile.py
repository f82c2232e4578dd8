"""The profile: own choices at once, changes of contact as proposals that staff accept, and nothing else."""

import threading
from functools import partial

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connections
from django.urls import reverse

from portal import profile
from portal.models import AccountMail, ContactChange, Patient, User
from tests import factories
from tests.people import signed_in

PAGE = reverse("portal:profile")


def propose(client, field, **values):
    return client.post(reverse("portal:profile-propose", args=[field]), values)


@pytest.fixture
def agent(db):
    return factories.UserFactory(roles=["agent"])


def test_own_choices_are_kept_at_once(patient, patient_client):
    sent = {"language": "es", "time_zone": "America/Denver", "preferred_channel": "sms"}
    assert patient_client.post(reverse("portal:profile-choices"), sent).status_code == 302
    patient.refresh_from_db()
    assert (patient.language, patient.time_zone, patient.preferred_channel) == ("es", "America/Denver", "sms")
    assert User.objects.get(pk=patient.user_id).language == "es"
    assert 'lang="es"' in patient_client.get(PAGE).content.decode()


def test_a_time_zone_must_be_one(patient, patient_client):
    sent = {"language": "en", "time_zone": "Mars/Olympus", "preferred_channel": "sms"}
    assert patient_client.post(reverse("portal:profile-choices"), sent).status_code == 422
    patient.refresh_from_db()
    assert patient.time_zone == "America/Chicago"


def test_a_new_phone_number_waits_for_staff(patient, patient_client):
    propose(patient_client, "phone", phone="(512) 555-0199")
    patient.refresh_from_db()
    change = ContactChange.objects.get()
    assert patient.phone == "+15125550143"
    assert (change.old_value, change.new_value, change.state) == ("+15125550143", "+15125550199", "proposed")
    assert "+15125550199" in patient_client.get(PAGE).content.decode()


def test_an_address_is_proposed_whole(patient, patient_client, agent):
    parts = {
        "address_line1": "9 New Road",
        "address_line2": "",
        "city": "Dallas",
        "state": "TX",
        "postal_code": "75201",
    }
    propose(patient_client, "address", **parts)
    profile.decide(agent, change=ContactChange.objects.get(), accept=True)
    patient.refresh_from_db()
    assert {part: getattr(patient, part) for part in parts} == parts


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("phone", {"phone": "call me"}),
        ("email", {"email": "not an address"}),
        ("address", {"address_line1": "9 New Road", "city": "Dallas", "state": "XX", "postal_code": "75201"}),
        ("address", {"address_line1": "9 New Road", "city": "Dallas", "state": "TX", "postal_code": "7520"}),
    ],
)
def test_what_can_not_be_is_told_beside_the_field(patient_client, field, values):
    page = propose(patient_client, field, **values)
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.content.decode()
    assert not ContactChange.objects.exists()


@pytest.mark.parametrize(
    "field", ["first_name", "last_name", "birth_date", "ssn_last4", "account_number", "user"]
)
def test_who_somebody_is_can_not_be_proposed(patient, patient_client, field):
    assert propose(patient_client, field, **{field: "Other"}).status_code == 404
    with pytest.raises(profile.NotProposable):
        profile.propose(patient.user, patient=patient, field=field, value="Other")


def test_a_newer_wish_replaces_the_older(patient):
    first = profile.propose(patient.user, patient=patient, field="email", value="a@example.org")
    second = profile.propose(patient.user, patient=patient, field="email", value="b@example.org")
    first.refresh_from_db()
    assert (first.state, second.state) == ("withdrawn", "proposed")
    assert profile.propose(patient.user, patient=patient, field="email", value="b@example.org") == second


def test_what_stands_on_file_is_no_change(patient):
    assert profile.propose(patient.user, patient=patient, field="email", value=patient.email) is None


def test_going_back_to_what_is_on_file_takes_the_wish_back(patient):
    profile.propose(patient.user, patient=patient, field="email", value="a@example.org")
    assert profile.propose(patient.user, patient=patient, field="email", value=patient.email) is None
    assert profile.waiting(patient) == {}


def test_old_and_new_address_are_told_of_an_accepted_change(patient, agent):
    old = patient.email
    change = profile.propose(patient.user, patient=patient, field="email", value="new@example.org")
    assert not AccountMail.objects.exists()
    profile.decide(agent, change=change, accept=True)
    letters = AccountMail.objects.filter(via="email")
    patient.refresh_from_db()
    assert {letter.to for letter in letters} == {old, "new@example.org"}
    assert ({letter.kind for letter in letters}, patient.email) == ({"contact_changed"}, "new@example.org")
    assert Patient.objects.filter(email_index__matches="new@example.org").get() == patient


def test_a_refused_change_changes_nothing_and_tells_nobody(patient, agent):
    old = patient.email
    change = profile.propose(patient.user, patient=patient, field="email", value="new@example.org")
    profile.decide(agent, change=change, accept=False)
    patient.refresh_from_db()
    assert patient.email == old
    assert not AccountMail.objects.exists()


def test_a_change_is_decided_once(patient, agent):
    change = profile.propose(patient.user, patient=patient, field="email", value="new@example.org")
    profile.decide(agent, change=change, accept=False)
    with pytest.raises(profile.AlreadyDecided):
        profile.decide(agent, change=change, accept=True)


def test_patients_do_not_decide_and_strangers_do_not_propose(patient):
    change = profile.propose(patient.user, patient=patient, field="email", value="new@example.org")
    with pytest.raises(PermissionDenied):
        profile.decide(patient.user, change=change, accept=True)
    with pytest.raises(PermissionDenied):
        profile.propose(factories.patient_user(), patient=patient, field="email", value="evil@example.org")


def test_a_caregiver_has_no_profile_page(patient):
    client = signed_in(factories.caregiver_of(patient).user)
    assert client.get(PAGE).status_code == 404
    assert propose(client, "email", email="evil@example.org").status_code == 404
    assert not ContactChange.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("meanwhile", ["stop", "propose"])
def test_a_decision_and_the_patients_own_wish_never_wait_for_each_other(agent, patient, meanwhile):
    """Both take the patient first: the one who is late is told so, and no one gets a deadlock."""
    failed = []

    def run(act, start):
        try:
            start.wait()
            act()
        except OperationalError as error:
            failed.append(error)
        except ValueError:
            pass  # the other was faster
        finally:
            connections.close_all()

    for count in range(8):
        change = ContactChange.objects.create(
            patient=patient, field="phone", new_value=f"+1512555{1000 + count}", proposed_by=patient.user
        )
        wishes = {
            "stop": partial(profile.stop, patient.user, change=change),
            "propose": partial(
                profile.propose, patient.user, patient=patient, field="phone", value="+15125559999"
            ),
        }
        start = threading.Barrier(2)
        decision = partial(profile.decide, agent, change=change, accept=True)
        pair = [threading.Thread(target=run, args=(act, start)) for act in (decision, wishes[meanwhile])]
        for thread in pair:
            thread.start()
        for thread in pair:
            thread.join()
        ContactChange.objects.all().delete()
    assert failed == []
