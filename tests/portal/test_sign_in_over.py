"""Signing in where a browser is signed in already: one session ends, and another begins (R-SEC-3)."""

from datetime import timedelta

import pytest
from django.contrib.auth import login
from django.test import Client, RequestFactory
from django.utils import timezone

from portal import doors, invitations, sessions
from portal.access import Door
from portal.models import AccessEntry, UserSession
from portal.sign_in import BACKEND
from tests import factories
from tests.factories import PASSWORD
from tests.passkey import Passkey
from tests.people import signed_in
from tests.portal import test_invitations, test_registration
from tests.portal.test_factors import authenticator_of, by_password
from tests.portal.test_passkeys import add, give

pytestmark = pytest.mark.django_db
PATIENTS = Door("portal.use", frozenset({"patient"}))
LONG = "another long password"


def somebody():
    return factories.with_password(factories.patient_with_user().user)


def staff(role="supervisor"):
    return factories.with_password(factories.UserFactory(roles=[role]))


def session_of(client):
    return sessions.by_key(client.session.session_key)


def by_sign_in(client, mailoutbox):
    user = somebody()
    assert client.post("/sign-in", {"email": user.email, "password": PASSWORD}).status_code == 302
    return user


def by_invitation(client, mailoutbox):
    patient = factories.PatientFactory()
    invitations.invite_patient(factories.UserFactory(roles=["supervisor"]), patient=patient)
    token = test_invitations.token_of(mailoutbox)
    given = {"token": token, "last_name": patient.last_name, "birth_date": "1961-04-12", "password": LONG}
    assert client.post("/invitation", given).status_code == 302
    patient.refresh_from_db()
    return patient.user


def by_registration(client, mailoutbox):
    patient = factories.PatientFactory()
    test_registration.begin(patient, client)
    given = {"code": test_registration.code_in(mailoutbox), "password": LONG}
    assert client.post("/register/code", given).status_code == 302
    patient.refresh_from_db()
    return patient.user


def by_passkey(client, mailoutbox):
    user, passkey = somebody(), Passkey()
    assert add(by_password(user, "/sign-in"), passkey).status_code == 200
    assert give(client, passkey, "/sign-in/passkey").status_code == 200
    return user


WAYS = [by_sign_in, by_invitation, by_registration, by_passkey]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("half", [False, True])
def test_the_next_person_is_in_and_the_one_before_is_out(way, half, mailoutbox):
    """By every way in, and also where the one before still owed the second factor."""
    before = somebody()
    if half:
        authenticator_of(before)
    client = by_password(before, "/sign-in")
    old = session_of(client)
    user = way(client, mailoutbox)
    assert session_of(client).user == user
    assert client.get("/session/clock").status_code == 200
    old.refresh_from_db()
    assert old.ended_by == "sign-out"
    assert not sessions.own(before).exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_browser_without_a_session_stays_nobody(way, mailoutbox):
    """Were a session filed under no key, every socket without a cookie would be its owner."""
    way(by_password(somebody(), "/sign-in"), mailoutbox)
    assert sessions.by_key(None) is sessions.by_key("") is None
    assert doors.enter({"session": None}, PATIENTS) is None
    assert doors.enter({}, PATIENTS) is None


def test_no_key_has_no_digest():
    for nothing in (None, ""):
        with pytest.raises(ValueError):
            sessions.digest_of(nothing)


def test_a_key_is_there_before_the_session_is_filed():
    """Also where Django's own sign-in threw the key away and made no other."""
    first, second = somebody(), somebody()
    request = RequestFactory().get("/")
    request.session = signed_in(first).session
    login(request, second, backend=BACKEND)
    assert sessions.by_key(request.session.session_key).user == second


def test_sockets_of_the_one_before_hear_of_it(django_capture_on_commit_callbacks):
    before, user = somebody(), somebody()
    client = by_password(before, "/sign-in")
    old, heard = session_of(client), []

    def hear(sender, user_id, session_ids, **_):
        heard.append((user_id, session_ids))

    sessions.sessions_ended.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            client.post("/sign-in", {"email": user.email, "password": PASSWORD})
    finally:
        sessions.sessions_ended.disconnect(hear)
    assert heard == [(before.pk, [old.pk])]
    assert doors.still_open([old.pk]) == set()


def test_the_trail_tells_the_two_apart():
    before, user = somebody(), somebody()
    client = by_password(before, "/sign-in")
    old = session_of(client)
    client.post("/sign-in", {"email": user.email, "password": PASSWORD})
    out, entered = AccessEntry.objects.filter(kind__in=["sign_out", "sign_in"]).order_by("pk")[1:]
    assert (out.kind, out.actor_id, out.session) == ("sign_out", before.pk, str(old.ref))
    assert (entered.kind, entered.actor_id) == ("sign_in", user.pk)
    assert entered.session == str(session_of(client).ref)


def test_a_wrong_password_ends_nothing():
    client = by_password(somebody(), "/sign-in")
    client.post("/sign-in", {"email": somebody().email, "password": "wrong"})
    assert client.get("/session/clock").status_code == 200


def test_again_is_a_session_of_its_own_that_owes_the_factor():
    """The password alone renews neither the proof nor the twelve hours of a session that gave a factor."""
    user = staff()
    authenticator_of(user)
    client = signed_in(user, proved=False)
    old = session_of(client)
    UserSession.objects.filter(pk=old.pk).update(started_at=timezone.now() - timedelta(hours=11))
    key = client.session.session_key
    client.post("/staff/sign-in", {"email": user.email, "password": PASSWORD})
    assert client.session.session_key != key
    assert session_of(client).pk != old.pk
    assert session_of(client).factor_at is None
    for page in ("/security/password", "/console/"):
        assert client.get(page).url.startswith("/sign-in/factor")
    old.refresh_from_db()
    assert old.ended_at is not None


def test_again_without_a_factor_goes_on():
    user = somebody()
    client = by_password(user, "/sign-in")
    client.post("/sign-in", {"email": user.email, "password": PASSWORD})
    assert client.get("/session/clock").status_code == 200
    assert sessions.own(user).count() == 1


def test_again_by_the_passkey_is_a_new_session_too():
    user, passkey = staff(), Passkey()
    client = by_password(user)
    assert add(client, passkey).status_code == 200
    old = session_of(client)
    assert give(client, passkey, "/sign-in/passkey").status_code == 200
    assert session_of(client).pk != old.pk
    assert client.get("/security").status_code == 200
    assert Client().get("/security").status_code == 302
