"""Who writes by e-mail or text message, as far as an address tells: it proves nothing, so nobody is known (R-CASE-3).

Messages of one address are taken one after the other, and only so many an hour: what two machines have to say to
each other ends there.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from cases.models import Conversation
from cases.people import Guest
from config.security import crypto, throttle
from portal import consent
from portal.people import match_sender

PURPOSE = "senders"
DAY = 24 * 3600
PACE = throttle.Limit("written from outside", 60, 3600)


@dataclass(frozen=True)
class Sender:
    """An address of a channel (``sms``: a number in E.164 form; ``email``), and the one patient who has it on file."""

    channel: str
    address: str
    patient: Any

    @property
    def language(self) -> str:
        return str(self.patient.language) if self.patient else "en"

    @property
    def speaker(self) -> Guest:
        """As whom their words are stored: somebody, in this thread alone."""
        return Guest(uuid.UUID(int=0), self.guest_name)

    @property
    def guest_name(self) -> str:
        """What the desk has to find them by."""
        return "" if self.patient else self.address[:80]


def line_up(channel: str, address: str) -> Sender:
    """Whoever it is, once all before them are done; until the caller's transaction ends. Raises throttle.TooMany."""
    throttle.take((PACE, f"{channel}:{address}"))
    found = match_sender(phone=address) if channel == "sms" else match_sender(email=address)
    return Sender(channel, address, found)


def open_thread(sender: Sender) -> Conversation | None:
    """Where they were spoken with last on this channel, unless that is over."""
    theirs = Q(session_digest__in=[_digest(sender, key_id) for key_id in crypto.ring().ids])
    if sender.patient:
        theirs = Q(patient=sender.patient)
    running = Conversation.objects.filter(theirs, channel=sender.channel).exclude(state="closed")
    found: Conversation | None = (
        running.exclude(case__state="closed").order_by("-last_message_at", "-started_at").first()
    )
    return found


def tie(sender: Sender, conversation: Conversation) -> None:
    """Have the next message of an address that nobody has on file come into the same conversation."""
    if sender.patient is None:
        conversation.session_digest = _digest(sender)


def is_tied(sender: Sender, conversation: Conversation) -> bool:
    """Whether it was begun from this address."""
    kept = conversation.session_digest
    return bool(kept) and any(crypto.same(_digest(sender, key_id), kept) for key_id in crypto.ring().ids)


def _digest(sender: Sender, key_id: str | None = None) -> str:
    return crypto.mac(PURPOSE, f"{sender.channel}:{sender.address}".encode(), key_id).hex()


def may_answer(sender: Sender) -> bool:
    """Not to the dead, nor to whoever refused."""
    patient = sender.patient
    if patient is None:
        return True
    return patient.deceased_on is None and not consent.refuses(patient, sender.channel, "orders")


def told_today(sender: Sender, what: str, most: int = 1) -> bool:
    """Whether this has been answered often enough within a day; where not, it counts as answered now."""
    limit = throttle.Limit(f"told from inside: {what}", most, DAY)
    try:
        throttle.take((limit, f"{sender.channel}:{sender.address}"))
    except throttle.TooMany:
        return True
    return False
