"""Chat from our pages and from foreign ones: how a visitor begins, and how they are known afterwards."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import conversations, intake
from cases.drafts import Refused, storable
from cases.intake import Inbound
from cases.models import Conversation, Reason
from cases.people import Guest
from config.security import crypto, throttle
from portal.access import PATIENT_REALM
from portal.models import Patient

NOTICE_VERSION = "2026-11"
LONGEST = {"topic": 40, "name": 80, "order_number": 24}
TICKET_BYTES = 32
KEPT = timedelta(hours=24)
TICKETS, SESSIONS = "chat-tickets", "chat-sessions"
STARTS = throttle.Limit("chat start", settings.CHAT_STARTS_PER_MINUTE, 60)


class SignIn(Exception):
    """Nobody is known: sign in, or start a chat."""


class NotTheirs(Exception):
    """Somebody else's conversation, or none at all; nobody is told which."""


@dataclass(frozen=True)
class Started:
    """``ticket`` is a guest's only proof where no cookie comes back; we keep its digest alone.

    Somebody who signed in has none: their chat has to end with their session.
    """

    conversation: Conversation
    ticket: str


def start(visitor: Any, *, asked: dict[str, Any], language: str, session_key: str, address: str) -> Started:
    """Begin a chat: into the line for a person at once. Raises Refused, throttle.TooMany."""
    told = _checked(asked)
    throttle.take((STARTS, address))
    user = visitor if _is_customer(visitor) else None
    ticket = "" if user else secrets.token_urlsafe(TICKET_BYTES)
    reason = Reason.objects.filter(code=told["topic"], active=True).first()

    def prepare(conversation: Conversation) -> None:
        now = timezone.now()
        conversation.guest_order_number = told["order_number"]
        conversation.topic = reason.code if reason else ""
        conversation.notice_version, conversation.notice_accepted_at = NOTICE_VERSION, now
        conversation.state, conversation.queued_at = "queued", now
        conversation.ticket_digest = digest(TICKETS, ticket) if ticket else ""
        conversation.session_digest = digest(SESSIONS, session_key) if session_key and not user else ""

    received = intake.receive(
        Inbound(
            channel="chat",
            external_id=f"start:{uuid.uuid4()}",
            sender=user or Guest(uuid.UUID(int=0), told["name"]),
            patient=Patient.objects.filter(user=user).first() if user else None,
            reason=reason,
            subject=reason.customer_label if reason else _("Chat"),
            guest_name="" if user else told["name"],
            language=language,
            prepare=prepare,
        )
    )
    conversations.announce(received.conversation)
    return Started(received.conversation, ticket)


def _is_customer(visitor: Any) -> bool:
    return bool(getattr(visitor, "is_authenticated", False)) and visitor.realm == PATIENT_REALM


def _checked(asked: Any) -> dict[str, str]:
    if not isinstance(asked, dict) or asked.get("notice_accepted") is not True:
        raise Refused("invalid", _("Please accept the privacy notice first."))
    told = {name: asked.get(name) or "" for name in LONGEST}
    for name, value in told.items():
        if not isinstance(value, str) or len(value) > LONGEST[name]:
            raise Refused("invalid", f"{name} is text of at most {LONGEST[name]} characters.")
        storable(value)
    return {name: value.strip() for name, value in told.items()}


def digest(purpose: str, secret: str) -> str:
    return crypto.mac(purpose, secret.encode()).hex()


def _matches(purpose: str, secret: str, kept: str) -> bool:
    """Under any key that is still alive."""
    if not secret or not kept:
        return False
    known = (crypto.mac(purpose, secret.encode(), key_id).hex() for key_id in crypto.ring().ids)
    return any(crypto.same(each, kept) for each in known)


def enter(
    ref: uuid.UUID, *, user: Any = None, ticket: str = "", session_key: str = ""
) -> tuple[Any, Conversation]:
    """Who a visitor of a conversation is, and the conversation. Raises SignIn, NotTheirs.

    A ticket opens its own conversation alone, for as long as something was said within a day.
    """
    found = Conversation.objects.select_related("patient", "agent", "customer").filter(pk=ref).first()
    if ticket:
        if found is None or not _is_fresh(found) or not _matches(TICKETS, ticket, found.ticket_digest):
            raise NotTheirs
        return _holder(found), found
    if user is not None:
        if found is None or not Conversation.objects.visible_to(user).filter(pk=ref).exists():
            raise NotTheirs
        return user, found
    if found is not None and _is_fresh(found) and _matches(SESSIONS, session_key, found.session_digest):
        return _holder(found), found
    raise NotTheirs if _holds_any(session_key) else SignIn


def _holds_any(session_key: str) -> bool:
    """Whether this browser began any chat, so that it is somebody, if not who is asked for."""
    kept = [crypto.mac(SESSIONS, session_key.encode(), key_id).hex() for key_id in crypto.ring().ids]
    return bool(session_key) and Conversation.objects.filter(session_digest__in=kept).exists()


def _holder(conversation: Conversation) -> Any:
    """The ticket of a signed-in patient speaks for them; else for the guest of this conversation."""
    if conversation.customer is None:
        return Guest(conversation.pk, conversation.guest_name)
    if not conversation.customer.is_active:
        raise NotTheirs
    return conversation.customer


def _is_fresh(conversation: Conversation) -> bool:
    last = conversation.last_message_at or conversation.started_at
    return timezone.now() - last < KEPT


def reaches(actor: Any, ref: str) -> bool:
    """Whether files may be sent to a conversation by ``actor`` (portal.owners)."""
    if isinstance(actor, Guest):
        return str(actor.conversation_id) == ref
    return bool(Conversation.objects.visible_to(actor).filter(pk=ref).exists())
