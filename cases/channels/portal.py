"""Messages from the portal: a patient or caregiver writes, and we answer in our own time."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied

from cases import intake
from cases.intake import Inbound, Received
from cases.models import Conversation, Reason
from portal.access import require
from portal.models import Document, Order, Patient

Files = Iterable[Document | uuid.UUID]


def compose(
    actor: Any,
    *,
    patient: Patient,
    subject: str,
    topic: str,
    body: str,
    documents: Files = (),
    client_id: uuid.UUID,
    order: Order | None = None,
) -> Received:
    """A new message about a matter of ``patient``'s. ``topic`` is the code of a reason. Raises Refused."""
    require(actor, "portal.use")
    _require_reach(actor, patient)
    if order is not None:
        require(actor, "portal.use", order)
    return intake.receive(
        Inbound(
            channel="portal",
            external_id=_external_id(actor, client_id),
            sender=actor,
            patient=patient,
            order=order,
            subject=subject,
            reason=Reason.objects.filter(code=topic, active=True).first(),
            body=body,
            language=actor.language,
            attachments=_refs(documents),
            client_id=client_id,
        )
    )


def reply(
    actor: Any, *, conversation: Conversation, body: str, documents: Files = (), client_id: uuid.UUID
) -> Received:
    """Say more in a conversation; one that was closed opens again, with its case. Raises Refused."""
    require(actor, "portal.use", conversation)
    return intake.receive(
        Inbound(
            channel="portal",
            external_id=_external_id(actor, client_id),
            sender=actor,
            conversation=conversation,
            body=body,
            attachments=_refs(documents),
            client_id=client_id,
        )
    )


def _require_reach(actor: Any, patient: Patient) -> None:
    """Messages may hold anything, so a caregiver needs the whole of the patient's trust to write them."""
    if patient.user_id == actor.pk:
        return
    trusted = patient.caregivers.in_force().filter(user=actor, scopes__contains=["everything"])
    if not trusted.exists():
        raise PermissionDenied("portal.use")


def _external_id(actor: Any, client_id: uuid.UUID) -> str:
    return f"u{actor.pk}:{client_id}"


def _refs(documents: Files) -> tuple[uuid.UUID, ...]:
    return tuple(each.ref if isinstance(each, Document) else each for each in documents)
