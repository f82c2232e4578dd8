"""Sessions: idle and absolute time, ends of every kind, sockets included (R-SEC-3)."""

import asyncio
from datetime import timedelta

import pytest
import time_machine
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from config.security import consumers
from config.security.consumers import SessionGuard
from portal import people, sessions
from portal.access import Door
from portal.models import UserSession
from tests import factories
from tests.people import signed_in
from tests.sockets import Socket

pytestmark = pytest.mark.django_db
OURS = [(b"host", b"testserver"), (b"origin", b"http://testserver")]


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


# --- sockets ------------------------------------------------------------------------------------------------


class Echo(SessionGuard):
    door = Door("chat.serve", frozenset({"staff"}))

    async def frame(self, text):
        await self.send(text_data=text)


class Using(Echo):
    async def frame(self, text):
        await self.used()
        await self.send(text_data=text)


def socket_of(client, headers=OURS, consumer=Echo):
    cookies = client.cookies.items() if client else ()
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies)
    application = AuthMiddlewareStack(consumer.as_asgi())
    return Socket(application, "/ws/", [*headers, (b"cookie", cookie.encode())])


@pytest.fixture
def staff(transactional_db):
    user = factories.UserFactory(roles=["agent"])
    return user, signed_in(user)


async def test_socket_of_a_session_is_let_in(staff):
    socket = socket_of(staff[1])
    assert await socket.connect()
    await socket.say("hello")
    assert await socket.hear() == "hello"
    await socket.leave()


async def test_socket_without_session_is_closed_with_4401(transactional_db):
    socket = socket_of(None)
    assert await socket.connect()
    assert await socket.close_code() == 4401


async def test_socket_before_the_factor_is_closed(transactional_db):
    user = await sync_to_async(factories.UserFactory)(roles=["agent"])
    socket = socket_of(await sync_to_async(signed_in)(user, factor=False))
    await socket.connect()
    assert await socket.close_code() == 4401


async def test_socket_of_another_realm_is_closed(transactional_db):
    patient = await sync_to_async(factories.patient_with_user)()
    socket = socket_of(await sync_to_async(signed_in)(patient.user))
    await socket.connect()
    assert await socket.close_code() == 4401


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"null",
        b"https://evil.example",
        b"http://testserver.evil.example",
        b"http://nottestserver",
        b"file://",
    ],
)
async def test_foreign_origin_is_closed_with_4403(staff, origin):
    """X2."""
    headers = [(b"host", b"testserver"), *([(b"origin", origin)] if origin else [])]
    socket = socket_of(staff[1], headers)
    assert await socket.connect()
    assert await socket.close_code() == 4403


async def test_host_header_of_ones_own_does_not_help(staff):
    socket = socket_of(staff[1], [(b"host", b"evil.example"), (b"origin", b"https://evil.example")])
    await socket.connect()
    assert await socket.close_code() == 4403


ENDS = ["sign-out", "deactivation", "role", "idle"]


async def end_by(way, user, client):
    if way == "sign-out":
        await sync_to_async(client.post)("/sign-out")
    elif way == "idle":
        ago = timezone.now() - timedelta(minutes=16)
        await UserSession.objects.filter(user=user).aupdate(last_used_at=ago)
    else:
        chief = await sync_to_async(factories.UserFactory)(roles=["administrator"])
        act = people.deactivate if way == "deactivation" else people.drop_role
        more = {} if way == "deactivation" else {"role": "agent"}
        await sync_to_async(act)(chief, user=user, **more)


@pytest.mark.parametrize("way", ENDS)
async def test_ended_session_closes_its_socket_within_5_s(staff, way):
    """S3, S4."""
    user, client = staff
    socket = socket_of(client)
    await socket.connect()
    await end_by(way, user, client)
    assert await socket.close_code(5.0) == 4401


async def test_push_closes_at_once(staff, settings):
    settings.SOCKET_RECHECK_SECONDS = 60
    socket = socket_of(staff[1])
    await socket.connect()
    await end_by("sign-out", *staff)
    assert await socket.close_code(2.0) == 4401


async def test_clock_closes_where_valkey_is_down(staff, settings, monkeypatch):
    settings.SOCKET_RECHECK_SECONDS = 1
    monkeypatch.setattr(consumers, "close_sockets", lambda ids: None)
    monkeypatch.setattr("portal.receivers.close_sockets", lambda ids: None)
    socket = socket_of(staff[1])
    await socket.connect()
    await end_by("sign-out", *staff)
    assert await socket.close_code(3.0) == 4401


async def test_no_frame_is_answered_after_the_end(staff, settings):
    """X4: rights are read at every frame, before any clock."""
    settings.SOCKET_RECHECK_SECONDS = 60
    socket = socket_of(staff[1])
    await socket.connect()
    await UserSession.objects.aupdate(ended_at=timezone.now())
    await socket.say("hello")
    assert await socket.close_code() == 4401


async def test_role_that_ran_out_stops_the_next_frame(staff, settings):
    settings.SOCKET_RECHECK_SECONDS = 60
    socket = socket_of(staff[1])
    await socket.connect()
    await staff[0].role_grants.aupdate(expires_at=timezone.now() - timedelta(seconds=1))
    await socket.say("hello")
    assert await socket.close_code() == 4401


@pytest.mark.parametrize(("consumer", "extends"), [(Echo, False), (Using, True)])
async def test_frames_extend_only_where_they_are_use(staff, consumer, extends):
    before = timezone.now() - timedelta(minutes=5)
    await UserSession.objects.aupdate(last_used_at=before)
    socket = socket_of(staff[1], consumer=consumer)
    await socket.connect()
    await socket.say("hello")
    await socket.hear()
    session = await UserSession.objects.aget()
    assert (session.last_used_at > before) is extends
    await socket.leave()


async def test_frame_that_is_too_large_closes_with_1009(staff):
    socket = socket_of(staff[1])
    await socket.connect()
    await socket.say("x" * (128 * 1024 + 1))
    assert await socket.close_code() == 1009


async def test_many_sockets_are_looked_at_by_one_query(staff, settings):
    """One look at a hundred sockets of one process."""
    settings.SOCKET_RECHECK_SECONDS = 60
    sockets = [socket_of(staff[1]) for _ in range(20)]
    for socket in sockets:
        await socket.connect()
    asked = []

    class Keeper:
        @staticmethod
        def still_open(ids):
            asked.append(ids)
            return set()

    while len(consumers.watch().sockets) < len(sockets):
        await asyncio.sleep(0.01)
    guards = list(consumers.watch().sockets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consumers, "keeper", lambda: Keeper)
        await consumers.watch().look(guards)
    codes = await asyncio.gather(*(socket.close_code() for socket in sockets))
    assert codes == [4401] * 20
    assert len(asked) == 1
