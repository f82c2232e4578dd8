"""Where two act at once, the second waits for the first and then acts on what the first left."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from agents import presence
from agents.models import AgentPresence
from cases import cases, conversations
from cases.cases import Conflict
from cases.drafts import Author, Draft
from cases.models import Conversation
from cases.writer import write_one
from tests.factories import CaseFactory, ConversationFactory, ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = """
    SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()
"""
Meanwhile = Callable[[Callable[[], Any]], "Future[Any]"]


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    """Let somebody else begin to act, and go on once they wait for a lock or are done."""
    watching = psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True)
    with watching, ThreadPoolExecutor(1) as others:

        def begin(act: Callable[[], Any]) -> "Future[Any]":
            acting = others.submit(_apart, act)
            deadline = time.monotonic() + 10
            while not acting.done() and time.monotonic() < deadline:
                if watching.execute(WAITING).fetchone():
                    break
                time.sleep(0.01)
            return acting

        yield begin


def _apart(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connection.close()


def test_a_message_is_numbered_after_the_one_being_stored(owner_db: Any, meanwhile: Meanwhile) -> None:
    """J3: the number is read under the lock of the conversation."""
    chat = ConversationFactory(channel="chat", state="open")
    draft = Draft(chat.pk, Author("customer", "guest", "Ana"), "Hello", client_id=uuid.uuid4())
    with owner_db.transaction():
        held = "SELECT 1 FROM cases_conversation WHERE id = %s FOR NO KEY UPDATE"
        owner_db.execute(held, [chat.pk])
        acting = meanwhile(lambda: write_one(draft))
        owner_db.execute("UPDATE cases_conversation SET last_seq = 7 WHERE id = %s", [chat.pk])
    assert acting.result(10).seq == 8


def test_an_agent_full_by_now_takes_no_more(owner_db: Any, meanwhile: Meanwhile) -> None:
    """Room is counted under the lock of the agent's presence."""
    agent = UserFactory(roles=["agent"])
    AgentPresence.objects.create(user=agent, state="online", chat_capacity=1)
    first, second = _queued(), _queued()
    with owner_db.transaction():
        owner_db.execute("SELECT 1 FROM agents_agentpresence WHERE user_id = %s FOR UPDATE", [agent.pk])
        acting = meanwhile(lambda: presence.accept_chat(agent, conversation=second))
        taken = "UPDATE cases_conversation SET agent_id = %s, state = 'open' WHERE id = %s"
        owner_db.execute(taken, [agent.pk, first.pk])
    with pytest.raises(presence.NoRoom):
        acting.result(10)


def test_who_came_second_to_a_chat_hears_who_was_faster(owner_db: Any, meanwhile: Meanwhile) -> None:
    """Both saw it free; the second waits for the row, and is told by name instead of failing."""
    ana, ben = UserFactory(roles=["agent"], display_name="Ana Ruiz"), UserFactory(roles=["agent"])
    chat = _queued()
    with owner_db.transaction():
        taken = "UPDATE cases_conversation SET agent_id = %s, state = 'open' WHERE id = %s"
        owner_db.execute(taken, [ana.pk, chat.pk])
        acting = meanwhile(lambda: conversations.accept(ben, conversation=chat))
    with pytest.raises(Conflict) as conflict:
        acting.result(10)
    assert (conflict.value.by, conflict.value.what) == ("Ana", "accepted")


def test_a_case_is_read_with_the_reason_it_has_by_now(owner_db: Any, meanwhile: Meanwhile) -> None:
    """A reason that changed while the row was waited for is not mistaken for none."""
    agent = UserFactory(roles=["agent"])
    case, other = CaseFactory(state="open"), ReasonFactory()
    with owner_db.transaction():
        owner_db.execute("UPDATE cases_case SET reason_id = %s WHERE id = %s", [other.pk, case.pk])
        acting = meanwhile(lambda: cases.wait(agent, case=case))
    assert acting.result(10).reason == other


def _queued() -> Conversation:
    case = CaseFactory(channel="chat", state="open")
    return ConversationFactory(channel="chat", case=case, patient=case.patient, state="queued")
