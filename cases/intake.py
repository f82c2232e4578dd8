"""The one door in: whatever reaches us, on whatever channel, becomes a message of a conversation of a case.

A contact is taken once for a channel and its id there, however often and at once it is handed in.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.db import connection, transaction
from django.utils import timezone

from cases import cases, conversations, kin, moving, repeats, steering
from cases.drafts import Refused, Stored
from cases.models import Case, Conversation, Message, Reason
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
        steering.look(conversation, redacted=_redactions(inbound, stored))
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
    answered = inbound.conversation
    if answered is None and redact(inbound.subject).text != conversation.subject:
        return False
    if answered is not None and not _leads_to(answered, conversation):
        return False
    files = message.attachments.values_list("document__ref", flat=True)
    if set(files) != set(inbound.attachments):
        return False
    draft = conversations.draft(
        inbound.sender, conversation, body=inbound.body, attachments=inbound.attachments
    )
    return message.body_hash is None or same_body(draft, bytes(message.body_hash))


def _leads_to(answered: Conversation, conversation: Conversation) -> bool:
    """Whether what is written into ``answered`` may stand in ``conversation``, which takes it up."""
    at: Conversation | None = conversation
    while at is not None and at.pk != answered.pk:
        at = at.continues
    return at is not None


def _remember(entry: int, conversation: Conversation, stored: Stored | None) -> None:
    Entry.objects.filter(pk=entry).update(conversation=conversation, message=stored.id if stored else None)


def _place(inbound: Inbound) -> Conversation:
    """The conversation it belongs to: the one it answers, or a new one."""
    return _opened(inbound) if inbound.conversation is None else _taken_up(inbound, inbound.conversation.pk)


def _taken_up(inbound: Inbound, ref: uuid.UUID) -> Conversation:
    """As it was closed, it opens again with its case; after the reopen window a new case takes the matter up."""
    conversation = conversations.locked(ref)
    case = _moved_on(conversation)
    if case is not None and case.state == "closed":
        if repeats.is_past_reopening(case):
            return _continued(inbound, conversation, case)
        cases.reopen(DOOR, case=case)
    if conversation.state == "closed":
        conversation.state, conversation.closed_at = "open", None
        conversation.save(update_fields=["state", "closed_at"])
    return conversation


def _moved_on(conversation: Conversation) -> Case | None:
    """Its case; a thread that was begun on a merged one goes on to where the matter stands now."""
    case = conversation.case
    if case is None or case.merged_into_id is None:
        return case
    held = cases.locked_together([case.pk, kin.kept(case).pk])
    into = held[kin.kept(case).pk]
    moving.move([conversation.pk], of=held[case.pk], to=into)
    for each in (held[case.pk], into):
        cases.save(each, "unread")
    conversation.case = into
    return into


def _continued(inbound: Inbound, before: Conversation, case: Case) -> Conversation:
    """Of two who write at once into what is long closed, the second finds what the first began."""
    begun = before.continued_by.order_by("-started_at").first()
    if begun is not None:
        return _taken_up(inbound, begun.pk)
    anew = cases.open_case(
        DOOR,
        channel=before.channel,
        patient=before.patient,
        order=case.order,
        reason=case.reason,
        subject=case.subject,
        guest_name=case.guest_name,
        follows_on=case,
    )
    taken_along = ("channel", "patient", "customer", "subject", "guest_name", "language", "topic")
    return Conversation.objects.create(
        case=anew,
        continues=before,
        last_message_at=timezone.now(),
        **{name: getattr(before, name) for name in taken_along},
    )


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


def _redactions(inbound: Inbound, stored: Stored | None) -> int:
    return redact(inbound.subject).total + (stored.redactions if stored else 0)


def _announce(conversation: Conversation) -> None:
    transaction.on_commit(
        lambda: contact_waiting.send_robust(
            None, case_id=conversation.case_id, conversation_id=conversation.pk
        )
    )
