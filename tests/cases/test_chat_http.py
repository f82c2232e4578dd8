"""The chat's HTTP way: what it takes, answers and refuses (the protocol's doors)."""

import json
import uuid
from io import BytesIO
from pathlib import Path

import pytest
from django.test import Client

from cases.models import Conversation, Message
from portal import documents
from portal.access import System
from portal.models import AccessEntry, Document, Upload
from tests.cases.wire import Chat, ask, cookie_of
from tests.factories import ConversationFactory, UserFactory, patient_with_user
from tests.people import signed_in
from tests.servers import Server, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


def test_a_message_is_acknowledged_and_read_back(server: Server) -> None:
    chat = Chat.begin(server)
    client_id = str(uuid.uuid4()).upper()
    status, ack, headers = chat.send("Hello", client_id=client_id)
    assert (status, ack["type"], ack["seq"], ack["client_id"]) == (201, "message.ack", 1, client_id)
    assert "no-store" in headers["Cache-Control"]
    again, same, _ = chat.send("Hello", client_id=client_id)
    assert (again, same) == (200, ack)
    told = chat.after(0)
    assert (told["last_seq"], told["state"]["state"], told["state"]["queue"]["position"]) == (1, "queued", 1)
    assert [(m["type"], m["body"]) for m in told["messages"]] == [("message.new", "Hello")]
    assert chat.after(1)["messages"] == []


def test_what_was_sent_by_http_reaches_the_sockets(server: Server) -> None:
    chat = Chat.begin(server)
    with chat.socket() as ws:
        client_id = str(uuid.uuid4())
        chat.send("Over HTTP", client_id=client_id)
        assert ws.wait("message.new", client_id=client_id)["body"] == "Over HTTP"
        ws.say("Over HTTP", client_id=client_id)
        assert ws.wait("message.ack")["seq"] == 1, "the same message, whatever way it came"


def test_a_conversation_may_be_spelt_in_capitals_either_way(server: Server) -> None:
    chat = Chat.begin(server)
    named = str(chat.id).upper()
    assert chat.send("Hello", conversation=named)[0] == 201
    with chat.socket() as ws:
        ws.put("message.send", conversation=named, client_id=str(uuid.uuid4()), body="Hello")
        assert ws.wait("message.ack")["seq"] == 2


def test_errors_have_the_frames_object_and_a_status(server: Server) -> None:
    chat = Chat.begin(server)
    client_id = str(uuid.uuid4())
    chat.send("One", client_id=client_id)
    wanted = [
        (400, "invalid", {"body": ""}),
        (400, "invalid", {"body": "\u200b"}),
        (403, "forbidden", {"conversation": str(uuid.uuid4())}),
        (403, "forbidden", {"conversation": None}),
        (400, "invalid", {"body": "a\0b"}),
        (400, "invalid", {"client_id": "x"}),
        (400, "unknown_type", {"type": "ping"}),
        (403, "forbidden", {"kind": "note"}),
        (409, "conflict", {"body": "Two", "client_id": client_id}),
        (409, "out_of_order", {"prev": str(uuid.uuid4())}),
        (413, "too_large", {"body": "x" * 10_001}),
        (413, "too_large", {"body": "x" * 200_000}),
    ]
    for status, code, frame in wanted:
        got, answer, _ = chat.send(**{"body": "x", **frame})
        assert (got, answer["type"], answer["code"]) == (status, "error", code)
    assert ask(server, "POST", f"/chat/{chat.id}/messages", b"\xff{", ticket=chat.ticket)[0] == 400
    assert ask(server, "GET", f"/chat/{chat.id}/messages?after=-1", ticket=chat.ticket)[0] == 400
    assert ask(server, "GET", f"/chat/{chat.id}/messages?after=99999999999", ticket=chat.ticket)[0] == 400


def test_pace_is_limited_and_says_when_to_come_back(server: Server) -> None:
    chat = Chat.begin(server)
    answers = [chat.send(f"{n}") for n in range(21)]
    assert [status for status, _, _ in answers[:20]] == [201] * 20
    status, answer, headers = answers[20]
    assert (status, answer["code"], answer["permanent"]) == (429, "rate_limited", False)
    assert int(headers["Retry-After"]) >= 1


def test_a_closed_chat_says_so(server: Server) -> None:
    chat = Chat.begin(server)
    status, state, _ = ask(server, "POST", f"/chat/{chat.id}/close", {}, ticket=chat.ticket)
    assert (status, state["state"]) == (200, "closed")
    status, answer, _ = chat.send("Wait!")
    assert (status, answer["code"], answer["permanent"]) == (409, "closed", True)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("", 201),
        ("own", 201),
        ("https://shop.example", 201),
        ("null", 403),
        ("https://shop.example.evil.com", 403),
        ("https://evil.example", 403),
    ],
)
def test_only_our_pages_and_listed_ones_begin_chats(origin: str, status: int) -> None:
    with serving(CHAT_EMBED_ORIGINS="https://shop.example") as server:
        sent = server.url if origin == "own" else origin
        assert ask(server, "POST", "/chat/start", {"notice_accepted": True}, Origin=sent)[0] == status


def test_a_foreign_form_can_not_post(server: Server) -> None:
    """Only JSON is read, which no form sends and no script of another site may."""
    chat = Chat.begin(server)
    body = json.dumps({"client_id": str(uuid.uuid4()), "body": "x"}).encode()
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ):
        status, _, _ = ask(
            server,
            "POST",
            f"/chat/{chat.id}/messages",
            body,
            ticket=chat.ticket,
            **{"Content-Type": content_type},
        )
        assert status == 400
    assert not Message.objects.exists()


def test_a_guest_of_our_own_page_is_known_by_the_browser_alone(server: Server) -> None:
    """X7: the cookie opens that chat, and in another browser nothing."""
    _, begun, headers = ask(server, "POST", "/chat/start", {"notice_accepted": True})
    cookie = headers["Set-Cookie"].split(";")[0]
    path = f"/chat/{begun['conversation']}/messages?after=0"
    assert ask(server, "GET", path, Cookie=cookie)[0] == 200
    assert ask(server, "GET", path)[0] == 403
    _, _, other = ask(server, "POST", "/chat/start", {"notice_accepted": True})
    assert ask(server, "GET", path, Cookie=other["Set-Cookie"].split(";")[0])[0] == 403


def test_somebody_elses_and_nobodys_are_the_same(server: Server) -> None:
    chat = Chat.begin(server)
    stranger = cookie_of(signed_in(patient_with_user().user))
    there = ask(server, "GET", f"/chat/{chat.id}/messages?after=0", Cookie=stranger)
    nowhere = ask(server, "GET", f"/chat/{uuid.uuid4()}/messages?after=0", Cookie=stranger)
    assert there[:2] == nowhere[:2] == (403, there[1])


def test_agents_read_notes_too_and_it_is_on_the_trail(server: Server) -> None:
    chat = Chat.begin(server)
    client = signed_in(UserFactory(roles=["agent"]))
    cookie = cookie_of(client)
    frame = {"client_id": str(uuid.uuid4()), "body": "Careful", "kind": "note"}
    status, ack, _ = ask(server, "POST", f"/chat/{chat.id}/messages", frame, Cookie=cookie, Origin=server.url)
    assert (status, ack["seq"], ack["staff_seq"]) == (201, None, 1)
    _, told, _ = ask(server, "GET", f"/chat/{chat.id}/messages?after=0&staff_after=0", Cookie=cookie)
    assert [m["body"] for m in told["messages"]] == ["Careful"]
    assert chat.after(0)["messages"] == []
    assert AccessEntry.objects.filter(what="chat read", actor=client.user).exists()  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["qa", "coach", "auditor"])
def test_who_may_only_look_changes_nothing_in_a_chat(role: str) -> None:
    """R-SEC-3: reading a chat is no right to end it, to send files into it or to answer for the guest."""
    chat = ConversationFactory(channel="chat", state="queued", patient=None)
    looker, identity = signed_in(UserFactory(roles=[role])), {"order_number": "A-1", "last4": "1234"}
    form = {"client_id": str(uuid.uuid4()), "form": "identify", "values": identity}
    asked = [("close", {}), ("uploads", {"filename": "a.pdf", "size": 10}), ("forms", form)]
    assert looker.get(f"/chat/{chat.pk}/messages").status_code == 200
    for path, body in asked:
        answer = looker.post(f"/chat/{chat.pk}/{path}", json.dumps(body), "application/json")
        assert answer.status_code in (403, 404), path
    chat.refresh_from_db()
    assert (chat.state, chat.identity_tries, Upload.objects.count()) == ("queued", 0, 0)


def test_an_agent_ends_a_chat_but_does_not_identify_its_guest() -> None:
    """R-CASE-3: the form is the customer's; staff verify a caller through the case."""
    chat = ConversationFactory(channel="chat", state="queued", patient=None)
    agent = signed_in(UserFactory(roles=["agent"]))
    form = {"client_id": str(uuid.uuid4()), "form": "identify", "values": {"order_number": "A-1"}}
    refused = agent.post(f"/chat/{chat.pk}/forms", json.dumps(form), "application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert agent.post(f"/chat/{chat.pk}/close", "{}", "application/json").json()["state"] == "closed"


def test_the_http_way_needs_no_valkey(tmp_path: Path) -> None:
    """Promise 5: begun, said and read while the channel layer is away."""
    with serving(REDIS_URL=f"unix://{tmp_path}/nothing.sock?db=0") as server:
        chat = Chat.begin(server)
        assert chat.send("Hello")[0] == 201
        assert chat.after(0)["last_seq"] == 1
        with chat.socket() as one, chat.socket() as two:
            assert one.sent("By socket")["seq"] == 2
            assert two.wait("message.new", seq=2)


def test_guests_of_one_address_share_what_it_may_send_in_a_day(server: Server) -> None:
    """Many chats are no way to fill the disk."""
    largest = {"filename": "card.jpg", "size": 25 * 1024 * 1024}
    answers = []
    for _ in range(4):
        chat = Chat.begin(server)
        for _ in range(4):
            answers.append(ask(server, "POST", f"/chat/{chat.id}/uploads", largest, ticket=chat.ticket))
    assert [status for status, *_ in answers] == [201] * 12 + [429] * 4
    _, told, headers = answers[-1]
    assert told["error"]["code"] == "quota"
    assert int(headers["Retry-After"]) > 23 * 3600


def test_a_file_goes_through_the_pipeline(server: Server) -> None:
    """R-CHAT-5: begun, sent in parts, finished, and then part of a message."""
    chat = Chat.begin(server)
    base = f"/chat/{chat.id}/uploads"
    told = {"filename": "note.txt", "size": 5, "type": "image/png"}
    status, begun, _ = ask(server, "POST", base, told, ticket=chat.ticket)
    assert status == 201, begun
    one = f"{base}/{begun['upload']}/"
    octets = {"Content-Type": "application/octet-stream"}
    status, far, _ = ask(server, "PUT", f"{one}?offset=0", b"hello", ticket=chat.ticket, **octets)
    assert (status, far["offset"]) == (200, 5)
    assert ask(server, "GET", one, ticket=chat.ticket)[1]["offset"] == 5
    other = Chat.begin(server)
    assert ask(server, "GET", f"/chat/{other.id}/uploads/{begun['upload']}/", ticket=other.ticket)[0] in (
        403,
        404,
    )
    status, done, _ = ask(server, "POST", f"{one}finish/", {}, ticket=chat.ticket)
    assert status == 202, done
    document = Document.objects.get(ref=begun["upload"])
    assert document.owner_ref == f"conversation:{chat.id}"
    Document.objects.filter(pk=document.pk).update(state="ready")
    assert chat.send("See this", attachments=[begun["upload"]])[0] == 201
    [attached] = chat.after(0)["messages"][0]["attachments"]
    assert (attached["id"], attached["name"]) == (begun["upload"], "note.txt")


def test_a_guest_opens_the_files_of_their_own_chat_alone(server: Server) -> None:
    chat, other = Chat.begin(server), Chat.begin(server)
    kept = documents.keep(
        System("test"), kind="other", filename="how to.pdf", content_type="application/pdf",
        source=BytesIO(b"%PDF-1.7"), owner_ref=f"conversation:{chat.id}",
    )  # fmt: skip
    path = f"/chat/{chat.id}/files/{kept.ref}"
    assert ask(server, "GET", path, ticket=chat.ticket)[0] == 403, "not sent in this chat yet"
    assert chat.send("See this", attachments=[str(kept.ref)])[0] == 201
    status, _, headers = ask(server, "GET", path, ticket=chat.ticket)
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    assert headers["Content-Disposition"].startswith("attachment")
    assert "no-store" in headers["Cache-Control"]
    assert ask(server, "GET", f"/chat/{other.id}/files/{kept.ref}", ticket=other.ticket)[0] == 403
    assert ask(server, "GET", path, ticket=other.ticket)[0] == 403
    assert ask(server, "GET", path)[0] == 403


def test_past_the_end_the_end_is_told(server: Server) -> None:
    chat = Chat.begin(server)
    chat.send("One")
    assert chat.after(40)["last_seq"] == 1
    with chat.socket() as ws:
        ws.put("resume", conversation=str(chat.id).upper(), after=2_000_000_000)
        assert ws.wait("resume.done")["last_seq"] == 1


def test_refusals_of_a_start_have_its_own_shape(server: Server) -> None:
    status, told, _ = ask(
        server, "POST", "/chat/start", {"notice_accepted": True}, Origin="https://evil.example"
    )
    assert (status, told["error"]["code"]) == (403, "forbidden")
    status, told, _ = ask(server, "POST", f"/chat/{uuid.uuid4()}/messages", b"x" * (3 << 20))
    assert (status, told["code"], told["permanent"]) == (413, "too_large", True)


def test_the_widget_is_one_script_tag(server: Server) -> None:
    status, _, headers = ask(server, "GET", "/chat/widget.js")
    assert status == 302
    assert "widget-loader" in headers["Location"]


def test_how_many_queries_a_message_takes(django_assert_num_queries: object) -> None:
    """Budget: known person, one message, whatever the history."""
    client = Client()
    begun = client.post("/chat/start", {"notice_accepted": True}, content_type="application/json").json()
    path = f"/chat/{begun['conversation']}/messages"
    bearer = {"Authorization": f"Bearer {begun['ticket']}"}
    body = {"client_id": str(uuid.uuid4()), "body": "Hello"}
    client.post(path, body, content_type="application/json", headers=bearer)
    body = {"client_id": str(uuid.uuid4()), "body": "Again"}
    with django_assert_num_queries(MESSAGE_QUERIES):  # type: ignore[operator]
        assert client.post(path, body, content_type="application/json", headers=bearer).status_code == 201
    assert Conversation.objects.get().last_seq == 2


MESSAGE_QUERIES = 10
