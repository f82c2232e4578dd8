"""A customer's messages: what came in, what they sent, what they put away, and what they have not read."""

from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from cases.models import Conversation, Message, ReadMark
from portal.access import require
from portal.models import Patient

FROM_US = ("agent", "supervisor", "bot", "system")
FROM_THEM = ("customer", "caregiver")
FOLDERS = ("inbox", "sent", "archived")


def of(viewer: Any, patient: Patient) -> QuerySet[Conversation]:
    """The patient's conversations, latest first, each with ``read_seq`` and ``is_unread`` for ``viewer``."""
    marks = (
        ReadMark.objects.filter(conversation=OuterRef("pk"), user=viewer).order_by("-seq").values("seq")[:1]
    )
    last = Message.objects.filter(
        conversation=OuterRef("pk"), seq=OuterRef("last_seq"), author_role__in=FROM_US
    )
    rows: QuerySet[Conversation] = Conversation.objects.visible_to(viewer).filter(
        patient=patient, last_seq__gt=0
    )
    rows = rows.annotate(read_seq=Coalesce(Subquery(marks), 0))
    unread = Q(last_seq__gt=F("read_seq")) & Exists(last)
    return rows.annotate(is_unread=unread).order_by(F("last_message_at").desc(nulls_last=True), "-pk")


def folder(rows: QuerySet[Conversation], name: str) -> QuerySet[Conversation]:
    """The part of ``of`` that stands in a folder: inbox, sent or archived."""
    if name == "archived":
        return rows.filter(archived_at__isnull=False)
    roles = FROM_THEM if name == "sent" else FROM_US
    said = Message.objects.filter(conversation=OuterRef("pk"), seq__isnull=False, author_role__in=roles)
    return rows.filter(Exists(said), archived_at=None)


def archive(actor: Any, *, conversation: Conversation, away: bool) -> None:
    """Put a conversation away, or back among the others. It is the customer's own order of things."""
    require(actor, "portal.use", conversation)
    with transaction.atomic():
        held = Conversation.objects.select_for_update(no_key=True, of=("self",)).get(pk=conversation.pk)
        held.archived_at = timezone.now() if away else None
        held.save(update_fields=["archived_at"])
