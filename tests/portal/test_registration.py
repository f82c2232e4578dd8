"""Patients open their own account: proofs, then a code to a contact on file."""

import re
import statistics
import time
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from portal import account_mail
from portal.models import AccessEntry, OneTimeSecret, User
from tests import factories
from tests.people import signed_in
from tests.portal.test_sign_in import body_of

pytestmark = pytest.mark.django_db
LONG = "another long password"


@pytest.fixture
def patient():
    return factories.PatientFactory()


def proofs(patient, **wrong):
    return {"number": patient.account_number, "last_name": "Testperson", "birth_date": "1961-04-12"} | wrong


def begin(patient, client=None, **wrong):
    client = client or Client()
    address = wrong.pop("address", "10.0.0.1")
    return client, client.post("/register", proofs(patient, **wrong), REMOTE_ADDR=address)


def code_in(mailoutbox):
    account_mail.send_due()
    return re.search(r"\b\d{8}\b", mailoutbox[-1].body).group()


def test_account_number_name_and_birth_date_then_the_code(patient, mailoutbox):
    client, response = begin(patient, last_name=" TESTPERSON ")
    assert response.url == "/register/code"
    code = code_in(mailoutbox)
    assert mailoutbox[-1].to == [patient.email]
    assert client.post("/register/code", {"code": code, "password": LONG}).status_code == 302
    patient.refresh_from_db()
    assert patient.user.email == patient.email
    assert patient.user.check_password(LONG)
    assert client.get("/session/clock").status_code == 200


def test_order_number_serves_as_well(patient, mailoutbox):
    order = factories.OrderFactory(patient=patient)
    client, _ = begin(patient, number=order.number.lower())
    assert client.post("/register/code", {"code": code_in(mailoutbox), "password": LONG}).status_code == 302


@pytest.mark.parametrize(
    "wrong", [{"last_name": "Other"}, {"birth_date": "1961-04-13"}, {"number": "A9999999"}]
)
def test_wrong_proofs_look_the_same_and_send_nothing(patient, mailoutbox, wrong):
    right_client, right = begin(patient)
    account_mail.send_due()
    mailoutbox.clear()
    client, response = begin(patient, **wrong)
    assert (response.status_code, response.url) == (right.status_code, right.url)
    pages = [one.get("/register/code") for one in (client, right_client)]
    assert body_of(pages[0]) == body_of(pages[1])
    account_mail.send_due()
    assert not mailoutbox


def test_three_failures_close_the_record_for_a_while(patient, mailoutbox):
    for number in range(3):
        begin(patient, birth_date="1970-01-01", address=f"10.0.1.{number}")
    _, response = begin(patient, address="10.0.2.1")
    assert response.url == "/register/code"
    account_mail.send_due()
    [locked] = mailoutbox
    assert "could not tell that it was you" in locked.subject
    with time_machine.travel(timezone.now() + timedelta(hours=1, minutes=1)):
        begin(patient, address="10.0.3.1")
        account_mail.send_due()
    assert "registration code" in mailoutbox[-1].subject


def test_failures_do_not_close_other_records(patient, mailoutbox):
    for number in range(3):
        begin(patient, birth_date="1970-01-01", address=f"10.0.1.{number}")
    other = factories.PatientFactory()
    begin(other, address="10.0.2.1")
    account_mail.send_due()
    assert [letter.to for letter in mailoutbox if "code" in letter.subject] == [[other.email]]


def test_address_is_limited(patient):
    answers = [begin(patient, number=f"A{number:07d}")[1].status_code for number in range(9000000, 9000011)]
    assert answers[-1] == 429


def test_the_limit_does_not_tell_right_proofs_from_wrong(patient):
    """What is left of the tries afterwards is the same."""
    left = {}
    for address, wrong in (("10.0.9.1", {}), ("10.0.9.2", {"number": "A9999999"})):
        left[address] = [begin(patient, address=address, **wrong)[1].status_code for _ in range(12)]
    assert left["10.0.9.1"] == left["10.0.9.2"] == [302] * 10 + [429] * 2


def test_codes_are_not_mailed_without_end(patient, mailoutbox):
    for _ in range(6):
        begin(patient)
        account_mail.send_due()
    assert len(mailoutbox) == 3


def test_wrong_code_five_times(patient, mailoutbox):
    """A10: the sixth try is refused, were it right."""
    client, _ = begin(patient)
    code = code_in(mailoutbox)
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    for _ in range(5):
        assert client.post("/register/code", {"code": wrong, "password": LONG}).status_code == 200
    assert client.post("/register/code", {"code": code, "password": LONG}).status_code == 200
    assert not User.objects.exists()


def test_code_dies_after_ten_minutes(patient, mailoutbox):
    client, _ = begin(patient)
    code = code_in(mailoutbox)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert client.post("/register/code", {"code": code, "password": LONG}).status_code == 200
    assert not User.objects.exists()


def test_code_of_one_registration_is_no_good_in_another(patient, mailoutbox):
    begin(patient)
    code = code_in(mailoutbox)
    other_client, _ = begin(factories.PatientFactory())
    assert other_client.post("/register/code", {"code": code, "password": LONG}).status_code == 200
    assert not User.objects.exists()


def test_code_wants_the_browser_that_asked(patient, mailoutbox):
    begin(patient)
    assert Client().post("/register/code", {"code": code_in(mailoutbox), "password": LONG}).url == "/register"


def test_refused_password_does_not_use_up_the_code(patient, mailoutbox):
    client, _ = begin(patient)
    code = code_in(mailoutbox)
    own = f"{patient.first_name} {patient.last_name}"
    assert client.post("/register/code", {"code": code, "password": own}).status_code == 200
    assert client.post("/register/code", {"code": code, "password": LONG}).status_code == 302


def test_email_alone_opens_nothing(patient):
    """There is no way in that asks for the address on file."""
    page = Client().get("/register").content.decode()
    assert 'type="email"' not in page


def test_whoever_has_an_account_is_told_by_mail_alone(mailoutbox):
    patient = factories.patient_with_user()
    _, response = begin(patient)
    assert response.url == "/register/code"
    account_mail.send_due()
    assert "have an account" in mailoutbox[-1].subject
    assert User.objects.count() == 1


def test_a_caregiver_who_registers_gets_the_link_to_their_own_record(mailoutbox):
    """The account under the address on file becomes the patient's too, once its holder signed in."""
    patient = factories.PatientFactory(email="shared@example.org")
    carer = factories.PatientUserFactory(roles=["caregiver"], email=patient.email)
    _, response = begin(patient)
    assert response.url == "/register/code"
    account_mail.send_due()
    token = mailoutbox[-1].body.partition("token=")[2].split()[0]
    signed_in(carer).post("/invitation", proofs(patient) | {"token": token})
    patient.refresh_from_db()
    assert patient.user == carer


def test_no_code_and_no_token_is_kept_in_plain(patient, mailoutbox):
    begin(patient)
    code = code_in(mailoutbox)
    secret = OneTimeSecret.objects.get(patient=patient)
    assert code not in secret.digest


def test_failures_stand_on_the_trail(patient):
    begin(patient, birth_date="1970-01-01")
    entry = AccessEntry.objects.get(kind="verify")
    assert entry.outcome == "failed"
    assert entry.subjects == [patient.pk]


def test_answer_takes_the_same_time(patient):
    """A4: known and unknown numbers, wrong and right proofs."""
    known, unknown = [], []
    for number in range(3):
        for wrong, times in (({"birth_date": "1970-01-01"}, known), ({"number": f"A77{number}"}, unknown)):
            began = time.perf_counter()
            begin(patient, address=f"10.7.{number}.{len(times)}", **wrong)
            times.append(time.perf_counter() - began)
    assert abs(statistics.median(known) - statistics.median(unknown)) < 0.2 * statistics.median(known)
