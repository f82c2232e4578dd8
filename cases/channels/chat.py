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
from cases.people import Guest, takes_part
from config.security import crypto, throttle
from portal import doors
from portal.access import PATIENT_REALM, Door
from portal.models import Patient, UserSession

NOTICE_VERSION = "2026-11"
LONGEST = {"topic": 40, "name": 80, "order_number": 24}
TICKET_BYTES = 32
KEPT = timedelta(hours=24)
TICKETS, SESSIONS, SIGN_INS = "chat-tickets", "chat-sessions", "chat-sign-ins"
PATIENTS = Door("portal.use", frozenset({PATIENT_REALM}))
STARTS = throttle.Limit("chat start", settings.CHAT_STARTS_PER_MINUTE, 60)


class SignIn(Exception):
    """Nobody is known: sign in, or start a chat."""


class NotTheirs(Exception):
    """Somebody else's conversation, or none at all; nobody is told which."""


@dataclass(frozen=True)
class Started:
    """``ticket`` is the visitor's only proof where no cookie comes back; we keep its digest alone.

    That of somebody who signed in is worth nothing once the session has ended.
    """

    conversation: Conversation
    ticket: str


@dataclass(frozen=True)
class Entered:
    """Who came into which conversation. ``visit`` is the session that a signed-in person's ticket is tied to."""

    who: Any
    conversation: Conversation
    visit: doors.Visit | None = None


def start(
    session: UserSession | None, *, asked: dict[str, Any], language: str, session_key: str, address: str
) -> Started:
    """Begin a chat: into the line for a person at once. Raises Refused, throttle.TooMany.

    ``session`` is the live one of somebody who signed in, ``session_key`` the browser's own.
    """
    told = _checked(asked)
    throttle.take((STARTS, address))
    user = session.user if session and session.user.realm == PATIENT_REALM else None
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    reason = Reason.objects.filter(code=told["topic"], active=True).first()

    def prepare(conversation: Conversation) -> None:
        now = timezone.now()
        conversation.guest_order_number = told["order_number"]
        conversation.topic = reason.code if reason else ""
        conversation.notice_version, conversation.notice_accepted_at = NOTICE_VERSION, now
        conversation.state, conversation.queued_at = "queued", now
        conversation.ticket_digest = digest(TICKETS, ticket)
        conversation.session_digest = _tie(session if user else None, session_key)

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


def _tie(session: UserSession | None, session_key: str) -> str:
    """To the session on record, which a new key does not change; for a guest to the browser's."""
    if session is not None:
        return digest(SIGN_INS, str(session.pk))
    return digest(SESSIONS, session_key) if session_key else ""


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


def enter(ref: uuid.UUID, *, user: Any = None, ticket: str = "", session_key: str = "") -> Entered:
    """Let a visitor into a conversation. Raises SignIn, NotTheirs.

    ``user`` has a live session. A ticket opens its own conversation alone, for as long as something was said
    within a day. What a customer began is never opened by the browser's key: a session may have ended.
    """
    found = Conversation.objects.select_related("patient", "agent", "customer").filter(pk=ref).first()
    if ticket:
        return _by_ticket(found, ticket)
    if user is not None:
        return Entered(user, _theirs(user, found))
    if found is not None and _began_as_guest(found, session_key):
        return _guest(found)
    raise NotTheirs if _holds_any(session_key) else SignIn


def _by_ticket(found: Conversation | None, ticket: str) -> Entered:
    if found is None or not _is_fresh(found) or not _matches(TICKETS, ticket, found.ticket_digest):
        raise NotTheirs
    if found.customer is None:
        return _guest(found)
    for visit in doors.visits_of(found.customer, PATIENTS):
        if _matches(SIGN_INS, str(visit.session_id), found.session_digest):
            return Entered(visit.user, _theirs(visit.user, found), visit)
    raise SignIn


def _theirs(user: Any, found: Conversation | None) -> Conversation:
    if found is None or not takes_part(user, found):
        raise NotTheirs
    return found


def _began_as_guest(found: Conversation, session_key: str) -> bool:
    return (
        found.customer is None and _is_fresh(found) and _matches(SESSIONS, session_key, found.session_digest)
    )


def _guest(found: Conversation) -> Entered:
    return Entered(Guest(found.pk, found.guest_name), found)


def _holds_any(session_key: str) -> bool:
    """Whether this browser began any chat as a guest, so that it is somebody, if not who is asked for."""
    kept = [crypto.mac(SESSIONS, session_key.encode(), key_id).hex() for key_id in crypto.ring().ids]
    begun = Conversation.objects.filter(session_digest__in=kept, customer=None)
    return bool(session_key) and begun.exists()


def _is_fresh(conversation: Conversation) -> bool:
    last = conversation.last_message_at or conversation.started_at
    return timezone.now() - last < KEPT


def reaches(actor: Any, ref: str) -> bool:
    """Whether files may be sent to a conversation by ``actor`` (portal.owners)."""
    if isinstance(actor, Guest):
        return str(actor.conversation_id) == ref
    return bool(Conversation.objects.visible_to(actor).filter(pk=ref).exists())
