"""Signing in, and the passwords one signs in with (R-SEC-3)."""

import re
import statistics
import time
from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from portal import account_mail, passwords, sessions, sign_in
from portal.models import AccessEntry, OneTimeSecret, UserSession
from tests import factories
from tests.factories import PASSWORD
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient_user():
    return factories.with_password(factories.patient_with_user().user)


@pytest.fixture
def agent():
    return factories.with_password(factories.UserFactory(roles=["agent"]))


def post_sign_in(client, email, password=PASSWORD, page="/sign-in", **extra):
    return client.post(page, {"email": email, "password": password}, **extra)


def link_in(letter):
    return re.search(r"http\S+", letter.body).group()


def path_in(letter):
    return re.sub(r"^https?://[^/]+", "", link_in(letter))


def test_right_password_opens_a_session_on_record(client, patient_user):
    response = post_sign_in(client, patient_user.email)
    assert response.status_code == 302
    session = UserSession.objects.get(user=patient_user)
    assert session.key_digest == sessions.digest_of(client.session.session_key)
    assert AccessEntry.objects.filter(actor=patient_user, kind="sign_in", outcome="ok").exists()


def test_email_is_read_without_regard_to_case(client, patient_user):
    assert post_sign_in(client, f" {patient_user.email.upper()} ").status_code == 302


def test_realms_are_apart(client, patient_user, agent):
    assert post_sign_in(client, patient_user.email, page="/staff/sign-in").status_code == 200
    assert post_sign_in(client, agent.email).status_code == 200
    assert not UserSession.objects.exists()


def test_same_address_may_stand_in_both_realms(client, agent):
    twin = factories.with_password(factories.patient_user(email=agent.email), "quite another long password")
    assert post_sign_in(client, agent.email, "quite another long password").status_code == 302
    assert client.session["_auth_user_id"] == str(twin.pk)


def test_new_session_id_at_sign_in(client, patient_user):
    """A key that was planted in the browser beforehand opens nothing afterwards (S1)."""
    client.get("/sign-in")
    planted = client.session
    planted["x"] = 1
    planted.save()
    before = planted.session_key
    post_sign_in(client, patient_user.email)
    assert client.session.session_key != before


def test_closed_account_can_not_sign_in(client, patient_user):
    patient_user.is_active = False
    patient_user.save()
    assert post_sign_in(client, patient_user.email).status_code == 200


def body_of(response):
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
    text = re.sub(r"X-CSRFToken&quot;: &quot;\w+|X-CSRFToken\": \"\w+", "", text)
    return re.sub(r'value="[^"]*@[^"]*"', "", text)


def test_answer_tells_nothing_about_the_account(patient_user):
    """A4: text, status and time are the same for a known and an unknown address."""
    known, unknown, bodies = [], [], set()
    for number in range(8):
        for email, times in ((patient_user.email, known), (f"nobody{number}@example.org", unknown)):
            began = time.perf_counter()
            response = post_sign_in(Client(), email, "wrong password here", REMOTE_ADDR=f"10.0.0.{number}")
            times.append(time.perf_counter() - began)
            bodies.add((response.status_code, body_of(response)))
    assert len(bodies) == 1
    assert abs(statistics.median(known) - statistics.median(unknown)) < 0.2 * statistics.median(known)


def test_long_passwords_count_to_the_last_character(client, patient_user):
    """A2: 300 characters that differ in one are two passwords."""
    long = "abcdefghij klmnop " * 17
    patient_user.set_password(passwords.check(long + "a", realm="patient"))
    patient_user.save()
    assert post_sign_in(client, patient_user.email, long + "b").status_code == 200
    assert post_sign_in(client, patient_user.email, long + "a").status_code == 302


def test_spaces_at_the_ends_count(client, patient_user):
    patient_user.set_password("  spaces on both ends  ")
    patient_user.save()
    assert post_sign_in(client, patient_user.email, "spaces on both ends").status_code == 200
    assert post_sign_in(client, patient_user.email, "  spaces on both ends  ").status_code == 302


def test_unicode_is_one_spelling(client, patient_user):
    """NFC: an accent typed as a mark of its own is the same password."""
    patient_user.set_password(passwords.check("contraseña muy larga", realm="patient"))
    patient_user.save()
    assert post_sign_in(client, patient_user.email, "contrasen\u0303a muy larga").status_code == 302


def test_argon2_and_rehash(client, patient_user, settings):
    """K4: a hash of a weaker kind is made anew at sign-in."""
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    from django.contrib.auth.hashers import make_password

    patient_user.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    patient_user.save()
    post_sign_in(client, patient_user.email)
    patient_user.refresh_from_db()
    assert patient_user.password.startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    "password",
    [
        "fourteen chars",
        "passwordpassword",
        "password12345678!!",
        "aaaaaaaaaaaaaaaaaa",
        "abcdefghijklmnopqrs",
        "qwertyuiopqwertyuiop",
        "Bayside Home Medical",
        "bayside-medical-2026!",
        "marisol.testperson1",
        "patient portal password",
        "My Medical Supplies 26",
        "oxygen oxígeno 2026",
        "x" * 1025,
    ],
)
def test_passwords_that_are_refused(password):
    """A1: short, leaked, runs and repetitions, and what is known about the person or us."""
    with pytest.raises(ValidationError):
        passwords.check(password, realm="patient", known=["Marisol Testperson", "marisol@example.org"])


@pytest.mark.parametrize(
    ("password", "realm"),
    [
        ("correct horse battery staple", "patient"),
        ("a" * 7 + "bcdzq" + "x9" * 60, "patient"),
        ("все слова подряд здесь", "patient"),
        ("🦜🦜🐢🐢🐇🐇🦔🦔🦉🦉🐝🐝🦋🦋🐌", "patient"),
        ("kr7nq wz", "staff"),
    ],
)
def test_passwords_that_are_taken(password, realm):
    """No rule about kinds of characters; staff's stands beside a factor and may be shorter."""
    assert passwords.check(password, realm=realm)


def test_axes_keeps_a_record_without_addresses(client, patient_user):
    """What django-axes stores names nobody."""
    post_sign_in(client, patient_user.email, "wrong password here")
    attempt = AccessAttempt.objects.get()
    stored = f"{attempt.username} {attempt.get_data} {attempt.post_data} {attempt.path_info}"
    assert patient_user.email not in stored
    assert "wrong password here" not in stored
    post_sign_in(client, patient_user.email)
    assert AccessLog.objects.get().username == str(patient_user.ref)


def test_next_stays_on_this_site(client, patient_user):
    page = "/sign-in?next=https://evil.example/"
    assert "evil" not in post_sign_in(client, patient_user.email, page=page).url
    client.logout()
    response = client.post(
        "/sign-in", {"email": patient_user.email, "password": PASSWORD, "next": "/security"}
    )
    assert response.url == "/security"


def test_sign_out_ends_the_session_and_clears_the_browser(patient_user):
    client = signed_in(patient_user)
    response = client.post("/sign-out")
    assert response.url == "/sign-in"
    assert "storage" in response.headers["Clear-Site-Data"]
    assert UserSession.objects.get().ended_by == "sign-out"
    assert client.get("/security").status_code == 302


def test_staff_sign_out_goes_to_their_page(agent):
    assert signed_in(agent).post("/sign-out").url == "/staff/sign-in"


# --- the demo ----------------------------------------------------------------------------------------


def test_demo_logins_show_in_the_demo_alone(client, settings):
    staff = factories.UserFactory(roles=["agent"])
    assert staff.email not in client.get("/staff/sign-in").content.decode()
    settings.DEMO = True
    assert staff.email in client.get("/staff/sign-in").content.decode()


def test_production_and_test_are_not_the_demo():
    """DEMO follows from the profile; nothing else turns it on."""
    from django.conf import settings

    assert settings.PROFILE == "test"
    assert settings.DEMO is False


# --- reset ---------------------------------------------------------------------------------------------


def ask_reset(client, user, page="/password/forgot"):
    client.post(page, {"email": user.email})
    account_mail.send_due()


def test_reset_by_a_link_once(client, patient_user, mailoutbox):
    elsewhere = signed_in(patient_user)
    ask_reset(client, patient_user)
    path = path_in(mailoutbox[-1])
    assert client.get(path).status_code == 200
    token = path.partition("token=")[2]
    assert (
        client.post("/password/new", {"token": token, "password": "another long password"}).status_code == 302
    )
    assert client.get(path).status_code == 410
    assert elsewhere.get("/security").status_code == 302
    assert post_sign_in(client, patient_user.email, "another long password").status_code == 302


def test_reset_token_is_kept_as_digest(client, patient_user, mailoutbox):
    ask_reset(client, patient_user)
    token = path_in(mailoutbox[-1]).partition("token=")[2]
    assert len(token) >= 43
    assert OneTimeSecret.objects.get(purpose="reset").digest != token


def test_reset_link_dies_after_half_an_hour(client, patient_user, mailoutbox):
    ask_reset(client, patient_user)
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        assert client.get(path_in(mailoutbox[-1])).status_code == 410


def test_second_link_voids_the_first(client, patient_user, mailoutbox):
    ask_reset(client, patient_user)
    ask_reset(client, patient_user)
    assert client.get(path_in(mailoutbox[0])).status_code == 410
    assert client.get(path_in(mailoutbox[1])).status_code == 200


def test_reset_tells_the_owner(client, patient_user, mailoutbox):
    """A11: out of band, to the address on file, without a word about health."""
    ask_reset(client, patient_user)
    token = path_in(mailoutbox[-1]).partition("token=")[2]
    client.post("/password/new", {"token": token, "password": "another long password"})
    account_mail.send_due()
    assert mailoutbox[-1].to == [patient_user.email]
    assert "password" in mailoutbox[-1].subject


def test_reset_answers_the_same_for_nobody(client, patient_user):
    known = client.post("/password/forgot", {"email": patient_user.email})
    unknown = client.post("/password/forgot", {"email": "nobody@example.org"})
    assert body_of(known) == body_of(unknown)


def test_reset_does_not_pass_the_factor(client, agent, mailoutbox):
    """A8."""
    from tests.portal.test_factors import authenticator_of

    authenticator_of(agent)
    ask_reset(client, agent, "/staff/password/forgot")
    token = path_in(mailoutbox[-1]).partition("token=")[2]
    client.post("/password/new", {"token": token, "password": "another long password"})
    post_sign_in(client, agent.email, "another long password", "/staff/sign-in")
    assert client.get("/security").url.startswith("/sign-in/factor")


def test_change_of_password_ends_the_others_and_renews_mine(patient_user):
    mine, other = signed_in(patient_user), signed_in(patient_user)
    before = mine.session.session_key
    response = mine.post("/security/password", {"password": "another long password"})
    assert response.url == "/security"
    assert mine.session.session_key != before
    assert mine.get("/security").status_code == 200
    assert other.get("/security").status_code == 302


def test_change_of_password_wants_a_fresh_proof(patient_user):
    patient_user = factories.with_password(patient_user)
    client = signed_in(patient_user, proved=False)
    response = client.get("/security/password")
    assert response.url == "/prove?next=%2Fsecurity%2Fpassword"
    assert client.post("/prove", {"password": "wrong", "next": "/security/password"}).status_code == 200
    assert (
        client.post("/prove", {"password": PASSWORD, "next": "/security/password"}).url
        == "/security/password"
    )
    assert client.get("/security/password").status_code == 200


def test_change_of_address_is_confirmed_and_told_to_the_old_one(patient_user, mailoutbox):
    old = patient_user.email
    client = signed_in(patient_user)
    client.post("/security/email", {"email": "brand-new@example.org"})
    account_mail.send_due()
    assert [letter.to for letter in mailoutbox] == [[old], ["brand-new@example.org"]]
    path = path_in(mailoutbox[-1])
    patient_user.refresh_from_db()
    assert patient_user.email == old
    browser = Client()
    assert browser.get(path).status_code == 200
    patient_user.refresh_from_db()
    assert patient_user.email == old
    browser.post("/security/email/confirm", {"token": path.partition("token=")[2]})
    patient_user.refresh_from_db()
    assert patient_user.email == "brand-new@example.org"
    account_mail.send_due()
    assert mailoutbox[-1].to == [old]


def test_taken_address_is_not_told(patient_user, mailoutbox):
    """Nor is whoever asks: their own mailbox hears the same as with an address that is free."""
    taken = factories.patient_user()
    response = signed_in(patient_user).post("/security/email", {"email": taken.email})
    account_mail.send_due()
    assert response.status_code == 200
    assert [letter.to for letter in mailoutbox] == [[patient_user.email]]
    assert "another" in mailoutbox[0].body


def test_letter_is_sent_once_and_forgets_its_address(patient_user, mailoutbox):
    account_mail.tell(patient_user, "password_changed")
    assert account_mail.send_due() == 1
    assert account_mail.send_due() == 0
    assert len(mail.outbox) == 1


def test_letters_are_in_the_persons_language(patient_user, mailoutbox):
    patient_user.language = "es"
    patient_user.save()
    account_mail.tell(patient_user, "password_changed")
    account_mail.send_due()
    assert mailoutbox[0].to == [patient_user.email]


def test_wrong_password_again_is_limited(patient_user):
    client = signed_in(patient_user, proved=False)
    for _ in range(sign_in.PASSWORDS_PER_PERSON.tries):
        client.post("/prove", {"password": "wrong"})
    response = client.post("/prove", {"password": PASSWORD})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
