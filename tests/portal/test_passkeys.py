"""Passkeys: added, used alone and as the second step, and refused where they are not right (R-SEC-3)."""

import pytest
from django.test import Client
from django_otp_webauthn.models import WebAuthnCredential

from portal import account_mail, factors
from portal.models import UserSession
from portal.views.factors import STATE
from tests import factories
from tests.passkey import PRESENT, VERIFIED, Passkey
from tests.people import signed_in
from tests.portal.test_factors import authenticator_of, by_password

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json", "headers": {"accept": "application/json"}}


@pytest.fixture
def agent():
    return factories.with_password(factories.UserFactory(roles=["agent"]))


def add(client, passkey):
    options = client.post("/security/passkeys/begin", {}, **JSON).json()
    return client.post("/security/passkeys", passkey.create(options), **JSON)


SECOND_STEP, FRONT_DOOR = "/sign-in/factor/passkey", "/sign-in/passkey"


def give(client, passkey, page=SECOND_STEP, query="", *, begun_at="", **how):
    options = client.post(f"{begun_at or page}/begin", {}, **JSON).json()
    return client.post(f"{page}{query}", passkey.get(options, **how), **JSON)


@pytest.fixture
def passkey(agent):
    passkey = Passkey()
    add(by_password(agent), passkey)
    return passkey


def test_staff_enrol_with_a_passkey(agent, mailoutbox):
    client = by_password(agent)
    assert client.get("/security").status_code == 302
    assert add(client, Passkey()).status_code == 200
    assert client.get("/security").status_code == 200
    account_mail.send_due()
    assert "factor was added" in mailoutbox[-1].subject


def test_the_first_passkey_comes_with_recovery_codes(agent):
    """As the first authenticator does: a lost one would keep them out."""
    client = by_password(agent)
    assert (
        'action="/security/recovery-codes" data-passkey-codes'
        in client.get("/security/factors/new").content.decode()
    )
    assert add(client, Passkey()).json()["wants_codes"] is True
    page = client.post("/security/recovery-codes", {"next": "/console/"}).content.decode()
    assert page.count("<li>") == factors.RECOVERY_CODES == factors.recovery_codes_left(agent)
    assert 'href="/console/"' in page
    assert add(client, Passkey()).json()["wants_codes"] is False


def test_passkey_as_the_second_step(agent, passkey):
    client = by_password(agent)
    before = client.session.session_key
    answer = give(client, passkey, query="?next=/security")
    assert answer.json()["redirect_url"] == "/security"
    assert client.session.session_key != before
    assert client.get("/security").status_code == 200


def test_passkey_alone_signs_in(agent, passkey):
    client = Client()
    answer = give(client, passkey, "/sign-in/passkey")
    assert answer.json()["redirect_url"] == "/console/"
    assert client.get("/security").status_code == 200
    assert UserSession.objects.filter(user=agent, factor_at__isnull=False).count() == 2


def test_front_door_wants_more_than_the_key_in_hand(agent, passkey):
    """Touch, face or PIN: the key alone is one factor."""
    assert give(Client(), passkey, FRONT_DOOR, flags=PRESENT).status_code >= 400


@pytest.mark.parametrize("role", ["patient", "agent"])
@pytest.mark.parametrize("flags", [PRESENT, PRESENT | VERIFIED])
def test_front_door_takes_nothing_begun_as_a_second_step(agent, passkey, role, flags):
    """A second step asks for the key alone, and whoever owes one is nobody at the front door."""
    mine = agent if role == "agent" else factories.with_password(factories.patient_user())
    authenticator_of(mine)
    client = by_password(mine, "/staff/sign-in" if role == "agent" else "/sign-in")
    before = UserSession.objects.count()
    answer = give(client, passkey, FRONT_DOOR, begun_at=SECOND_STEP, flags=flags)
    assert answer.status_code == 400
    assert client.get("/console/").status_code != 200
    assert UserSession.objects.count() == before


def test_front_door_takes_no_state_that_did_not_ask_for_verification(agent, passkey):
    client = Client()
    options = client.post(f"{FRONT_DOOR}/begin", {}, **JSON).json()
    held = client.session
    held[STATE]["require_user_verification"] = "yes"
    held.save()
    assert client.post(FRONT_DOOR, passkey.get(options), **JSON).status_code == 400
    assert client.get("/security").status_code == 302


def test_front_door_asks_whoever_is_signed_in_for_as_much(agent, passkey):
    """Else a key in hand would begin twelve hours anew."""
    client = signed_in(agent)
    assert client.post(f"{FRONT_DOOR}/begin", {}, **JSON).json()["userVerification"] == "required"
    assert give(client, passkey, FRONT_DOOR, flags=PRESENT).status_code >= 400
    assert give(client, passkey, FRONT_DOOR).status_code == 200
    assert client.get("/security").status_code == 200


def test_second_step_takes_nothing_begun_at_the_front_door(agent, passkey):
    client = by_password(agent)
    assert give(client, passkey, begun_at=FRONT_DOOR).status_code == 400
    assert give(client, passkey, flags=PRESENT).status_code == 200


def test_passkey_of_a_closed_account(agent, passkey):
    agent.is_active = False
    agent.save()
    client = Client()
    assert give(client, passkey, "/sign-in/passkey").status_code >= 400
    assert client.get("/security").status_code == 302


def test_passkey_of_somebody_else_is_no_second_step(agent, passkey):
    other = factories.with_password(factories.UserFactory(roles=["supervisor"]))
    authenticator_of(other)
    client = by_password(other)
    assert give(client, passkey).status_code >= 400
    assert client.get("/security").url.startswith("/sign-in/factor")


def test_answer_works_once(agent, passkey):
    client = Client()
    options = client.post("/sign-in/passkey/begin", {}, **JSON).json()
    answer = passkey.get(options)
    assert client.post("/sign-in/passkey", answer, **JSON).status_code == 200
    assert Client().post("/sign-in/passkey", answer, **JSON).status_code >= 400


def test_foreign_origin_is_refused(agent):
    passkey = Passkey(origin="https://evil.example")
    assert add(by_password(agent), passkey).status_code >= 400
    assert not WebAuthnCredential.objects.exists()


def test_passkey_proves_for_step_up(agent, passkey):
    client = signed_in(agent, proved=False)
    assert client.get("/security/password").url.startswith("/prove")
    give(client, passkey)
    assert client.get("/security/password").status_code == 200


def test_half_signed_in_adds_no_passkey(agent, passkey):
    """The password alone does not enrol another one beside it."""
    assert by_password(agent).post("/security/passkeys/begin", {}, **JSON).status_code == 403


def test_script_hears_where_to_prove(agent, passkey):
    answer = signed_in(agent, proved=False).post("/security/passkeys/begin", {}, **JSON)
    assert answer.status_code == 403
    assert answer.json()["error"]["url"].startswith("/prove")


def test_last_passkey_of_staff_stays(agent, passkey):
    held = factors.passkeys(agent).get()
    signed_in(agent).post(f"/security/factors/passkey/{held.pk}/remove")
    assert factors.has_factor(agent)


@pytest.mark.parametrize(
    "body", [{}, {"id": "x"}, [], {"id": "x", "rawId": "x", "type": "public-key", "response": {}}]
)
def test_nonsense_is_refused(body):
    client = Client()
    client.post("/sign-in/passkey/begin", {}, **JSON)
    assert 400 <= client.post("/sign-in/passkey", body, **JSON).status_code < 500
