"""How what was stored reaches the sockets: over nodes, without Valkey, and after a silence."""

import signal
import time
from pathlib import Path

import pytest
import redis
from django.conf import settings

from cases import live
from cases.channels import chat as chats
from cases.nodes import Nodes
from tests.cases.wire import Chat, socket_of
from tests.factories import UserFactory
from tests.people import signed_in
from tests.servers import Server, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


def test_two_nodes_are_one_chat(server: Server) -> None:
    """A message taken by one node is read by sockets of the other at once, not by the next look."""
    with serving() as other:
        chat = Chat.begin(server)
        there = Chat(other, {"conversation": chat.id, "ticket": chat.ticket, "socket": chat.path})
        with chat.socket() as here, there.socket() as far:
            far.wait("state")
            here.wait("state")
            time.sleep(1)
            started = time.monotonic()
            here.say("Hello over there")
            assert far.wait("message.new")["body"] == "Hello over there"
            assert time.monotonic() - started < 3, "the look alone would take longer"


def test_a_tab_that_closes_on_one_node_leaves_another_on_the_next(server: Server) -> None:
    with serving() as other:
        chat = Chat.begin(server)
        there = Chat(other, {"conversation": chat.id, "ticket": chat.ticket, "socket": chat.path})
        desk = socket_of(signed_in(UserFactory(roles=["agent"])), server, "/ws/console/", chat.id)
        with desk as watching, there.socket() as far:
            far.wait("state")
            watching.put("join")
            watching.wait("joined")
            time.sleep(1)
            with chat.socket() as here:
                here.wait("state")
            watching.none("anything else", 2)
            said = [frame["online"] for frame in watching.heard if frame["type"] == "presence"]
            assert said[-1:] != [False]


def test_a_node_that_goes_away_says_so_to_every_socket() -> None:
    """The code 1012 tells a client to come back, and that nothing is wrong with what it sent."""
    with serving() as going:
        chat = Chat.begin(going)
        desk = socket_of(signed_in(UserFactory(roles=["agent"])), going, "/ws/console/", chat.id)
        with chat.socket() as visitor, desk as agent:
            visitor.wait("state")
            stored = visitor.sent("Kept before the end")
            going.kill(signal.SIGTERM)
            assert (visitor.closed(), agent.closed()) == (1012, 1012)
        assert going.process is not None
        assert going.process.wait(10) in {0, -signal.SIGTERM}
    assert stored["seq"] == 1


def test_whoever_was_on_a_node_that_crashed_is_not_there_any_more(server: Server) -> None:
    """Nobody says goodbye for them. After a silence the others are told the truth."""
    with serving() as crashing:
        chat = Chat.begin(server)
        desk = socket_of(signed_in(UserFactory(roles=["agent"])), crashing, "/ws/console/", chat.id)
        with chat.socket() as visitor, desk as agent:
            visitor.wait("state")
            time.sleep(1)
            agent.put("join")
            assert visitor.wait("presence", role="agent")["online"] is True
            crashing.kill()
            assert visitor.wait("presence", seconds=40, role="agent")["online"] is False


def test_who_comes_late_is_told_who_is_there(server: Server) -> None:
    """On the same node at once, and on another as soon as it is heard."""
    with serving() as other:
        chat = Chat.begin(server)
        there = Chat(other, {"conversation": chat.id, "ticket": chat.ticket, "socket": chat.path})
        with socket_of(signed_in(UserFactory(roles=["agent"])), server, "/ws/console/", chat.id) as desk:
            desk.put("join")
            desk.wait("joined")
            time.sleep(1)
            with chat.socket() as near, there.socket() as far:
                assert near.wait("presence", role="agent", seconds=3)["online"] is True
                assert far.wait("presence", role="agent", seconds=3)["online"] is True


def test_presence_lapses_with_its_node_and_holds_again_with_it() -> None:
    nodes = Nodes(patience=16)
    said = {"conversation": "c", "role": "agent", "online": True}
    for node in ("one", "two"):
        nodes.hear(node, 0)
        nodes.note(node, said)
    nodes.hear("two", 10)
    assert nodes.look(17) == []  # on the other node there is one still
    assert nodes.look(27) == [("c", "agent", False)]
    assert nodes.look(28) == []
    nodes.hear("one", 30)
    assert nodes.look(31) == [("c", "agent", True)]
    nodes.note("one", said | {"online": False})
    assert not nodes.has("c", "agent")
    nodes.forget("c")
    assert nodes.look(90) == []


def test_nothing_of_what_is_said_is_on_the_channel_layer(server: Server) -> None:
    """D5: ids alone, seen as Valkey sees it."""
    chat = Chat.begin(server, name="Canaryname")
    with redis.Redis.from_url(settings.REDIS_URL) as valkey, valkey.pubsub() as ear:
        ear.psubscribe(f"{settings.CHANNEL_PREFIX}*")
        with chat.socket() as ws:
            ws.sent("Canarybody 555")
            ws.put("typing", on=True)
            ws.wait("typing")
        time.sleep(0.5)
        heard = b"".join(
            m["data"] for m in iter(lambda: ear.get_message(timeout=0.2), None) if m["type"] == "pmessage"
        )
    assert chat.id.encode() in heard
    assert b"Canary" not in heard


def test_sockets_live_through_silence_and_hear_what_came_after(server: Server) -> None:
    """redis-py's own time-out once dropped sockets that were idle for five seconds."""
    chats_ = [Chat.begin(server) for _ in range(5)]
    with chats_[0].socket() as one, chats_[1].socket() as two:
        time.sleep(22)
        for chat, ws in zip(chats_, (one, two), strict=False):
            chat.send("Still there?")
            assert ws.wait("message.new")["body"] == "Still there?"


def test_without_valkey_the_sockets_of_another_node_catch_up(tmp_path: Path) -> None:
    """Promise 5: the look finds what no hint told."""
    nowhere = {"REDIS_URL": f"unix://{tmp_path}/nothing.sock?db=0"}
    with serving(**nowhere) as one, serving(**nowhere) as two:
        chat = Chat.begin(one)
        there = Chat(two, {"conversation": chat.id, "ticket": chat.ticket, "socket": chat.path})
        with there.socket() as far:
            far.wait("state")
            assert chat.send("Anybody?")[0] == 201
            assert far.wait("message.new", 12)["body"] == "Anybody?"


def test_a_hint_survives_the_way_to_another_node() -> None:
    told = [(3, {"type": "offer"})]
    hint = live.Hint({"a"}, {"b"}, {(1, "opened", "")}, {4}, [{"type": "typing"}], told, True)
    packed = hint.packed()
    assert live.Hint.unpacked(packed) == hint
    assert not live.Hint()


def test_a_ticket_is_kept_as_a_keyed_digest_alone() -> None:
    assert "secret" not in chats.digest(chats.TICKETS, "secret")
    assert chats.digest(chats.TICKETS, "secret") != chats.digest(chats.SESSIONS, "secret")
