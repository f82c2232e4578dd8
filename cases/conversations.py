"""What is done in a conversation: said, joined, accepted, handed on, read, closed. Messages go by cases.writer."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from cases import canned, cases, frames, hearing, history, live, sla, survey_chat
from cases.cases import Conflict
from cases.drafts import (
    BIGGEST_SEQ,
    LONGEST_CHOICE,
    MOST_ATTACHMENTS,
    SYSTEM,
    Draft,
    Refused,
    Stored,
    checked_body,
)
from cases.models import Case, Conversation
from cases.people import Guest, acts_for, author_of, is_staff, may_say, shown_name, takes_part
from cases.signals import contact_waiting
from cases.writer import write, write_one
from config.security import audit
from portal.access import System, require
from portal.models import User

__all__ = ["write", "write_one"]

SERVED = ("open", "waiting")
BUTTON = re.compile(r"[a-z][a-z0-9_.:-]*")
MARK = """
    INSERT INTO cases_readmark (conversation_id, role, user_id, seq, at) VALUES (%s, %s, %s, %s, now())
    ON CONFLICT (conversation_id, role, user_id) DO UPDATE SET seq = excluded.seq, at = excluded.at
    WHERE cases_readmark.seq < excluded.seq
"""


# --- saying ------------------------------------------------------------------------------------------
def draft(
    actor: Any,
    conversation: Conversation,
    *,
    body: Any,
    kind: str = "reply",
    client_id: uuid.UUID | None = None,
    prev: uuid.UUID | None = None,
    choice: str = "",
    attachments: Iterable[uuid.UUID] = (),
    made_from: str = "",
) -> Draft:
    """A message of somebody who takes part, checked as far as it can be without the database. Raises Refused."""
    if kind not in ("reply", "note", "whisper") or not may_say(actor, kind):
        raise Refused("forbidden", "You can't send that here.")
    refs = tuple(attachments)
    if len(refs) > MOST_ATTACHMENTS or len(choice) > LONGEST_CHOICE:
        raise Refused("too_large", "That is too much for one message.")
    if choice and not BUTTON.fullmatch(choice):
        raise Refused("invalid", "choice is the value of a button.")
    text = checked_body(body, may_be_empty=bool(refs))
    if is_staff(actor) and kind == "reply" and (places := canned.unresolved(text)):
        raise Refused(
            "invalid", _("Fill in %(places)s before you send this.") % {"places": ", ".join(places)}
        )
    author = author_of(actor, conversation)
    context = _context(actor, conversation)
    source = canned.named(made_from) if is_staff(actor) and kind == "reply" else None
    return Draft(conversation.pk, author, text, kind, client_id, prev, choice, refs, None, context, source)


def _context(actor: Any, conversation: Conversation) -> audit.Context:
    """Who answers for a message on the trail: the context's, with the case as its purpose."""
    purpose = f"case:{conversation.case_id}" if conversation.case_id else ""
    name = "" if actor.pk else getattr(actor, "name", "") if isinstance(actor, System) else "guest"
    return replace(
        audit.context.get(),
        actor_id=actor.pk,
        actor_name=name,
        realm=actor.realm,
        purpose=purpose,
        on_behalf_of=acts_for(actor, conversation),
    )


def reply(actor: Any, *, conversation: Conversation, **said: Any) -> Stored:
    """Say something to the others. ``said`` as ``draft`` takes it; raises Refused."""
    return _say(actor, conversation, "reply", said)


def note(actor: Any, *, conversation: Conversation, **said: Any) -> Stored:
    """Write something that customers never see."""
    return _say(actor, conversation, "note", said)


def whisper(actor: Any, *, conversation: Conversation, **said: Any) -> Stored:
    """Tell the agent something, unheard by the customer."""
    return _say(actor, conversation, "whisper", said)


def _say(actor: Any, conversation: Conversation, kind: str, said: dict[str, Any]) -> Stored:
    if not takes_part(actor, conversation):
        raise PermissionDenied("cases.view")
    return write_one(draft(actor, conversation, kind=kind, **said))


def _tell(conversation: Conversation, text: str) -> None:
    """A line of the house's own, between the messages."""
    write_one(Draft(conversation.pk, SYSTEM, text, "event", context=_context(System("chat"), conversation)))


# --- taking part -------------------------------------------------------------------------------------
def find(actor: Any, ref: uuid.UUID | str) -> Conversation:
    """A conversation of the actor's. Raises Conversation.DoesNotExist, also for somebody else's."""
    conversation: Conversation = Conversation.objects.select_related("patient", "agent", "case").get(pk=ref)
    if not takes_part(actor, conversation):
        raise Conversation.DoesNotExist
    return conversation


def join(actor: User, ref: uuid.UUID | str) -> Conversation:
    """Somebody of the staff begins to follow a conversation: one entry on the trail for all they will see."""
    require(actor, "cases.view")
    conversation = find(actor, ref)
    _require_heard(actor, conversation)
    _on_the_trail(actor, conversation, "chat joined")
    return conversation


def _require_heard(actor: Any, conversation: Conversation) -> None:
    """What was said on a closed case opens to staff as it does on its page. Raises Refused."""
    if is_staff(actor) and conversation.case is not None and not hearing.hears(actor, conversation.case):
        raise Refused("forbidden", "What was said here opens once the caller is verified.")


def opened(actor: Any, conversation: Conversation) -> None:
    """A customer begins to follow a conversation: as ``join``. A guest nobody knows has no record to be seen."""
    if conversation.patient_id:
        _on_the_trail(actor, conversation, "chat joined")


def messages(
    actor: Any, *, conversation: Conversation, after: int = 0, staff_after: int = 0
) -> list[frames.Frame]:
    """``message.new`` frames of what came after, at most a page. The caller found the conversation."""
    _require_heard(actor, conversation)
    marks = (conversation.pk, after, staff_after if is_staff(actor) else history.NOTHING)
    found = history.since([marks])
    if is_staff(actor) or (conversation.patient_id and (found or not after)):
        _on_the_trail(actor, conversation, "chat read")
    return [frames.for_desk(each) for each in found] if is_staff(actor) else found


def _on_the_trail(actor: Any, conversation: Conversation, what: str) -> None:
    """A guest's own name is no name for the trail, nor is whoever else is signed in at that browser."""
    purpose = f"case:{conversation.case_id}" if conversation.case_id else audit.context.get().purpose
    known: dict[str, Any] = {"purpose": purpose, "on_behalf_of": acts_for(actor, conversation)}
    if isinstance(actor, Guest):
        actor, known = None, known | {"actor_id": None, "actor_name": "", "realm": "guest"}
    with audit.acting(actor, **known):
        audit.read([conversation.patient_id] if conversation.patient_id else [], what, objects=[conversation])


def mark_read(actor: Any, *, conversation: Conversation, seq: int) -> frames.Frame | None:
    """``actor`` has seen up to ``seq``. The ``read`` frame where that is news, which the others have been told."""
    if not 0 < seq <= BIGGEST_SEQ:
        raise Refused("invalid", "seq is a whole number from 1.")
    role = author_of(actor, conversation).role
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT last_seq FROM cases_conversation WHERE id = %s", [conversation.pk])
        reached = min(seq, cursor.fetchone()[0])
        cursor.execute(MARK, [conversation.pk, role, actor.pk, reached])
        if not cursor.rowcount:
            return None
        if is_staff(actor) and conversation.case_id:
            theirs = Q() if conversation.agent_id == actor.pk else Q(owner=None) | Q(owner=actor.pk)
            Case.objects.filter(theirs, pk=conversation.case_id, unread__gt=0).update(unread=0)
        frame = frames.read(conversation.pk, role, reached)
        transaction.on_commit(lambda: live.say(frame))
    return frame


# --- the line and who serves it ----------------------------------------------------------------------
def accept(actor: User, *, conversation: Conversation) -> Conversation:
    """Take a waiting chat. Raises Conflict where a colleague was faster."""
    require(actor, "chat.serve", conversation)
    with transaction.atomic():
        found = locked(conversation.pk)
        if found.agent_id is not None and found.agent_id != actor.pk:
            raise Conflict(shown_name(found.agent), "accepted", found.accepted_at or timezone.now())
        _refuse_closed(found)
        if found.agent_id == actor.pk:
            return found
        found.agent, found.state, found.accepted_at = actor, "open", timezone.now()
        found.save(update_fields=["agent", "state", "accepted_at"])
        _tell(found, _in_words(found, "joined", shown_name(actor)))
        _take_case(actor, found)
        announce(found)
    return found


def _take_case(actor: User, conversation: Conversation) -> None:
    case = conversation.case
    if case is None:
        return
    if case.owner_id is None:
        cases.assign(actor, case=case, to=actor)
    sla.event(cases.locked(case), "acknowledged", actor=actor)


def release(actor: Any, *, conversation: Conversation, held_by: int | None = None) -> Conversation:
    """Put a chat back into the line, at the place it had; with ``held_by`` only while this user still serves it."""
    require(actor, "chat.serve", conversation)
    with transaction.atomic():
        found = locked(conversation.pk)
        if found.state in SERVED and held_by in (None, found.agent_id):
            _to_line(found)
            _tell(found, _in_words(found, "released", ""))
            announce(found)
    return found


def hand_on(actor: Any, *, conversation: Conversation, to: User | None) -> Conversation:
    """To a colleague, or with None into the line for whoever is free."""
    require(actor, "chat.serve", conversation)
    with transaction.atomic():
        found = locked(conversation.pk)
        _refuse_closed(found)
        if to is None:
            _to_line(found)
            _tell(found, _in_words(found, "released", ""))
        else:
            require(to, "chat.serve")
            found.agent, found.state = to, "open"
            found.accepted_at = found.accepted_at or timezone.now()
            found.save(update_fields=["agent", "state", "accepted_at"])
            _tell(found, _in_words(found, "handed_on", shown_name(to)))
        announce(found)
    return found


def transfer(
    actor: Any, *, conversation: Conversation, to: User | None = None, team: Any = None, note: str = ""
) -> Conversation:
    """Hand on a chat with its case, to a person or a team."""
    if conversation.case is None:
        return hand_on(actor, conversation=conversation, to=to)
    cases.transfer(actor, case=conversation.case, to=to, team=team, note=note)
    conversation.refresh_from_db()
    return conversation


def _to_line(conversation: Conversation) -> None:
    """Whoever is put back waits for our word again, whoever had the last one."""
    if conversation.agent is not None and conversation.case is not None:
        sla.event(cases.locked(conversation.case), "in_line")
    conversation.agent, conversation.state = None, "queued"
    conversation.queued_at = conversation.queued_at or timezone.now()
    conversation.save(update_fields=["agent", "state", "queued_at"])
    transaction.on_commit(lambda: _announce_waiting(conversation))


def end(actor: Any, *, conversation: Conversation) -> Conversation:
    """Close a conversation, by either side. Closing it again changes nothing."""
    if not takes_part(actor, conversation):
        raise PermissionDenied("cases.view")
    if is_staff(actor):
        require(actor, "cases.work")
    with transaction.atomic():
        found = locked(conversation.pk)
        if found.state == "closed":
            return found
        survey_chat.ask(found, _context(System("survey"), found))
        _tell(found, _in_words(found, "ended", author_of(actor, found).name))
        found.state, found.closed_at = "closed", timezone.now()
        found.save(update_fields=["state", "closed_at"])
        announce(found)
    return found


def thread_of(case: Case) -> Conversation:
    """The conversation that what is written on a case goes into; a quiet one where there is none.

    Of a case that was merged meanwhile, that of the case it went into.
    """
    return _spoken_in(case) or _quiet_thread(case)


def speaking(threads: Iterable[Conversation]) -> Conversation | None:
    """The thread an answer goes into: a live chat before all, else the one spoken in last."""
    return max(
        threads,
        key=lambda thread: (is_live(thread), thread.last_message_at or thread.started_at),
        default=None,
    )


def is_live(thread: Conversation) -> bool:
    return thread.channel == "chat" and thread.state != "closed"


def _spoken_in(case: Case) -> Conversation | None:
    return speaking(case.conversations.order_by("-started_at"))


@transaction.atomic
def _quiet_thread(case: Case) -> Conversation:
    held: Case = Case.objects.select_for_update(no_key=True, of=("self",)).get(pk=case.pk)
    if held.merged_into is not None:
        return thread_of(held.merged_into)
    return _spoken_in(held) or Conversation.objects.create(
        channel=held.channel, case=held, patient=held.patient, subject=held.subject
    )


def locked(ref: uuid.UUID) -> Conversation:
    """As it stands under lock, with all conversations of its case and of the one that went into, in their order:
    whoever goes on from here to the case takes no more of them. Read anew for what the row now names.
    """
    rows = Conversation.objects.filter(pk=ref)
    cases_of = {case for case in rows.values_list("case", "case__merged_into").get() if case}
    beside = Conversation.objects.filter(Q(pk=ref) | Q(case__in=cases_of)).order_by("pk")
    list(beside.select_for_update(no_key=True).values_list("pk"))
    found: Conversation = rows.select_related("agent", "case", "patient").get()
    return found


def _refuse_closed(conversation: Conversation) -> None:
    if conversation.state == "closed":
        raise Refused("closed", "This conversation is closed.")


def announce(conversation: Conversation) -> None:
    """Tell the participants, and all who wait in the line, how it stands now."""
    transaction.on_commit(lambda: live.states_changed([conversation.pk]))


def _announce_waiting(conversation: Conversation) -> None:
    contact_waiting.send_robust(None, case_id=conversation.case_id, conversation_id=conversation.pk)


def _in_words(conversation: Conversation, what: str, name: str) -> str:
    """What happened, in the customer's language."""
    with translation.override(conversation.language):
        return {
            "joined": _("%(name)s joined the chat."),
            "released": _("You are back in line. Somebody else will help you soon."),
            "handed_on": _("%(name)s will help you from here."),
            "ended": _("The chat has ended.") if not name else _("%(name)s ended the chat."),
        }[what] % {"name": name}
