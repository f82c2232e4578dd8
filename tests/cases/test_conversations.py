"""The writer and the rules of conversations, on the database itself."""

import asyncio
import uuid
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases import conversations, history
from cases.cases import Conflict
from cases.channels.chat import start
from cases.collector import Collector
from cases.drafts import SYSTEM, Author, Draft, Refused, Stored
from cases.models import Case, Conversation, Message, ReadMark
from cases.people import Guest
from cases.writer import write, write_one
from portal.models import AccessEntry
from tests.factories import CaseFactory, ConversationFactory, DocumentFactory, UserFactory, message_in

pytestmark = pytest.mark.django_db(transaction=True)
ANA = Author("customer", "guest", "Ana")


@pytest.fixture
def chat() -> Conversation:
    case = CaseFactory(channel="chat", state="open")
    return ConversationFactory(channel="chat", case=case, patient=case.patient, state="open")


def said(chat: Conversation, body: str = "Hello", **more: Any) -> Draft:
    return Draft(
        chat.pk, more.pop("author", ANA), body, client_id=more.pop("client_id", uuid.uuid4()), **more
    )


def test_seq_counts_without_gaps_and_notes_count_apart(chat: Conversation) -> None:
    """R-CHAT-6, promise 2."""
    outcomes = write([said(chat), said(chat, kind="note"), said(chat), said(chat, kind="whisper")])
    assert [(each.seq, each.staff_seq) for each in outcomes] == [(1, None), (None, 1), (2, None), (None, 2)]
    chat.refresh_from_db()
    assert (chat.last_seq, chat.last_staff_seq) == (2, 2)


def test_the_same_again_gets_the_same_ack(chat: Conversation) -> None:
    """Promise 3: within one batch and in a later one."""
    draft = said(chat)
    first, twin = write([draft, draft])
    again = write_one(draft)
    assert first.id == twin.id == again.id
    assert (first.created, again.created) == (True, False)
    assert Message.objects.count() == 1


def test_another_body_under_the_same_id_is_a_conflict(chat: Conversation) -> None:
    """X9: in the same batch and later, and what was stored stays."""
    draft = said(chat, "One")
    other = said(chat, "Two", client_id=draft.client_id)
    _, refused = write([draft, other])
    assert isinstance(refused, Refused)
    assert refused.code == "conflict"
    assert refused.permanent
    with pytest.raises(Refused, match="conflict"):
        write_one(other)
    assert Message.objects.get().body == "One"


def test_client_ids_of_two_authors_do_not_meet(chat: Conversation) -> None:
    draft = said(chat, "Mine")
    agent = Author("agent", "u7", "Sam")
    assert write_one(draft).id != write_one(said(chat, "Yours", client_id=draft.client_id, author=agent)).id


def test_what_follows_a_message_that_is_not_stored_waits(chat: Conversation) -> None:
    """The ``prev`` chain: refused until its head is there, in one batch or over several."""
    head = said(chat)
    tail = said(chat, prev=head.client_id)
    with pytest.raises(Refused, match="out_of_order") as refused:
        write_one(tail)
    assert not refused.value.permanent
    assert [outcome.seq for outcome in write([head, tail])] == [1, 2]


def test_a_poisoned_message_hurts_no_neighbour(chat: Conversation) -> None:
    """Promise 6: what the database itself refuses is refused alone, and for good."""
    bad = said(chat, "x", choice="c" * 81)
    good, refused, other = write([said(chat, "one"), bad, said(chat, "two")])
    assert isinstance(refused, Refused)
    assert refused.code == "invalid"
    assert refused.permanent
    assert (good.seq, other.seq) == (1, 2)


def test_whatever_a_message_raises_its_neighbours_are_stored_and_everybody_is_answered(
    chat: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 6: an error that nobody thought of is one message's own; no socket waits for ever."""

    def fails(author_id: int | None, case_id: int, body: str) -> None:
        raise ValidationError("Nobody was told.")

    monkeypatch.setattr("cases.following.noted", fails)
    note = said(chat, "@Ben look", kind="note", author=Author("agent", "u7", "Sam"))

    async def say() -> list[Any]:
        collector = Collector()
        both = asyncio.gather(collector.submit(said(chat)), collector.submit(note))
        return await asyncio.wait_for(both, timeout=8)

    stored, refused = asyncio.run(say())
    assert (stored.seq, refused.code, refused.permanent) == (1, "invalid", True)
    assert Message.objects.get().body == "Hello"


def test_whose_case_it_is_not_reads_nothing_for_its_owner(chat: Conversation) -> None:
    """R-CASE-1: a colleague who looks in leaves it unread; whoever has the case, or serves the chat, does not."""
    owner, other = UserFactory(roles=["agent"]), UserFactory(roles=["agent"])
    case = Case.objects.filter(pk=chat.case_id)
    case.update(owner=owner)
    for reader, serves, unread in ((other, None, 1), (owner, None, 0), (other, other, 0)):
        seq = write_one(said(chat)).seq or 0
        chat.agent = serves
        conversations.mark_read(reader, conversation=chat, seq=seq)
        assert case.get().unread == unread


def test_what_can_never_be_stored_is_refused_before_any_query(chat: Conversation) -> None:
    guest = Guest(chat.pk)
    for body in (
        "",
        "   ",
        "\u200b",
        " \u2060\ufeff\u202e\u00ad\n",
        "\u3164\u2800",
        "\ufe0f",
        "a\0b",
        "\ud800",
        5,
        None,
        ["x"],
    ):
        with pytest.raises(Refused, match="invalid"):
            conversations.draft(guest, chat, body=body)
    with pytest.raises(Refused, match="too_large"):
        conversations.draft(guest, chat, body="x" * 10_001)
    for body in ("\u200bHello", "\N{FAMILY}\u200d", "\N{ARABIC LETTER ALEF}\u200f", "n\u0303", "?"):
        assert conversations.draft(guest, chat, body=body).body == body


def test_identifying_numbers_are_gone_before_anything_is_stored(chat: Conversation) -> None:
    """R-CHAT-2. The hash is of the body as it was sent, so the same again is still the same."""
    draft = said(chat, "My SSN is 123-45-6789.")
    stored = write_one(draft)
    assert stored.redactions == 1
    assert "6789" not in Message.objects.get().body
    assert write_one(draft).id == stored.id


@pytest.mark.parametrize("typed", ["Jane Doe", "born 1961-04-12", "Ünal", "nul\0"])
def test_a_choice_is_a_buttons_value_and_no_text(chat: Conversation, typed: str) -> None:
    """Its column is not sealed (R-SEC-4)."""
    with pytest.raises(Refused):
        conversations.draft(Guest(chat.pk, "Ana"), chat, body="x", choice=typed)


def test_a_topic_that_is_none_of_ours_is_not_kept() -> None:
    """Nor is this one (R-SEC-4)."""
    asked = {"notice_accepted": True, "topic": "my mother Jane Doe"}
    started = start(None, asked=asked, language="en", session_key="", address="10.0.0.9")
    assert started.conversation.topic == ""


def test_bodies_are_sealed_and_found_by_word(chat: Conversation) -> None:
    write_one(said(chat, "The mask leaks at night"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM cases_message")
        assert "mask" not in cursor.fetchone()[0]
    assert Message.objects.filter(body_tokens__matches="MASK night").exists()
    assert not Message.objects.filter(body_tokens__matches="hose").exists()


def test_every_message_is_on_the_trail_with_its_author(chat: Conversation) -> None:
    """R-SEC-2."""
    agent = UserFactory(roles=["agent"])
    stored = conversations.reply(agent, conversation=chat, body="On its way.")
    entry = AccessEntry.objects.get(kind="create", what="cases.message", object_id=stored.id)
    assert (entry.actor_id, entry.subjects, entry.purpose) == (
        agent.pk,
        [chat.patient_id],
        f"case:{chat.case_id}",
    )


def test_a_batch_costs_the_same_few_statements_whatever_its_size(chat: Conversation) -> None:
    chats = [chat, ConversationFactory(channel="chat", state="open"), ConversationFactory(state="open")]

    def cost(drafts: list[Draft]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert all(isinstance(outcome, Stored) for outcome in write(drafts))
        return len([q for q in queries if "SAVEPOINT" not in q["sql"]])

    write([said(each) for each in chats])
    one = cost([said(chat)])
    many = cost([said(each, str(n)) for n in range(20) for each in chats])
    assert one == many <= 8


def test_a_customer_who_writes_is_unread_until_answered(chat: Conversation) -> None:
    write([said(chat), said(chat)])
    chat.case.refresh_from_db()
    assert chat.case.unread == 2
    conversations.reply(UserFactory(roles=["agent"]), conversation=chat, body="Hi")
    chat.case.refresh_from_db()
    assert (chat.case.unread, chat.case.last_message.author_role) == (0, "agent")


def test_a_customers_word_ends_the_waiting_for_it(chat: Conversation) -> None:
    chat.case.state = chat.state = "waiting"
    chat.case.save()
    chat.save()
    write_one(said(chat))
    chat.refresh_from_db()
    assert (chat.state, chat.case.state) == ("open", "open")


def test_nothing_is_said_in_a_closed_conversation(chat: Conversation) -> None:
    draft = said(chat)
    stored = write_one(draft)
    conversations.end(Guest(chat.pk, "Ana"), conversation=chat)
    with pytest.raises(Refused, match="closed"):
        write_one(said(chat))
    assert write_one(draft).id == stored.id, "what was stored before is still acknowledged"
    assert write_one(said(chat, kind="note", author=Author("agent", "u1"))).staff_seq == 1


def test_a_conversation_that_does_not_exist_is_forbidden() -> None:
    with pytest.raises(Refused, match="forbidden"):
        write_one(Draft(uuid.uuid4(), SYSTEM, "x"))


def test_files_go_along_only_from_the_conversation_or_its_patient(chat: Conversation) -> None:
    own = DocumentFactory(patient=chat.patient)
    uploaded = DocumentFactory(patient=None, owner_ref=f"conversation:{chat.pk}")
    stored = write_one(said(chat, attachments=(own.ref, uploaded.ref)))
    [frame] = history.since([(chat.pk, 0, history.NOTHING)])
    assert [each["id"] for each in frame["attachments"]] == [str(own.ref), str(uploaded.ref)]
    assert frame["id"] == stored.id
    foreign = DocumentFactory()
    refused_one = DocumentFactory(patient=chat.patient, state="infected")
    for ref in (foreign.ref, refused_one.ref, uuid.uuid4()):
        with pytest.raises(Refused, match="invalid"):
            write_one(said(chat, attachments=(ref,)))


def test_customers_never_get_notes_and_whispers(chat: Conversation) -> None:
    """Promise 8, over the reading and over the rights of the rows."""
    agent = UserFactory(roles=["supervisor"])
    conversations.note(agent, conversation=chat, body="Careful")
    conversations.whisper(agent, conversation=chat, body="Offer a refund")
    assert conversations.messages(Guest(chat.pk), conversation=chat) == []
    assert len(conversations.messages(agent, conversation=chat)) == 2
    chat.patient.user = UserFactory(realm="patient", roles=["patient"])
    chat.patient.save()
    assert not Message.objects.visible_to(chat.patient.user).exists()


def test_who_may_say_what(chat: Conversation) -> None:
    agent, stranger = UserFactory(roles=["agent"]), UserFactory(realm="patient", roles=["patient"])
    with pytest.raises(Refused, match="forbidden"):
        conversations.whisper(agent, conversation=chat, body="psst")
    with pytest.raises(Refused, match="forbidden"):
        conversations.note(Guest(chat.pk), conversation=chat, body="psst")
    with pytest.raises(PermissionDenied):
        conversations.reply(stranger, conversation=chat, body="hello")
    with pytest.raises(PermissionDenied):
        conversations.reply(Guest(uuid.uuid4()), conversation=chat, body="hello")


def test_two_agents_who_accept_at_once_are_one(chat: Conversation) -> None:
    chat.state = "queued"
    chat.save()
    first, second = UserFactory(roles=["agent"], display_name="Ana Ruiz"), UserFactory(roles=["agent"])
    conversations.accept(first, conversation=chat)
    with pytest.raises(Conflict) as conflict:
        conversations.accept(second, conversation=chat)
    assert (conflict.value.by, conflict.value.what) == ("Ana", "accepted")
    chat.refresh_from_db()
    assert (chat.agent, chat.state, chat.case.owner) == (first, "open", first)


def test_a_first_reply_accepts(chat: Conversation) -> None:
    chat.state = "queued"
    chat.save()
    agent = UserFactory(roles=["agent"])
    conversations.reply(agent, conversation=chat, body="Hello")
    chat.refresh_from_db()
    assert (chat.state, chat.agent) == ("open", agent)
    assert chat.accepted_at is not None


def test_read_marks_only_go_forward(chat: Conversation) -> None:
    write([said(chat), said(chat), said(chat)])
    agent = UserFactory(roles=["agent"])
    assert conversations.mark_read(agent, conversation=chat, seq=2)
    assert conversations.mark_read(agent, conversation=chat, seq=1) is None
    conversations.mark_read(agent, conversation=chat, seq=99)
    assert ReadMark.objects.get().seq == 3
    conversations.mark_read(Guest(chat.pk), conversation=chat, seq=1)
    conversations.mark_read(Guest(chat.pk), conversation=chat, seq=2)
    assert sorted(ReadMark.objects.values_list("role", "seq")) == [("agent", 3), ("customer", 2)]


def test_joining_is_one_entry_on_the_trail(chat: Conversation) -> None:
    agent = UserFactory(roles=["agent"])
    conversations.join(agent, chat.pk)
    entry = AccessEntry.objects.get(what="chat joined")
    assert (entry.actor_id, entry.subjects) == (agent.pk, [chat.patient_id])


def test_the_end_of_a_long_history_costs_what_that_of_a_short_one_does(owner_db: Any) -> None:
    """Resume of 100 messages touches the same pages at 200 and at 100,000 messages."""
    short, long = ConversationFactory(channel="chat"), ConversationFactory(channel="chat")
    with connection.cursor() as cursor:
        for each, size in ((short, 200), (long, 100_000)):
            cursor.execute(FILL, [each.pk, size])
    owner_db.execute("ANALYZE cases_message")
    assert _buffers(long, 99_900) <= 3 * _buffers(short, 100), (
        "pages of an index grow by a level, not by rows"
    )


FILL = """
    INSERT INTO cases_message
        (conversation_id, seq, kind, author_role, author_key, author_name, body, redactions, choice, sent_at)
    SELECT %s, n, 'reply', 'customer', 'guest', '', 'x', 0, '', now() FROM generate_series(1, %s) n
"""


def _buffers(conversation: Conversation, after: int) -> int:
    marks = [[conversation.pk], [after], [history.NOTHING]]
    with connection.cursor() as cursor:
        cursor.execute(history.SINCE, marks)
        assert len(cursor.fetchall()) == 100
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)" + history.SINCE, marks)
        plan = cursor.fetchone()[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_message_in_of_the_factories_agrees_with_the_writer(chat: Conversation) -> None:
    message_in(chat, "by hand")
    assert write_one(said(chat)).seq == 2
