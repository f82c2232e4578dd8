"""What a customer is writing, kept on the server from pause to pause, so that a time-out loses nothing."""

import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

from cases.drafts import storable
from cases.models import Conversation, CustomerDraft, Reason
from config.security.normal import is_blank
from portal.access import require
from portal.models import Patient

LONGEST_BODY = 10_000
LONGEST_SUBJECT = 160


def of(actor: Any, *, patient: Patient, conversation: Conversation | None = None) -> CustomerDraft | None:
    """What ``actor`` was writing in this conversation, or in a new message."""
    rows = CustomerDraft.objects.visible_to(actor).filter(patient=patient, conversation=conversation)
    found: CustomerDraft | None = rows.first()
    return found


def keep(
    actor: Any,
    *,
    patient: Patient,
    conversation: Conversation | None,
    client_id: uuid.UUID,
    body: str,
    subject: str = "",
    topic: str = "",
) -> CustomerDraft | None:
    """Keep what was written so far; None where nothing is left of it.

    What is too long is cut. Raises Refused for what can't be stored.
    """
    require(actor, "portal.use", patient)
    if conversation is not None:
        require(actor, "portal.use", conversation)
    with transaction.atomic():
        if is_blank(body + subject):
            _drop(actor, patient, conversation)
            return None
        draft, _made = CustomerDraft.objects.update_or_create(
            user=actor,
            patient=patient,
            conversation=conversation,
            defaults={
                "body": storable(body)[:LONGEST_BODY],
                "subject": storable(subject)[:LONGEST_SUBJECT],
                "topic": _known(topic),
                "client_id": client_id,
                "changed_at": timezone.now(),
            },
        )
    return draft


def _known(topic: str) -> str:
    """The topic, where it is one of ours: its column is not sealed, so what somebody typed has no place there."""
    known = topic and Reason.objects.filter(code=storable(topic), offered=True, active=True).exists()
    return topic if known else ""


def discard(actor: Any, *, patient: Patient, conversation: Conversation | None = None) -> None:
    """It was sent, or is not wanted any more."""
    require(actor, "portal.use", patient)
    _drop(actor, patient, conversation)


def _drop(actor: Any, patient: Patient, conversation: Conversation | None) -> None:
    CustomerDraft.objects.filter(user=actor, patient=patient, conversation=conversation).delete()
