"""What opens a chat, and for how long: live sessions, rights that still hold, and tickets tied to both."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cases.models import Conversation, Message
from portal import sessions
from portal.access_trail import who_saw
from portal.models import AccessEntry, Caregiver, UserSession
from tests.cases.wire import Chat, ask, cookie_of, socket_of
from tests.factories import (
    PASSWORD,
    ConversationFactory,
    OrderFactory,
    caregiver_of,
    message_in,
    patient_with_user,
    with_password,
)
from tests.people import signed_in
from tests.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


def take_back(caregiver: Caregiver, how: str) -> None:
    """Without a word to her sessions, as where time alone does it."""
    gone = {"revoked_at": timezone.now()} if how == "revoked" else {"expires_at": timezone.now()}
    Caregiver.objects.filter(pk=caregiver.pk).update(**gone)


def path_of(conversation: Conversation) -> str:
    return f"/ws/chat/{conversation.pk}/"


# --- caregivers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_who_no_longer_cares_for_a_patient_sees_no_chat_she_began(how: str) -> None:
    """What was begun for a patient is the patient's (R-SEC-3)."""
    caregiver = caregiver_of(patient_with_user())
    begun = ConversationFactory(patient=caregiver.patient, customer=caregiver.user)
    own = ConversationFactory(patient=None, customer=caregiver.user)
    theirs = Conversation.objects.visible_to
    assert set(theirs(caregiver.user)) == {begun, own}
    take_back(caregiver, how)
    assert list(theirs(caregiver.user)) == [own]
    assert list(theirs(caregiver.patient.user)) == [begun]


# --- sessions ----------------------------------------------------------------------------------------
class Own(Chat):
    """A chat that a signed-in patient began, and the cookie they began it with."""

    client: Client
    session: UserSession

    @classmethod
    def of_patient(cls, server: Server) -> "Own":
        client = signed_in(patient_with_user().user)
        chat = cls.begin(server, cookie=cookie_of(client))
        assert isinstance(chat, Own)
        chat.client, chat.session = client, UserSession.objects.get(user=client.user)  # type: ignore[attr-defined]
        return chat

    def over(self, how: str) -> None:
        if how == "signed out":
            sessions.end(self.session, by="sign-out")
        else:
            self.rests(minutes=16)

    def rests(self, minutes: int) -> None:
        since = timezone.now() - timedelta(minutes=minutes)
        UserSession.objects.filter(pk=self.session.pk).update(last_used_at=since)

    def asked(self, method: str, body: Any = None, **proof: str) -> int:
        return ask(self.server, method, f"/chat/{self.id}/messages", body, **proof)[0]


def a_message() -> dict[str, str]:
    return {"client_id": str(uuid.uuid4()), "body": "It is me"}


@pytest.mark.parametrize("how", ["signed out", "timed out"])
def test_a_session_that_is_over_opens_no_chat(server: Server, how: str) -> None:
    """Neither its cookie nor the ticket it was given, by socket or HTTP (R-SEC-3)."""
    chat = Own.of_patient(server)
    cookie = cookie_of(chat.client)
    chat.over(how)
    with socket_of(chat.client, server, chat.path, chat.id) as ws:
        assert ws.closed() == 4401
    with chat.socket() as ws:
        assert ws.closed() == 4401
    assert chat.asked("GET", Cookie=cookie) == 403
    assert chat.asked("GET", ticket=chat.ticket) == 403
    assert chat.asked("POST", a_message(), Cookie=cookie) == 403
    assert chat.asked("POST", a_message(), ticket=chat.ticket) == 403
    assert not Message.objects.exists()


@pytest.mark.parametrize("how", ["signed out", "timed out"])
def test_the_end_of_a_session_closes_what_its_ticket_opened(server: Server, how: str) -> None:
    chat = Own.of_patient(server)
    with chat.socket() as ws:
        assert ws.sent("It is me")["seq"] == 1
        assert Message.objects.get().author_id == chat.session.user_id
        chat.over(how)
        assert ws.closed(seconds=5.5) == 4401


def test_a_ticket_is_tied_to_the_one_session_it_was_given_to(server: Server) -> None:
    chat = Own.of_patient(server)
    signed_in(chat.session.user)
    chat.over("signed out")
    with chat.socket() as ws:
        assert ws.closed() == 4401


def test_somebody_elses_ticket_tells_nothing_of_a_patients_chat(server: Server) -> None:
    chat, other = Own.of_patient(server), Chat.begin(server)
    with chat.socket(ticket=other.ticket) as ws:
        assert ws.closed() == 4403


def test_what_is_said_by_ticket_keeps_the_session_alive(server: Server) -> None:
    """By either way; what only looks does not."""
    chat = Own.of_patient(server)
    chat.rests(minutes=10)
    with chat.socket() as ws:
        ws.put("resume", after=0)
        ws.wait("resume.done")
        assert chat.asked("GET", ticket=chat.ticket) == 200
        assert _idle_minutes(chat.session) > 9
        ws.sent("I am here")
        ws.put("ping")
        ws.wait("pong")
        assert _idle_minutes(chat.session) < 1
    chat.rests(minutes=10)
    assert chat.asked("POST", a_message(), ticket=chat.ticket) == 201
    assert _idle_minutes(chat.session) < 1


def _idle_minutes(session: UserSession) -> float:
    session.refresh_from_db()
    return (timezone.now() - session.last_used_at).total_seconds() / 60


def test_signing_in_over_another_closes_their_sockets_and_opens_none_to_nobody(server: Server) -> None:
    """The one before is out, the next is in, and a browser without a cookie is still nobody (R-SEC-3)."""
    before, after = (patient_with_user() for _ in range(2))
    theirs, own = (ConversationFactory(patient=each, customer=each.user) for each in (before, after))
    client = Client()
    _sign_in(client, before.user)
    with socket_of(client, server, path_of(theirs), str(theirs.pk)) as ws:
        assert ws.sent("It is me")["seq"] == 1
        _sign_in(client, after.user)
        assert ws.closed(seconds=5.5) == 4401
    with socket_of(Client(), server, path_of(own), str(own.pk)) as ws:
        assert ws.closed() == 4401
    with socket_of(client, server, path_of(own), str(own.pk)) as ws:
        assert ws.sent("And me")["seq"] == 1


def _sign_in(client: Client, user: Any) -> None:
    given = {"email": with_password(user).email, "password": PASSWORD}
    assert client.post("/sign-in", given).status_code == 302


@pytest.mark.parametrize("how", ["revoked", "expired"])
@pytest.mark.parametrize("act", ["message.send", "form.submit", "resume", ""])
def test_a_socket_ends_with_the_right_to_its_conversation(server: Server, how: str, act: str) -> None:
    """At the next act, and within five seconds where there is none (R-SEC-3)."""
    caregiver = caregiver_of(patient_with_user())
    conversation = ConversationFactory(patient=caregiver.patient, customer=caregiver.user)
    with socket_of(signed_in(caregiver.user), server, path_of(conversation), str(conversation.pk)) as ws:
        assert ws.sent("For my mother")["seq"] == 1
        take_back(caregiver, how)
        if act:
            ws.put(act, client_id=str(uuid.uuid4()), body="Still here", form="identify", values={}, after=0)
        assert ws.closed(seconds=2 if act else 5.5) == 4403
    assert Message.objects.count() == 1


def test_a_patient_is_told_when_their_caregiver_reads_a_chat(server: Server) -> None:
    """Once for a socket, and over HTTP for whatever it shows, before it is shown (R-SEC-2)."""
    caregiver = caregiver_of(patient_with_user())
    patient = caregiver.patient
    conversation = ConversationFactory(patient=patient)
    message_in(conversation, "Your mask was sent")
    client = signed_in(caregiver.user)
    with socket_of(client, server, path_of(conversation), str(conversation.pk)) as ws:
        ws.put("resume", after=0)
        assert ws.wait("message.new")["body"] == "Your mask was sent"
        ws.put("resume", after=0)
        ws.wait("resume.done")
    for after in (0, 1):
        path = f"/chat/{conversation.pk}/messages?after={after}"
        assert ask(server, "GET", path, Cookie=cookie_of(client))[0] == 200
    read = AccessEntry.objects.filter(actor_id=caregiver.user_id, kind="read").order_by("pk")
    assert [entry.what for entry in read] == ["chat joined", "chat read"]
    assert {(entry.on_behalf_of, *entry.subjects) for entry in read} == {(patient.pk, patient.pk)}
    assert [each.who for each in who_saw(patient, own=False)][:2] == [caregiver.user.display_name] * 2


def test_a_guest_who_is_known_by_now_reads_on_the_trail(server: Server) -> None:
    """From the form on, over HTTP and by socket; before it there is no record to be seen (R-SEC-2)."""
    chat, order = Chat.begin(server), OrderFactory()
    patient = order.patient
    chat.after(0)
    assert not AccessEntry.objects.filter(kind="read").exists()
    values = {"order_number": order.number, "birth_date": str(patient.birth_date)}
    form = {"form": "identify", "client_id": str(uuid.uuid4()), "values": values}
    assert ask(server, "POST", f"/chat/{chat.id}/forms", form, ticket=chat.ticket)[0] == 200
    chat.after(0)
    entries = AccessEntry.objects.filter(kind="read", what__startswith="chat").order_by("pk")
    assert [entry.what for entry in entries] == ["chat joined", "chat read"]
    assert {(entry.realm, entry.actor_id, entry.actor_name, *entry.subjects) for entry in entries} == {
        ("guest", None, "", patient.pk)
    }
    assert "Somebody in our chat" in {each.who for each in who_saw(patient, own=False)}


def test_pages_and_sockets_name_one_session(server: Server) -> None:
    patient = patient_with_user()
    conversation = ConversationFactory(patient=patient)
    message_in(conversation, "Your mask was sent")
    client = signed_in(patient.user)
    with socket_of(client, server, path_of(conversation), str(conversation.pk)) as ws:
        ws.put("resume", after=0)
        ws.wait("resume.done")
    assert ask(server, "GET", f"/chat/{conversation.pk}/messages?after=0", Cookie=cookie_of(client))[0] == 200
    read = AccessEntry.objects.filter(actor_id=patient.user_id, what__startswith="chat")
    session = UserSession.objects.get(user=patient.user)
    assert [entry.session for entry in read] == [str(session.ref)] * 2
