"""Sessions: idle and absolute time, ends of every kind, sockets included (R-SEC-3)."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from portal import people, sessions
from portal.models import UserSession
from tests import factories
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent():
    return factories.UserFactory(roles=["agent"])


def at(**ahead):
    return time_machine.travel(timezone.now() + timedelta(**ahead), tick=False)


@pytest.mark.parametrize("realm", ["staff", "patient"])
def test_idle_for_15_minutes_is_out(realm, agent):
    user = agent if realm == "staff" else factories.patient_with_user().user
    client = signed_in(user)
    with at(minutes=14, seconds=59):
        assert client.get("/session/clock").status_code == 200
    with at(minutes=15, seconds=1):
        assert client.get("/security").url.startswith("/")
    assert UserSession.objects.get().ended_by == "idle"


def test_use_keeps_it_open(agent):
    client = signed_in(agent)
    for minutes in (10, 20, 30, 40):
        with at(minutes=minutes):
            assert client.get("/security").status_code == 200


@pytest.mark.parametrize("page", ["/session/clock", "/session/clock?extend=1&skip_timeout_reset=1"])
def test_polls_do_not_keep_it_open(agent, page):
    """S2: asking for the clock, with whatever parameter, neither extends nor bypasses."""
    client = signed_in(agent)
    for minutes in (5, 10, 14):
        with at(minutes=minutes):
            assert client.get(page, headers={"accept": "application/json"}).status_code == 200
    with at(minutes=15, seconds=1):
        assert client.get(page, headers={"accept": "application/json"}).status_code == 401


def test_stay_extends(agent):
    client = signed_in(agent)
    with at(minutes=14):
        assert client.post("/session/extend").status_code == 204
    with at(minutes=28):
        assert client.get("/security").status_code == 200


def test_clock_tells_what_is_left(agent):
    client = signed_in(agent)
    with at(minutes=10):
        told = client.get("/session/clock").json()
    assert 298 <= told["seconds_left"] <= 300
    assert told["warn_at"] == 60
    assert told["absolute_seconds_left"] > 11 * 3600


def test_twelve_hours_are_the_most(agent):
    """However busily it is used."""
    client = signed_in(agent)
    for minutes in range(10, 12 * 60, 10):
        with at(minutes=minutes):
            client.post("/session/extend")
    with at(hours=12, seconds=1):
        assert client.get("/session/clock", headers={"accept": "application/json"}).status_code == 401


def test_twelve_hours_are_the_most_on_record_too(agent):
    """What the browser's cookie says does not matter."""
    now = timezone.now()
    session = UserSession(user=agent, last_used_at=now, started_at=now - timedelta(hours=12))
    assert sessions.over(session) == "absolute"


def test_script_hears_where_to_sign_in(client):
    answer = client.get("/session/clock", headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["error"]["url"].startswith("/sign-in?next=")


def test_htmx_is_sent_there_by_header(client):
    answer = client.get("/console/", headers={"hx-request": "true"})
    assert answer.headers["HX-Redirect"].startswith("/staff/sign-in?next=")


def test_session_without_record_opens_nothing(agent):
    client = signed_in(agent)
    UserSession.objects.all().delete()
    assert client.get("/security").status_code == 302


def test_list_and_end_own(agent):
    """S5."""
    mine, other, third = (signed_in(agent) for _ in range(3))
    page = mine.get("/security").content.decode()
    assert page.count("Test browser") == 3
    ref = UserSession.objects.get(key_digest=sessions.digest_of(other.session.session_key)).ref
    mine.post(f"/security/sessions/{ref}/end")
    assert other.get("/security").status_code == 302
    assert third.get("/security").status_code == 200
    mine.post("/security/sessions/others/end")
    assert third.get("/security").status_code == 302
    assert mine.get("/security").status_code == 200


def test_session_of_somebody_else_is_not_there(agent):
    other = factories.UserFactory(roles=["agent"])
    signed_in(other)
    ref = UserSession.objects.get(user=other).ref
    assert signed_in(agent).post(f"/security/sessions/{ref}/end").status_code == 404
    assert UserSession.objects.get(user=other).ended_at is None


def test_supervisor_ends_somebodys(agent):
    client = signed_in(agent)
    sessions.end_of(factories.UserFactory(roles=["supervisor"]), user=agent)
    assert client.get("/security").status_code == 302


def test_agent_ends_nobodys(agent):
    with pytest.raises(PermissionDenied):
        sessions.end_of(agent, user=factories.UserFactory(roles=["agent"]))


@pytest.mark.parametrize("act", ["deactivate", "drop", "grant"])
def test_change_of_rights_ends_sessions(agent, act):
    """S4, and S1 for a change of rights."""
    client, chief = signed_in(agent), factories.UserFactory(roles=["administrator"])
    if act == "deactivate":
        people.deactivate(chief, user=agent)
    elif act == "drop":
        people.drop_role(chief, user=agent, role="agent")
    else:
        people.grant_role(chief, user=agent, role="billing")
    assert client.get("/security").url.startswith("/sign-in")


def test_role_that_ran_out_acts_at_once(agent):
    client = signed_in(agent)
    grant = agent.role_grants.get()
    grant.expires_at = timezone.now() + timedelta(minutes=5)
    grant.save()
    with at(minutes=6):
        assert client.get("/security").status_code == 403
