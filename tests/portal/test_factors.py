"""Second factors: enrolment, use, loss and reset (R-SEC-3)."""

import base64
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django_otp.oath import TOTP

from config.security import crypto
from portal import account_mail, factors, sessions
from portal.access import ROLES, STAFF_ROLES
from portal.models import AccessEntry, RecoveryCode, TotpDevice, UserSession
from tests import factories
from tests.factories import PASSWORD
from tests.people import signed_in

pytestmark = pytest.mark.django_db
SECRET = base64.b32encode(b"12345678901234567890").decode()
NOON = datetime(2026, 11, 2, 12, 0, 10, tzinfo=UTC)


def authenticator_of(user, secret=SECRET):
    return TotpDevice.objects.create(user=user, name="app", secret=secret)


def code_at(moment, secret=SECRET):
    clock = TOTP(base64.b32decode(secret), 30)
    clock.time = moment.timestamp()
    return f"{clock.token():06d}"


@pytest.fixture
def agent():
    return factories.with_password(factories.UserFactory(roles=["agent"]))


@pytest.fixture
def enrolled(agent):
    authenticator_of(agent)
    return agent


def by_password(user, page="/staff/sign-in"):
    client = Client()
    client.post(page, {"email": user.email, "password": PASSWORD})
    return client


def test_staff_without_factor_reach_nothing_but_enrolment(agent):
    """A5."""
    client = by_password(agent)
    for page in ("/security", "/console/", "/admin/"):
        assert client.get(page).url.startswith("/security/factors/new"), page
    assert client.get("/security/factors/new").status_code == 200


def test_enrolment_then_codes_once_then_everything(agent):
    with time_machine.travel(NOON, tick=False) as clock:
        client = by_password(agent)
        page = client.get("/security/factors/new").content.decode()
        secret = re.search(r"<code[^>]*>([A-Z2-7]+)</code>", page).group(1)
        shown = client.post("/security/factors/new", {"code": code_at(NOON, secret)}).content.decode()
        codes = re.findall(r"<li>([A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4})</li>", shown)
        assert len(codes) == 10
        assert client.get("/security").status_code == 200
        clock.shift(60)
        assert not any(code in client.get("/security").content.decode() for code in codes)


def test_wrong_code_enrols_nothing(agent):
    client = by_password(agent)
    client.get("/security/factors/new")
    assert client.post("/security/factors/new", {"code": "000000"}).status_code == 200
    assert not factors.has_factor(agent)


def test_secret_in_hand_is_sealed_and_the_browsers_own(agent):
    client, other = by_password(agent), by_password(agent)
    shown = [
        re.search(r"<code[^>]*>([A-Z2-7]+)</code>", one.get("/security/factors/new").content.decode()).group(
            1
        )
        for one in (client, client, other)
    ]
    assert shown[0] == shown[1] != shown[2]
    assert shown[0] not in str(dict(client.session))
    assert not TotpDevice.objects.exists()


def test_an_enrolment_whose_key_left_the_ring_begins_anew(agent, settings):
    client = by_password(agent)
    kept = settings.MASTER_KEYS
    settings.MASTER_KEYS = f"gone:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    held = crypto.seal("enrolment", SECRET.encode(), f"enrolment of {agent.pk}".encode()).decode()
    settings.MASTER_KEYS = kept
    session = client.session
    session["enrolment"] = held
    session.save()
    assert client.get("/security/factors/new").status_code == 200
    assert client.session["enrolment"] != held


def test_patients_are_offered_not_forced():
    user = factories.with_password(factories.patient_with_user().user)
    client = by_password(user, "/sign-in")
    assert client.get("/security").status_code == 200
    assert client.get("/security/factors/new").status_code == 200


def test_patient_with_a_factor_gives_it():
    user = factories.with_password(factories.patient_with_user().user)
    authenticator_of(user)
    client = by_password(user, "/sign-in")
    assert client.get("/security").url.startswith("/sign-in/factor")


def test_code_opens_with_a_new_session_id(enrolled):
    with time_machine.travel(NOON, tick=False):
        client = by_password(enrolled)
        before = client.session.session_key
        assert client.post("/sign-in/factor", {"code": code_at(NOON), "next": "/security"}).url == "/security"
        assert client.session.session_key != before
        assert client.get("/security").status_code == 200
    assert UserSession.objects.get().factor_at


def test_old_session_id_is_dead_after_the_factor(enrolled):
    with time_machine.travel(NOON, tick=False):
        client, thief = by_password(enrolled), Client()
        thief.cookies = client.cookies.copy()
        client.post("/sign-in/factor", {"code": code_at(NOON)})
        assert thief.get("/security").url.startswith("/sign-in")


def test_code_is_good_once(enrolled):
    """A6."""
    with time_machine.travel(NOON, tick=False):
        assert factors.check_code(enrolled.totpdevice_set.get(), code_at(NOON))
        assert not factors.check_code(enrolled.totpdevice_set.get(), code_at(NOON))


def test_earlier_code_is_dead_after_a_later_one(enrolled):
    device = enrolled.totpdevice_set.get()
    with time_machine.travel(NOON, tick=False):
        assert factors.check_code(device, code_at(NOON))
        assert not factors.check_code(device, code_at(NOON - timedelta(seconds=30)))


@pytest.mark.parametrize(("seconds", "good"), [(-65, False), (-30, True), (0, True), (30, True), (65, False)])
def test_window_is_one_step(enrolled, seconds, good):
    with time_machine.travel(NOON, tick=False):
        code = code_at(NOON + timedelta(seconds=seconds))
        assert factors.check_code(enrolled.totpdevice_set.get(), code) is good


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "\x00", "-00001"])
def test_odd_codes_are_wrong_and_no_error(enrolled, code):
    assert not factors.check_code(enrolled.totpdevice_set.get(), code)


def test_codes_are_tried_against_the_chosen_device_alone(enrolled):
    other = authenticator_of(enrolled, base64.b32encode(b"another secret 12345").decode())
    with time_machine.travel(NOON, tick=False):
        assert factors.give_code(enrolled, code=code_at(NOON), ref=other.ref) is None
    assert TotpDevice.objects.get(pk=other.pk).last_step == 0


@pytest.mark.parametrize("named", ["x", "\0", "a\0b"])
def test_a_device_that_cannot_be_one_is_a_wrong_code(enrolled, named):
    with time_machine.travel(NOON, tick=False):
        client = by_password(enrolled)
        assert client.post("/sign-in/factor", {"code": code_at(NOON), "device": named}).status_code == 200
        assert client.get("/security").url.startswith("/sign-in")


def test_device_of_somebody_else_proves_nothing(enrolled):
    other = factories.UserFactory(roles=["agent"])
    with time_machine.travel(NOON, tick=False):
        assert factors.give_code(other, code=code_at(NOON), ref=enrolled.totpdevice_set.get().ref) is None


def test_codes_are_limited(enrolled):
    with time_machine.travel(NOON, tick=False) as clock:
        client = by_password(enrolled)
        for _ in range(5):
            assert client.post("/sign-in/factor", {"code": "000000"}).status_code == 200
        assert client.post("/sign-in/factor", {"code": code_at(NOON)}).status_code == 429
        clock.shift(301)
        assert (
            client.post("/sign-in/factor", {"code": code_at(NOON + timedelta(seconds=301))}).status_code
            == 302
        )


@pytest.mark.django_db(transaction=True)
def test_code_is_good_once_for_many_at_once(enrolled):
    device = enrolled.totpdevice_set.get()

    def give(_):
        try:
            return factors.check_code(device, code)
        finally:
            connection.close()

    code = factors.code_now(SECRET)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(give, range(8))) == 1


def test_secret_is_sealed(enrolled):
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM portal_totpdevice")
        assert SECRET not in str(cursor.fetchone())


# --- recovery codes --------------------------------------------------------------------------------------


def test_recovery_code_opens_once_and_tells(enrolled, mailoutbox):
    """A7."""
    codes = factors.renew_recovery_codes(enrolled)
    client = by_password(enrolled)
    assert client.post("/sign-in/recovery", {"code": codes[3].lower()}).url == "/security"
    assert client.get("/security").status_code == 200
    again = by_password(enrolled)
    assert again.post("/sign-in/recovery", {"code": codes[3]}).status_code == 200
    account_mail.send_due()
    assert any("recovery code was used" in letter.subject for letter in mailoutbox)


def test_recovery_codes_are_hashed(enrolled):
    codes = factors.renew_recovery_codes(enrolled)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM portal_recoverycode")
        stored = str(cursor.fetchall())
    assert not any(code in stored or code[5:] in stored for code in codes)
    assert RecoveryCode.objects.first().code_hash.startswith("argon2")


def test_new_recovery_codes_void_the_old(enrolled):
    old = factors.renew_recovery_codes(enrolled)
    factors.renew_recovery_codes(enrolled)
    assert factors.give_recovery_code(enrolled, code=old[0]) is None


def test_recovery_code_of_another_opens_nothing(enrolled):
    other = factories.UserFactory(roles=["agent"])
    assert factors.give_recovery_code(other, code=factors.renew_recovery_codes(enrolled)[0]) is None


# --- change, loss and reset --------------------------------------------------------------------------------


def test_adding_a_factor_wants_the_first_one(enrolled):
    """Password alone does not enrol another factor beside the one that is owed."""
    client = by_password(enrolled)
    assert client.get("/security/factors/new").url.startswith("/sign-in/factor")
    answer = client.post("/security/passkeys/begin", content_type="application/json")
    assert answer.status_code == 403
    assert client.post("/security/factors/new", {"code": "123456"}).url.startswith("/sign-in/factor")
    assert TotpDevice.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "page"),
    [
        ("get", "/security/factors/new"),
        ("post", "/security/recovery-codes"),
        ("post", "/security/passkeys/begin"),
    ],
)
def test_changes_want_a_fresh_proof(enrolled, method, page):
    """S7."""
    client = signed_in(enrolled, proved=False)
    assert getattr(client, method)(page).url.startswith("/prove")


def test_proof_by_code_for_whoever_has_a_factor(enrolled):
    client = signed_in(enrolled, proved=False)
    assert client.post("/prove", {"password": PASSWORD}).status_code == 200
    with time_machine.travel(datetime.now(UTC), tick=False):
        code = factors.code_now(SECRET)
        assert client.post("/prove", {"code": code, "next": "/security/password"}).status_code == 302
    assert client.get("/security/password").status_code == 200


def test_staff_keep_their_last_factor(enrolled):
    device = enrolled.totpdevice_set.get()
    client = signed_in(enrolled)
    client.post(f"/security/factors/authenticator/{device.pk}/remove")
    assert TotpDevice.objects.filter(pk=device.pk).exists()
    authenticator_of(enrolled)
    client.post(f"/security/factors/authenticator/{device.pk}/remove")
    assert not TotpDevice.objects.filter(pk=device.pk).exists()


def test_factor_of_somebody_else_can_not_be_removed(enrolled):
    other = signed_in(factories.UserFactory(roles=["agent"]))
    device = enrolled.totpdevice_set.get()
    assert other.post(f"/security/factors/authenticator/{device.pk}/remove").status_code == 404
    assert TotpDevice.objects.filter(pk=device.pk).exists()


def test_patient_may_remove_theirs_and_is_told(mailoutbox):
    user = factories.patient_with_user().user
    device = authenticator_of(user)
    signed_in(user).post(f"/security/factors/authenticator/{device.pk}/remove")
    account_mail.send_due()
    assert not factors.has_factor(user)
    assert "removed" in mailoutbox[-1].subject


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_may_reset_a_factor(enrolled, role):
    realm = "staff" if role in STAFF_ROLES else "patient"
    actor = factories.UserFactory(realm=realm, roles=[role])
    if role in {"supervisor", "administrator"}:
        factors.reset(actor, user=enrolled, reason="Lost telephone, seen in person")
        assert not factors.has_factor(enrolled)
    else:
        with pytest.raises(PermissionDenied):
            factors.reset(actor, user=enrolled, reason="Lost telephone, seen in person")


def test_nobody_resets_their_own(enrolled):
    """A8: it takes a second person."""
    supervisor = factories.UserFactory(roles=["supervisor"])
    authenticator_of(supervisor)
    with pytest.raises(PermissionDenied):
        factors.reset(supervisor, user=supervisor, reason="Lost it")
    assert factors.has_factor(supervisor)


@pytest.mark.parametrize("role", ["supervisor", "administrator"])
def test_nobody_resets_or_signs_out_who_stands_as_high(role):
    """R-SEC-3: what a supervisor may not give, they may not shut out of their account either."""
    supervisor, other = factories.UserFactory(roles=["supervisor"]), factories.UserFactory(roles=[role])
    authenticator_of(other)
    with pytest.raises(PermissionDenied):
        factors.reset(supervisor, user=other, reason="Lost telephone, seen in person")
    with pytest.raises(PermissionDenied):
        sessions.end_of(supervisor, user=other)
    assert factors.has_factor(other)
    factors.reset(factories.UserFactory(roles=["administrator"]), user=other, reason="Seen in person")
    assert not factors.has_factor(other)


def test_reset_ends_sessions_and_wants_the_mailed_code(enrolled, mailoutbox):
    """Loss of a factor, whole: reset by a second person, code by mail, a new factor."""
    live = signed_in(enrolled)
    factors.reset(factories.UserFactory(roles=["supervisor"]), user=enrolled, reason="Seen in person")
    assert live.get("/security").url.startswith("/sign-in")
    account_mail.send_due()
    code = next(
        re.search(r"\b\d{8}\b", one.body).group() for one in mailoutbox if re.search(r"\b\d{8}\b", one.body)
    )
    client = by_password(enrolled)
    assert "QR" not in client.get("/security/factors/new").content.decode()
    assert client.post("/security/passkeys/begin", content_type="application/json").status_code == 403
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    client.post("/security/factors/new", {"code": wrong})
    assert "QR" not in client.get("/security/factors/new").content.decode()
    client.post("/security/factors/new", {"code": code})
    assert "QR" in client.get("/security/factors/new").content.decode()
    assert AccessEntry.objects.filter(what="factors reset").exists()


def test_patients_reset_is_proved_again_by_invitation(mailoutbox):
    patient = factories.patient_with_user()
    user = factories.with_password(patient.user)
    authenticator_of(user)
    factors.reset(factories.UserFactory(roles=["supervisor"]), user=user, reason="Lost telephone")
    user.refresh_from_db()
    assert not user.has_usable_password()
    account_mail.send_due()
    letter = next(one for one in mailoutbox if "invitation" in one.subject)
    assert letter.to == [patient.email]
    token = letter.body.partition("token=")[2].split()[0]
    known = {"last_name": "Testperson", "birth_date": "1961-04-12", "password": "another long password"}
    response = Client().post("/invitation", {"token": token, **known})
    assert response.status_code == 302
    user.refresh_from_db()
    assert user.check_password("another long password")
