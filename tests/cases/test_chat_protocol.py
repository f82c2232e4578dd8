"""Every promise of the chat protocol's page, over real sockets (R-CHAT-5, R-CHAT-6)."""

import json
import time
import uuid
from typing import Any

import pytest
from django.test import Client
from websockets.sync.client import connect

from cases import conversations
from cases.models import Case, Conversation, Message
from portal import sessions
from portal.models import UserSession
from tests.cases.wire import Chat, Socket, ask, socket_of
from tests.factories import UserFactory, patient_with_user
from tests.people import signed_in
from tests.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


def agent(**more: Any) -> Client:
    return signed_in(UserFactory(roles=["agent"], **more))


# --- beginning ---------------------------------------------------------------------------------------
def test_a_chat_begins_with_a_case_in_the_line(server: Server) -> None:
    status, begun, _ = ask(server, "POST", "/chat/start", {"notice_accepted": True, "name": "Ana"})
    assert status == 201
    assert begun["socket"] == f"/ws/chat/{begun['conversation']}/"
    assert (begun["last_seq"], len(begun["ticket"]) >= 22) == (0, True)
    conversation = Conversation.objects.get(pk=begun["conversation"])
    assert (conversation.state, conversation.case.channel, conversation.guest_name) == (
        "queued",
        "chat",
        "Ana",
    )
    assert conversation.notice_accepted_at is not None
    assert begun["ticket"] not in conversation.ticket_digest


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"notice_accepted": False},
        {"notice_accepted": "yes"},
        {"notice_accepted": True, "name": 5},
        {"notice_accepted": True, "topic": "x" * 41},
        [],
        "x",
    ],
)
def test_nothing_begins_without_the_notice_or_with_nonsense(server: Server, told: Any) -> None:
    status, answer, _ = ask(server, "POST", "/chat/start", told)
    assert (status, answer["error"]["code"]) == (400, "invalid")
    assert not Conversation.objects.exists()


def test_a_signed_in_patient_is_known(server: Server) -> None:
    patient = patient_with_user()
    client = signed_in(patient.user)
    status, begun, _ = ask(server, "POST", "/chat/start", {"notice_accepted": True}, Cookie=_cookies(client))
    assert status == 201
    conversation = Conversation.objects.get(pk=begun["conversation"])
    assert (conversation.patient, conversation.customer) == (patient, patient.user)
    with socket_of(client, server, begun["socket"], begun["conversation"]) as ws:
        assert ws.sent("It is me")["seq"] == 1
    assert Message.objects.get().author == patient.user


def _cookies(client: Client) -> str:
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


# --- doors -------------------------------------------------------------------------------------------
def test_doors_of_a_visitors_socket(server: Server) -> None:
    """4401 for nobody, 4403 for somebody else's and for what does not exist, told apart by nothing."""
    chat, other = Chat.begin(server), Chat.begin(server)
    with chat.socket(ticket=other.ticket) as ws:
        assert ws.closed() == 4403
    chat.path = f"/ws/chat/{uuid.uuid4()}/"
    with chat.socket() as ws:
        assert ws.closed() == 4403
    with socket_of(Client(), server, other.path) as ws:
        assert ws.closed() == 4401
    with socket_of(signed_in(patient_with_user().user), server, other.path) as ws:
        assert ws.closed() == 4403


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1.evil.example"])
def test_a_cookie_opens_nothing_for_a_foreign_page(server: Server, origin: str | None) -> None:
    """X2: missing, null, foreign and look-alike origins."""
    with socket_of(agent(), server, "/ws/console/", origin=origin) as ws:
        assert ws.closed() == 4403


@pytest.mark.parametrize("path", ["/", "/ws/nothing/", "/ws/chat/no-uuid/"])
def test_where_there_is_no_socket_is_nobodys(server: Server, path: str) -> None:
    with connect(server.socket_url(path), origin=server.url) as ws:  # type: ignore[arg-type]
        assert Socket(ws, "").closed() == 4403


def test_an_origin_that_is_no_address_is_foreign(server: Server) -> None:
    chat = Chat.begin(server)
    with connect(server.socket_url(chat.path), origin="http://[") as ws:  # type: ignore[arg-type]
        assert Socket(ws, "").closed() == 4403
    for path in (f"/chat/{chat.id}/messages", "/chat/start"):
        assert ask(server, "POST", path, {"notice_accepted": True}, Origin="http://[")[0] == 403


def test_doors_of_the_console(server: Server) -> None:
    for client in (
        Client(),
        signed_in(patient_with_user().user),
        signed_in(UserFactory(roles=["agent"]), factor=False),
    ):
        with socket_of(client, server, "/ws/console/") as ws:
            assert ws.closed() == 4401
    with socket_of(agent(), server, "/ws/console/") as ws:
        assert ws.wait("hello")


def test_a_ticket_is_bound_to_its_conversation_over_http_too(server: Server) -> None:
    chat, other = Chat.begin(server), Chat.begin(server)
    status, answer, _ = ask(server, "GET", f"/chat/{chat.id}/messages?after=0", ticket=other.ticket)
    assert (status, answer["code"]) == (403, "forbidden")


def test_a_ticket_dies_after_a_silent_day(server: Server) -> None:
    chat = Chat.begin(server)
    old = conversations.timezone.now() - conversations.timezone.timedelta(days=2)
    Conversation.objects.filter(pk=chat.id).update(last_message_at=old, started_at=old)
    with chat.socket() as ws:
        assert ws.closed() == 4403


# --- talking -----------------------------------------------------------------------------------------
def test_send_ack_and_new_to_every_participant(server: Server) -> None:
    chat = Chat.begin(server, name="Ana")
    with chat.socket() as one, chat.socket() as two:
        client_id = one.say("Where is my order?")
        ack = one.wait("message.ack")
        assert set(ack) == {
            "type",
            "conversation",
            "client_id",
            "id",
            "seq",
            "staff_seq",
            "sent_at",
            "redactions",
        }
        assert (ack["client_id"], ack["seq"], ack["staff_seq"], ack["redactions"]) == (client_id, 1, None, 0)
        assert ack["sent_at"].endswith("Z")
        assert len(ack["sent_at"]) == 24
        for ws in (one, two):
            new = ws.wait("message.new")
            assert new["author"] == {"role": "customer", "name": "Ana"}
            assert (new["body"], new["seq"], new["client_id"], new["id"]) == (
                "Where is my order?",
                1,
                client_id,
                ack["id"],
            )
            assert (new["attachments"], new["choices"], new["form"], new["kind"]) == ([], [], None, "reply")


def test_agent_and_customer_talk_and_notes_stay_inside(server: Server) -> None:
    """Promises 2 and 8, over the wire."""
    chat, client = Chat.begin(server), agent(display_name="Robin Agentperson")
    with chat.socket() as visitor, socket_of(client, server, "/ws/console/", chat.id) as desk:
        desk.put("join")
        assert desk.wait("joined")["last_seq"] == 0
        desk.sent("A note", kind="note")
        desk.sent("Hello, how can I help?")
        new = visitor.wait("message.new")
        assert new["author"] == {"role": "agent", "name": "Robin"}
        assert new["seq"] == 1
        assert visitor.none("message.new")
        assert desk.wait("message.new", kind="note")["staff_seq"] == 1
        assert visitor.wait("state", state="open")["agent"] == {"name": "Robin"}


def test_resume_brings_what_came_after_and_says_when_it_is_done(server: Server) -> None:
    chat, client = Chat.begin(server), agent()
    with chat.socket() as ws:
        for n in range(5):
            ws.sent(f"{n}")
    with socket_of(client, server, "/ws/console/", chat.id) as desk:
        desk.put("join")
        desk.sent("note", kind="note")
    with chat.socket() as ws:
        ws.put("resume", after=2)
        assert [ws.wait("message.new")["seq"] for _ in range(3)] == [3, 4, 5]
        assert ws.wait("resume.done")["last_seq"] == 5
    with socket_of(client, server, "/ws/console/", chat.id) as desk:
        desk.put("join")
        desk.put("resume", after=4, staff_after=0)
        desk.wait("resume.done", last_seq=5)
        assert {(f["seq"], f["staff_seq"]) for f in desk.heard if f["type"] == "message.new"} == {
            (5, None),
            (None, 1),
        }


def test_a_long_history_is_resumed_whole_and_in_order(server: Server) -> None:
    chat = Chat.begin(server)
    conversation = Conversation.objects.get(pk=chat.id)
    from cases.drafts import Author, Draft

    drafts = [Draft(conversation.pk, Author("customer", "guest"), f"{n}") for n in range(450)]
    conversations.write(drafts)
    with chat.socket() as ws:
        ws.put("resume", after=0)
        assert ws.wait("resume.done")["last_seq"] == 450
        assert [f["seq"] for f in ws.heard if f["type"] == "message.new"] == list(range(1, 451))


def test_pipelined_messages_keep_their_order(server: Server) -> None:
    chat = Chat.begin(server)
    with chat.socket() as ws:
        prev, ids = None, []
        for n in range(15):
            prev = ws.say(f"{n}", prev=prev)
            ids.append(prev)
        assert [ws.wait("message.ack", client_id=each)["seq"] for each in ids] == list(range(1, 16))


def test_read_typing_and_presence(server: Server) -> None:
    chat, client = Chat.begin(server), agent()
    with chat.socket() as visitor, socket_of(client, server, "/ws/console/", chat.id) as desk:
        desk.put("join")
        assert visitor.wait("presence", role="agent")["online"] is True
        visitor.sent()
        desk.put("read", seq=1)
        assert visitor.wait("read") == {"type": "read", "conversation": chat.id, "role": "agent", "seq": 1}
        visitor.put("typing", on=True)
        assert desk.wait("typing")["on"] is True
        assert desk.wait("typing", 8)["on"] is False, "expires by itself"
        desk.put("leave")
        assert desk.wait("left")
        assert visitor.wait("presence", role="agent", online=False)
        desk.heard.clear()
        visitor.sent("Still there?")
        assert desk.none("message.new")


def test_a_role_is_there_while_any_of_its_sockets_is(server: Server) -> None:
    """One of two tabs that closes, or a supervisor who leaves, sends nobody else away."""
    chat, lead = Chat.begin(server), signed_in(UserFactory(roles=["supervisor"]))
    console = "/ws/console/"
    with chat.socket() as visitor, socket_of(agent(), server, console, chat.id) as desk:
        desk.put("join")
        assert visitor.wait("presence", role="agent")["online"] is True
        with socket_of(lead, server, console, chat.id) as watching, chat.socket() as tab:
            watching.put("join")
            watching.wait("joined")
            tab.wait("state")
        assert visitor.wait("presence", role="supervisor", online=False)
        visitor.none("anything else")
        assert not any(_says_off(frame) for frame in visitor.heard)
        desk.put("typing", on=True)
        desk.put("leave")
        assert visitor.wait("presence", role="agent", online=False)


def _says_off(frame: dict[str, Any]) -> bool:
    return frame["type"] == "presence" and not frame["online"]


def test_an_agent_reads_nothing_of_what_they_have_not_joined(server: Server) -> None:
    chat, client = Chat.begin(server), agent()
    with socket_of(client, server, "/ws/console/", chat.id) as desk:
        for kind in ("resume", "read", "typing"):
            desk.put(kind, after=0, seq=1, on=True)
            assert desk.wait("error")["code"] == "forbidden"
        desk.conversation = str(uuid.uuid4())
        desk.put("join")
        assert desk.wait("error")["code"] == "forbidden"


# --- the line ----------------------------------------------------------------------------------------
def test_places_in_the_line_move_up(server: Server) -> None:
    """R-CHAT-5: position and wait as a range, told on every change."""
    first, second = Chat.begin(server), Chat.begin(server)
    with second.socket() as ws:
        state = ws.wait("state", state="queued")
        assert state["queue"]["position"] == 2
        assert state["queue"]["wait_low_s"] < state["queue"]["wait_high_s"]
        staff = UserFactory(roles=["agent"], display_name="Robin Agentperson")
        conversations.accept(staff, conversation=Conversation.objects.get(pk=first.id))
        while ws.wait("state", state="queued")["queue"]["position"] != 1:
            pass
        conversations.accept(staff, conversation=Conversation.objects.get(pk=second.id))
        opened = ws.wait("state", state="open")
        assert (opened["queue"], opened["agent"]) == (None, {"name": "Robin"})
        assert "Robin" in ws.wait("message.new", kind="event")["body"]
        conversations.end(staff, conversation=Conversation.objects.get(pk=second.id))
        assert ws.wait("state", state="closed")
        assert ws.wait("error", client_id=ws.say())["code"] == "closed"


def test_the_console_hears_of_cases_and_of_the_line(server: Server) -> None:
    client = agent()
    with socket_of(client, server, "/ws/console/") as desk:
        desk.wait("hello")
        chat = Chat.begin(server)
        case = Case.objects.get()
        assert desk.wait("case.changed", case=str(case.ref))["what"] == "opened"
        assert desk.wait("queue.changed")["counts"]["queued"] == 1
        chat.send("Hello?")
        said = desk.wait("case.changed", what="message")
        assert (said["number"], said["conversation"]) == (case.number, chat.id)


# --- errors ------------------------------------------------------------------------------------------
def error(ws: Socket, **frame: Any) -> dict[str, Any]:
    ws.ws.send(json.dumps(frame))
    return ws.wait("error")


def test_bad_frames_get_a_permanent_error_and_block_nothing(server: Server) -> None:
    """Promise 6, X6: the next message goes through."""
    chat = Chat.begin(server)
    uid = str(uuid.uuid4())
    with chat.socket() as ws:
        for text in (
            "",
            "nonsense",
            "[1]",
            "5",
            "null",
            '"x"',
            "{" * 60_000,
            '{"type": 9' + "9" * 5000 + "}",
        ):
            ws.ws.send(text)
            assert ws.wait("error")["code"] == "invalid"
        ws.ws.send(b'{"type":"ping"}')
        assert ws.wait("error")["code"] == "invalid"
        for kind in ("nope", None, 5, ["ping"], "__class__", "join"):
            assert error(ws, type=kind)["code"] == "unknown_type"
        for body in ("", " ", "a\0b", "\ud800", 5, None, {"a": 1}):
            wrong = error(ws, type="message.send", conversation=chat.id, client_id=uid, body=body)
            assert (wrong["code"], wrong["permanent"], wrong["client_id"]) == ("invalid", True, uid)
        for client_id in ("x", 5, None, "{" + uid + "}", uid[:-1]):
            assert (
                error(ws, type="message.send", conversation=chat.id, client_id=client_id, body="x")["code"]
                == "invalid"
            )
        for after in (-1, 1.5, "1", True, 2**40, 10**30):
            assert error(ws, type="resume", conversation=chat.id, after=after)["code"] == "invalid"
        assert ws.sent("Still here", client_id=uid)["seq"] == 1


def test_another_body_a_broken_chain_and_another_conversation(server: Server) -> None:
    chat, other = Chat.begin(server), Chat.begin(server)
    with chat.socket() as ws:
        client_id = ws.say("One")
        assert ws.wait("message.ack")
        assert (
            error(ws, type="message.send", conversation=chat.id, client_id=client_id, body="Two")["code"]
            == "conflict"
        )
        gap = error(
            ws,
            type="message.send",
            conversation=chat.id,
            client_id=str(uuid.uuid4()),
            prev=str(uuid.uuid4()),
            body="x",
        )
        assert (gap["code"], gap["permanent"]) == ("out_of_order", False)
        assert (
            error(ws, type="message.send", conversation=other.id, client_id=str(uuid.uuid4()), body="x")[
                "code"
            ]
            == "forbidden"
        )
        assert (
            error(
                ws,
                type="message.send",
                conversation=chat.id,
                client_id=str(uuid.uuid4()),
                body="x",
                kind="note",
            )["code"]
            == "forbidden"
        )


def test_limits_of_length_size_and_pace(server: Server) -> None:
    """Promise 7, X5."""
    chat = Chat.begin(server)
    with chat.socket() as ws:
        assert ws.sent("é" * 10_000)["seq"] == 1
        assert ws.wait("error", client_id=ws.say("x" * 10_001))["code"] == "too_large"
        for _ in range(19):
            ws.say("x")
        for _ in range(19):
            ws.wait("message.ack")
        slow = ws.wait("error", client_id=ws.say("too fast"))
        assert (slow["code"], slow["permanent"], slow["retry_after_s"] >= 1) == ("rate_limited", False, True)
        ws.ws.send('{"type":"ping","x":"' + "y" * (128 * 1024) + '"}')
        assert ws.closed() == 1009


def test_a_flood_of_frames_is_abuse(server: Server) -> None:
    chat = Chat.begin(server)
    with chat.socket() as ws:
        for _ in range(500):
            ws.ws.send('{"type":"ping"}')
        assert ws.closed() == 4429


# --- sessions ----------------------------------------------------------------------------------------
def test_only_real_use_extends_a_session(server: Server) -> None:
    """``message.send`` does; ping, typing, read and resume never."""
    chat, client = Chat.begin(server), agent()
    session = UserSession.objects.get(user=client.user)  # type: ignore[attr-defined]
    old = session.last_used_at - conversations.timezone.timedelta(minutes=10)
    UserSession.objects.filter(pk=session.pk).update(last_used_at=old)
    with socket_of(client, server, "/ws/console/", chat.id) as desk:
        desk.put("join")
        desk.wait("joined")
        for kind in ("ping", "typing", "read", "resume"):
            desk.put(kind, after=0, seq=1, on=True)
        desk.wait("resume.done")
        session.refresh_from_db()
        assert session.last_used_at == old
        desk.sent("Hello")
        desk.put("ping")
        desk.wait("pong")
        session.refresh_from_db()
        assert session.last_used_at > old


@pytest.mark.parametrize("how", ["signed out", "timed out", "deactivated", "said nowhere"])
def test_the_end_of_a_session_closes_its_sockets_within_five_seconds(server: Server, how: str) -> None:
    client = agent()
    user = client.user  # type: ignore[attr-defined]
    with socket_of(client, server, "/ws/console/") as desk:
        desk.wait("hello")
        started = time.monotonic()
        if how == "signed out":
            sessions.end_all(user, by="test")
        elif how == "timed out":
            UserSession.objects.filter(user=user).update(
                last_used_at=user.created_at - conversations.timezone.timedelta(hours=1)
            )
        elif how == "deactivated":
            type(user).objects.filter(pk=user.pk).update(is_active=False)
        else:
            UserSession.objects.filter(user=user).update(ended_at=conversations.timezone.now())
        assert desk.closed() == 4401
        assert time.monotonic() - started < 5.5


def test_rights_taken_away_end_at_the_next_act(server: Server) -> None:
    """X4."""
    chat, client = Chat.begin(server), agent()
    with socket_of(client, server, "/ws/console/", chat.id) as desk:
        desk.put("join")
        desk.wait("joined")
        client.user.role_grants.all().delete()  # type: ignore[attr-defined]
        time.sleep(5.1)
        desk.say("May I still?")
        assert desk.closed() == 4401


# --- forms -------------------------------------------------------------------------------------------
def test_a_form_tells_who_a_guest_is_and_keeps_nothing_they_typed(server: Server) -> None:
    """R-CHAT-2: pass or fail, a few tries, never chat text."""
    from tests.factories import OrderFactory

    order = OrderFactory()
    chat = Chat.begin(server)
    with chat.socket() as ws:
        values = {"order_number": order.number, "birth_date": "1950-01-01"}
        ws.put("form.submit", client_id=str(uuid.uuid4()), form="identify", values=values)
        wrong = ws.wait("form.result")
        assert (wrong["ok"], wrong["tries_left"], wrong["form"]) == (False, 2, "identify")
        values["birth_date"] = "1961-04-12"
        ws.put("form.submit", client_id=str(uuid.uuid4()), form="identify", values=values)
        assert ws.wait("form.result")["ok"] is True
        ws.put("form.submit", client_id=str(uuid.uuid4()), form="other", values={})
        assert ws.wait("error")["code"] == "invalid"
    conversation = Conversation.objects.get(pk=chat.id)
    assert (conversation.patient, conversation.identity_level, conversation.case.patient) == (
        order.patient,
        1,
        order.patient,
    )
    assert not Message.objects.exists()


def test_three_wrong_answers_end_the_guessing(server: Server) -> None:
    from tests.factories import OrderFactory

    order = OrderFactory()
    chat = Chat.begin(server)
    with chat.socket() as ws:
        for last4 in ("0000", "1111", "2222", order.patient.ssn_last4):
            values = {"order_number": order.number, "last4": last4}
            ws.put("form.submit", client_id=str(uuid.uuid4()), form="identify", values=values)
            result = ws.wait("form.result")
        assert (result["ok"], result["tries_left"]) == (False, 0)
    second = Chat.begin(server)
    with second.socket() as ws:
        ws.put("form.submit", client_id=str(uuid.uuid4()), form="identify", values=values)
        assert ws.wait("form.result")["ok"] is False, "the patient is locked on every chat for a while"
