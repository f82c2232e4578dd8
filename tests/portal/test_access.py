"""Who may do what, and what goes round every request (R-SEC-3, L1, L2, W5)."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from config.integrations.breaker import PartnerDown
from config.security import audit
from portal import access, account_mail, caregivers, people
from portal.access import PERMISSIONS, ROLES, System, allowed, may_grant, require
from portal.models import AccessEntry, AccountMail, RoleGrant, User
from tests import factories
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator():
    return factories.UserFactory(roles=["administrator"])


def holder(role):
    realm = "staff" if role in access.STAFF_ROLES else "patient"
    return factories.UserFactory(realm=realm, roles=[role])


def test_every_permission_is_held_by_roles_there_are():
    assert all(holders and holders <= set(ROLES) for holders in PERMISSIONS.values())


@pytest.mark.parametrize("role", sorted(ROLES))
def test_role_holds_what_the_table_says_and_no_more(role):
    user = holder(role)
    assert {name for name in PERMISSIONS if allowed(user, name)} == {
        n for n, who in PERMISSIONS.items() if role in who
    }


def test_unknown_permission_is_a_mistake():
    with pytest.raises(KeyError):
        allowed(factories.UserFactory(roles=["agent"]), "cases.wrok")


def test_nobody_holds_nothing():
    assert not any(allowed(AnonymousUser(), name) for name in PERMISSIONS)
    assert not any(allowed(factories.UserFactory(), name) for name in PERMISSIONS)


def test_closed_account_holds_nothing():
    user = factories.UserFactory(roles=["administrator"], is_active=False)
    assert not any(allowed(user, name) for name in PERMISSIONS)


def test_role_that_ran_out_is_not_held():
    user = factories.UserFactory()
    RoleGrant.objects.create(user=user, role="agent", expires_at=timezone.now() - timedelta(seconds=1))
    assert not allowed(user, "console.use")


def test_staff_role_in_the_patients_realm_is_worth_nothing():
    """A grant that should not be there opens nothing."""
    user = factories.patient_user()
    RoleGrant.objects.create(user=user, role="administrator")
    assert user.role_names() == {"patient"}


def test_object_must_be_within_reach():
    mine, other = factories.patient_with_user(), factories.patient_with_user()
    assert allowed(mine.user, "portal.use", mine)
    assert not allowed(mine.user, "portal.use", other)
    with pytest.raises(PermissionDenied):
        require(mine.user, "portal.use", other)


def test_system_may():
    assert allowed(System("sweeper"), "records.export")


# --- roles ----------------------------------------------------------------------------


def test_nobody_changes_their_own_roles(administrator):
    for act in (people.grant_role, people.drop_role):
        with pytest.raises(PermissionDenied):
            act(administrator, user=administrator, role="auditor")
    with pytest.raises(PermissionDenied):
        people.deactivate(administrator, user=administrator)


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"administrator", "supervisor"}))
def test_only_those_above_change_roles(role):
    target = factories.UserFactory(roles=["agent"])
    with pytest.raises(PermissionDenied):
        people.grant_role(holder(role), user=target, role="lead")
    with pytest.raises(PermissionDenied):
        people.drop_role(holder(role), user=target, role="agent")


@pytest.mark.parametrize("above", ["supervisor", "auditor", "administrator"])
def test_a_supervisor_touches_nobody_who_stands_as_high(above):
    target = factories.UserFactory(roles=[above])
    for act in (
        lambda: people.deactivate(holder("supervisor"), user=target),
        lambda: people.grant_role(holder("supervisor"), user=target, role="agent"),
        lambda: people.drop_role(holder("supervisor"), user=target, role=above),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_role_is_given_and_taken(administrator):
    user = factories.UserFactory(roles=["agent"])
    people.grant_role(administrator, user=user, role="coach")
    assert User.objects.get(pk=user.pk).role_names() == {"agent", "coach"}
    assert people.drop_role(administrator, user=user, role="agent")
    assert not people.drop_role(administrator, user=user, role="agent")
    assert User.objects.get(pk=user.pk).role_names() == {"coach"}
    assert RoleGrant.objects.get(user=user).granted_by == administrator


def test_customers_get_no_staff_role(administrator):
    with pytest.raises(PermissionDenied):
        people.grant_role(administrator, user=factories.patient_user(), role="agent")


def test_nobody_grants_as_high_as_they_stand():
    supervisor = factories.UserFactory(roles=["supervisor"])
    assert may_grant(supervisor, "lead")
    assert not any(
        may_grant(supervisor, role) for role in ("supervisor", "auditor", "administrator", "patient")
    )
    assert not may_grant(factories.UserFactory(roles=["lead"]), "agent")


def test_closed_and_opened_again(administrator, mailoutbox):
    user = factories.with_password(factories.UserFactory(roles=["agent"]))
    people.deactivate(administrator, user=user)
    account_mail.send_due()
    assert "closed" in mailoutbox[-1].subject
    assert User.objects.get(pk=user.pk).deactivated_at
    people.reactivate(administrator, user=user)
    assert User.objects.get(pk=user.pk).is_active


def test_sender_is_matched_where_there_is_one_alone():
    patient = factories.PatientFactory(phone="(512) 555-0177")
    assert people.match_sender(email=patient.email.upper()) == patient
    assert people.match_sender(phone="+1 512 555 0177") == patient
    assert people.match_sender(email="nobody@example.org") is None
    assert people.match_sender() is None
    factories.PatientFactory(email=patient.email)
    assert people.match_sender(email=patient.email) is None


def test_first_administrator_is_invited_by_command():
    told = StringIO()
    call_command("invite_administrator", "ada@example.org", "--print", stdout=told)
    path = told.getvalue().strip().partition("/invitation")[2]
    client = Client()
    known = {"token": path.partition("token=")[2], "name": "Ada", "password": "another long password"}
    assert client.post("/invitation", known).status_code == 302
    assert User.objects.get().role_names() == {"administrator"}
    assert client.get("/admin/").url.startswith("/security/factors/new")


def test_fresh_installation_has_nobody():
    """A13: no default accounts."""
    assert not User.objects.exists()


# --- what goes round every request ----------------------------


def test_trail_knows_who_from_where_and_in_which_request():
    agent = factories.UserFactory(roles=["technician"])
    client = signed_in(agent)
    response = client.get("/console/", REMOTE_ADDR="10.8.8.8", HTTP_X_FORWARDED_FOR="6.6.6.6")
    assert response.status_code == 403
    entry = AccessEntry.objects.get(kind="denied")
    assert (entry.actor, entry.remote_addr, entry.realm) == (agent, "10.8.8.8", "staff")
    assert entry.cid == response.headers["X-Request-ID"]
    assert entry.session == str(agent.user_sessions.get().ref)


def test_request_id_is_our_own():
    response = Client().get("/sign-in", HTTP_X_REQUEST_ID="forged")
    assert response.headers["X-Request-ID"] != "forged"


def test_context_does_not_leak_into_the_next_request():
    signed_in(factories.UserFactory(roles=["technician"])).get("/console/")
    assert audit.context.get() == audit.Context()


@pytest.fixture
def no_trail(monkeypatch):
    def fail(*args, **kwargs):
        raise audit.TrailUnavailable

    monkeypatch.setattr(audit, "write", fail)


def test_no_trail_no_sign_in(no_trail):
    """L5: what can't be put on the trail does not happen."""
    response = Client().post("/sign-in", {"email": "nobody@example.org", "password": "some long password"})
    assert response.status_code == 503
    assert response.headers["Retry-After"]


def test_no_trail_answers_scripts_with_json(no_trail):
    answer = Client().post(
        "/sign-in", {"email": "nobody@example.org", "password": "x"}, headers={"accept": "application/json"}
    )
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"


# --- letters ----------------------------------------------------------------------------


def test_letter_waits_while_the_mail_server_is_away(monkeypatch, mailoutbox):
    account_mail.tell(factories.patient_user(), "password_changed")

    def away(*args, **kwargs):
        raise PartnerDown("mail")

    with monkeypatch.context() as patch:
        patch.setattr("config.integrations.mail.send", away)
        assert account_mail.send_due() == 0
    assert AccountMail.objects.get().tries == 1
    assert account_mail.send_due() == 1


@pytest.mark.django_db(transaction=True)
def test_letter_waits_while_valkey_is_away(monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError

    monkeypatch.setattr("celery.app.base.Celery.send_task", away)
    account_mail.tell(factories.patient_user(), "password_changed")
    assert AccountMail.objects.filter(sent_at=None).count() == 1


@pytest.mark.parametrize("kind", sorted(account_mail.LETTERS))
def test_letters_hold_nothing_about_health(kind, mailoutbox):
    """D2, R-SHIP-3: no name, no record, no more than what happened."""
    patient = factories.patient_with_user()
    account_mail.tell(patient.user, kind, to="x@example.org")
    account_mail.send_due()
    text = mailoutbox[-1].subject + mailoutbox[-1].body
    for told in (patient.first_name, patient.last_name, patient.account_number, "1961", patient.email):
        assert told not in text


def test_caregivers_change_of_scope_acts_at_once():
    patient = factories.patient_with_user()
    caregiver = factories.caregiver_of(patient, "everything")
    client = signed_in(caregiver.user)
    caregivers.change(patient.user, caregiver=caregiver, scopes=["deliveries"], expires_at=None)
    assert client.get("/session/clock").status_code == 302
    caregiver.refresh_from_db()
    assert not caregiver.may("billing")
