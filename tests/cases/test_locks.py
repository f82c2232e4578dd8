"""Where two act at once, the second waits for the first and then acts on what the first left."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from agents import presence, sending, workspace
from agents.models import AgentPresence, Draft, HeldReply
from cases import (
    callbacks,
    cases,
    chat_forms,
    complaints,
    conversations,
    escalation,
    intake,
    merging,
    playbooks,
)
from cases.cases import Conflict
from cases.defaults import escalation as defaults
from cases.defaults import playbooks as playbooks_to_begin_with
from cases.drafts import Author
from cases.drafts import Draft as Said
from cases.models import Callback, Case, Conversation, Escalation, Playbook
from cases.people import Guest
from cases.writer import write_one
from portal.access import System
from portal.models import User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    ReasonFactory,
    UserFactory,
    message_in,
)

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = """
    SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()
"""
Meanwhile = Callable[[Callable[[], Any]], "Future[Any]"]
Act = Callable[[], Any]


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
    draft = Said(chat.pk, Author("customer", "guest", "Ana"), "Hello", client_id=uuid.uuid4())
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


# --- what hangs on a case that goes into another -----------------------------------------------------------
def _reply_leaves(agent: User, case: Case) -> Act:
    reply = sending.hold(agent, case=case, body="It ships tomorrow.", client_id=uuid.uuid4())
    HeldReply.objects.update(release_at=timezone.now())
    return lambda: sending.release(reply.pk) or sending.release(reply.pk)


def _reply_is_taken_back(agent: User, case: Case) -> Act:
    reply = sending.hold(agent, case=case, body="It ships tomorrow.", client_id=uuid.uuid4())
    return lambda: sending.undo(agent, held=reply).state == "undone"


def _complaint_is_answered(agent: User, case: Case) -> Act:
    complaint = complaints.take_down(
        agent, kind="delivery", summary="It came late", channel="phone", case=case
    )
    said = {"findings": "The driver was late.", "told": "We are sorry."}
    return lambda: complaints.answer(agent, complaint=complaint, **said).case.merged_into is None


def _escalation_runs_out(agent: User, case: Case) -> Act:
    defaults.install()
    made = escalation.escalate(agent, case=case, lane="specialist", why="Nobody answers")
    Escalation.objects.update(due_at=timezone.now())
    return lambda: escalation.run_out(made.pk)


def _playbook_is_given_up(agent: User, case: Case) -> Act:
    playbooks_to_begin_with.install()
    run = playbooks.start(agent, case=case, playbook=Playbook.objects.get(code="complaint"))
    return lambda: playbooks.abandon(agent, run=run, revision=run.revision, reason="Hung up") is not None


def _nobody_answers_the_call(agent: User, case: Case) -> Act:
    soon = timezone.now() + timedelta(minutes=30)
    call = Callback.objects.create(
        case=case, phone="+15125550143", starts_at=soon, ends_at=soon + timedelta(minutes=30)
    )
    return lambda: callbacks.missed(agent, callback=call).tries == 1


@pytest.mark.parametrize(
    ("table", "begins"),
    [
        ("agents_heldreply", _reply_leaves),
        ("agents_heldreply", _reply_is_taken_back),
        ("cases_complaint", _complaint_is_answered),
        ("cases_escalation", _escalation_runs_out),
        ("cases_playbookrun", _playbook_is_given_up),
        ("cases_callback", _nobody_answers_the_call),
    ],
)
def test_what_hangs_on_a_case_waits_for_its_merge_and_goes_on(
    owner_db: Any, meanwhile: Meanwhile, table: str, begins: Callable[[User, Case], Act]
) -> None:
    """R-CASE-1: neither waits for the other in a circle, and nothing is taken for gone because it moved."""
    agent, into = UserFactory(roles=["lead"]), CaseFactory(state="open")
    case = CaseFactory(state="open", patient=into.patient)
    message_in(ConversationFactory(case=case, patient=case.patient), "Hello", role="customer")
    act = begins(agent, case)
    with owner_db.transaction():
        for held in ("cases_conversation WHERE case_id", "cases_case WHERE id"):
            owner_db.execute(f"SELECT 1 FROM {held} = %s FOR NO KEY UPDATE", [case.pk])
        acting = meanwhile(act)
        for moved in (table, "cases_conversation"):
            owner_db.execute(f"UPDATE {moved} SET case_id = %s WHERE case_id = %s", [into.pk, case.pk])
        owner_db.execute("UPDATE cases_case SET merged_into_id = %s WHERE id = %s", [into.pk, case.pk])
    assert acting.result(10)


def test_drafts_are_read_under_lock_by_a_merge(owner_db: Any, meanwhile: Meanwhile) -> None:
    """R-CASE-1: what is saved while the cases become one is not written over."""
    agent, into = UserFactory(roles=["agent"]), CaseFactory(state="open")
    case = CaseFactory(state="open", patient=into.patient)
    for whose, body in ((into, "One"), (case, "Two")):
        workspace.keep_draft(agent, whose, kind="reply", body=body, seen=0, files=[])
    with owner_db.transaction():
        there = "SELECT 1 FROM agents_draft WHERE case_id = %s FOR UPDATE"
        owner_db.execute(there, [into.pk])
        acting = meanwhile(lambda: merging.merge(agent, into=into, cases=[case]))
        later = Draft.objects.get(case=case)
        taken = (
            "UPDATE agents_draft SET body = (SELECT body FROM agents_draft WHERE id = %s) WHERE case_id = %s"
        )
        owner_db.execute(taken, [later.pk, into.pk])
    acting.result(10)
    assert workspace.draft_of(agent, into).body == "Two\n\nTwo"


def _queued() -> Conversation:
    case = CaseFactory(channel="chat", state="open")
    return ConversationFactory(channel="chat", case=case, patient=case.patient, state="queued")


# --- one order for all: conversations by their ids, then their case ------------------------------------------
ROUNDS = 12


def _threads_of(case: Case, *channels: str) -> list[Conversation]:
    """Conversations of a case by their ids, ``channels`` in that order."""
    ids = sorted(uuid.uuid4() for _ in channels)
    more: dict[str, dict[str, Any]] = {"chat": {"state": "queued", "queued_at": timezone.now()}}
    return [
        ConversationFactory(pk=pk, case=case, patient=case.patient, channel=name, **more.get(name, {}))
        for pk, name in zip(ids, channels, strict=True)
    ]


def _closed_case(**more: Any) -> Case:
    ended = {"closed_at": timezone.now(), "disposition": "answered", "next_step": "None"}
    return CaseFactory(state="closed", reason=ReasonFactory(), **ended, **more)


def _chat_is_taken_and_case_changed() -> list[Act]:
    ana, ben = UserFactory(roles=["agent"]), UserFactory(roles=["agent"])
    case = CaseFactory(state="open", owner=None)
    *_others, chat = _threads_of(case, "portal", "email", "chat")
    return [
        lambda: conversations.accept(ana, conversation=chat),
        lambda: cases.change(ben, case=case, priority=2),
    ]


def _chats_of_a_case_are_taken() -> list[Act]:
    case = CaseFactory(state="open", owner=None)
    takers = [(UserFactory(roles=["agent"]), chat) for chat in _threads_of(case, "chat", "chat")]
    return [partial(conversations.accept, who, conversation=chat) for who, chat in takers]


def _two_letters_come_into_a_closed_case() -> list[Act]:
    return [partial(_comes_in, thread) for thread in _threads_of(_closed_case(), "email", "portal")]


def _letter_comes_while_the_case_is_opened_again() -> list[Act]:
    ana, case = UserFactory(roles=["agent"]), _closed_case()
    *_others, thread = _threads_of(case, "email", "portal", "sms")
    return [partial(_comes_in, thread), lambda: _unless_open(ana, case)]


def _two_letters_come_into_merged_cases() -> list[Act]:
    into = CaseFactory(state="open")
    case = _closed_case(patient=into.patient, merged_into=into)
    threads = [*_threads_of(case, "email", "portal"), *_threads_of(into, "sms", "portal")]
    return [partial(_comes_in, thread) for thread in threads]


def _guest_says_who_they_are_while_the_case_is_changed() -> list[Act]:
    order, ben = OrderFactory(), UserFactory(roles=["agent"])
    case = CaseFactory(state="open", patient=None)
    *_others, chat = _threads_of(case, "portal", "email", "chat")
    said = {"order_number": order.number, "birth_date": str(order.patient.birth_date)}
    return [
        lambda: chat_forms.identify(Guest(chat.pk), chat, said),
        lambda: cases.change(ben, case=case, priority=2),
    ]


def _comes_in(thread: Conversation) -> Any:
    taken = intake.Inbound(
        channel=thread.channel,
        external_id=str(uuid.uuid4()),
        sender=System("intake"),
        conversation=thread,
    )
    return intake.receive(taken)


def _unless_open(actor: User, case: Case) -> None:
    with contextlib.suppress(ValidationError):
        cases.reopen(actor, case=case)


@pytest.mark.parametrize(
    "begins",
    [
        _chat_is_taken_and_case_changed,
        _chats_of_a_case_are_taken,
        _two_letters_come_into_a_closed_case,
        _letter_comes_while_the_case_is_opened_again,
        _two_letters_come_into_merged_cases,
        _guest_says_who_they_are_while_the_case_is_changed,
    ],
)
def test_nobody_waits_in_a_circle(begins: Callable[[], list[Act]]) -> None:
    """J3: all who go from a conversation on to its case take the case's conversations in one order."""
    for _round in range(ROUNDS):
        acts = begins()
        together = threading.Barrier(len(acts))
        with ThreadPoolExecutor(len(acts)) as pool:
            for acting in [pool.submit(_at_once, together, act) for act in acts]:
                acting.result(30)


def _at_once(together: threading.Barrier, act: Act) -> Any:
    connection.ensure_connection()
    together.wait(10)
    return _apart(act)
