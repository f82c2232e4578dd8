"""The one door in: whatever reaches us, on whatever channel, becomes a message of a conversation of a case.

A contact is taken once for a channel and its id there, however often and at once it is handed in.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.db import connection, transaction
from django.utils import timezone

from cases import cases, conversations
from cases.drafts import Refused, Stored
from cases.models import Conversation, Message, Reason
from cases.models import Inbound as Entry
from cases.sealing import same_body
from cases.signals import contact_waiting
from config.security.redaction import redact
from portal.access import System
from portal.models import Order, Patient, User

DOOR = System("intake")
TAKE = """
    INSERT INTO cases_inbound (channel, external_id, received_at) VALUES (%s, %s, now())
    ON CONFLICT (channel, external_id) DO NOTHING RETURNING id
"""


@dataclass(frozen=True)
class Inbound:
    """A contact as its channel reads it. Without a ``body`` it opens a conversation and says nothing yet."""

    channel: str
    external_id: str
    sender: Any
    body: str | None = None
    conversation: Conversation | None = None
    patient: Patient | None = None
    order: Order | None = None
    reason: Reason | None = None
    subject: str = ""
    guest_name: str = ""
    language: str = "en"
    attachments: tuple[uuid.UUID, ...] = ()
    client_id: uuid.UUID | None = None
    prepare: Callable[[Conversation], None] | None = None


@dataclass(frozen=True)
class Received:
    """Where a contact went. ``created`` is False where it had been taken before."""

    conversation: Conversation
    message_id: int | None
    created: bool


def receive(inbound: Inbound) -> Received:
    """Take a contact in. Raises Refused where its message can't be stored; then nothing of it is kept.

    The code is ``conflict`` where another contact came under the same id.
    """
    with transaction.atomic():
        entry = _take(inbound)
        if entry is None:
            return _taken_before(inbound)
        conversation = _place(inbound)
        stored = _say(inbound, conversation)
        _remember(entry, conversation, stored)
        _announce(conversation)
    return Received(conversation, stored.id if stored else None, True)


def _take(inbound: Inbound) -> int | None:
    """The number of a new entry; waits for whoever is taking the same contact at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [inbound.channel, inbound.external_id])
        row = cursor.fetchone()
    return row[0] if row else None


def _taken_before(inbound: Inbound) -> Received:
    entry = Entry.objects.select_related("conversation", "message").get(
        channel=inbound.channel, external_id=inbound.external_id
    )
    # Whoever made the entry tied it to its conversation in the same transaction.
    conversation = cast(Conversation, entry.conversation)
    if entry.message is not None and not _is_same(inbound, conversation, entry.message):
        raise Refused("conflict", "Something else came under this id before.")
    return Received(conversation, entry.message_id, False)


def _is_same(inbound: Inbound, conversation: Conversation, message: Message) -> bool:
    """Whether the contact says what was stored of it, in the same place, with the same files."""
    goes_to = inbound.conversation or conversation
    if inbound.conversation is None and redact(inbound.subject).text != conversation.subject:
        return False
    files = message.attachments.values_list("document__ref", flat=True)
    if set(files) != set(inbound.attachments):
        return False
    draft = conversations.draft(inbound.sender, goes_to, body=inbound.body, attachments=inbound.attachments)
    return message.body_hash is None or same_body(draft, bytes(message.body_hash))


def _remember(entry: int, conversation: Conversation, stored: Stored | None) -> None:
    Entry.objects.filter(pk=entry).update(conversation=conversation, message=stored.id if stored else None)


def _place(inbound: Inbound) -> Conversation:
    """The conversation it belongs to: the one it answers, opened again where it was closed, or a new one."""
    if inbound.conversation is None:
        return _opened(inbound)
    rows = Conversation.objects.select_for_update(no_key=True, of=("self",))
    conversation: Conversation = rows.get(pk=inbound.conversation.pk)
    if conversation.state == "closed":
        conversation.state, conversation.closed_at = "open", None
        conversation.save(update_fields=["state", "closed_at"])
    if conversation.case is not None and conversation.case.state == "closed":
        cases.reopen(DOOR, case=conversation.case)
    return conversation


def _opened(inbound: Inbound) -> Conversation:
    case = cases.open_case(
        DOOR,
        channel=inbound.channel,
        patient=inbound.patient,
        order=inbound.order,
        reason=inbound.reason,
        subject=inbound.subject,
        guest_name=inbound.guest_name,
    )
    conversation = Conversation(
        channel=inbound.channel,
        case=case,
        patient=inbound.patient,
        customer=inbound.sender if isinstance(inbound.sender, User) else None,
        subject=inbound.subject,
        guest_name=inbound.guest_name,
        language=inbound.language,
        topic=inbound.reason.code if inbound.reason else "",
        last_message_at=timezone.now(),
    )
    if inbound.prepare:
        inbound.prepare(conversation)
    for name in ("subject", "guest_name", "guest_order_number"):
        setattr(conversation, name, redact(getattr(conversation, name)).text)
    conversation.save(force_insert=True)
    return conversation


def _say(inbound: Inbound, conversation: Conversation) -> Stored | None:
    if inbound.body is None:
        return None
    return conversations.write_one(
        conversations.draft(
            inbound.sender,
            conversation,
            body=inbound.body,
            client_id=inbound.client_id,
            attachments=inbound.attachments,
        )
    )


def _announce(conversation: Conversation) -> None:
    transaction.on_commit(
        lambda: contact_waiting.send_robust(
            None, case_id=conversation.case_id, conversation_id=conversation.pk
        )
    )
