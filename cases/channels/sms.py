"""Text messages: one that came in as the company posts it, and a reply of ours to the number deliveries may use."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from django.conf import settings

from cases import stops
from cases.drafts import LONGEST_BODY
from cases.models import Message
from config.integrations import sms
from config.security import normal
from config.security.normal import is_blank, seen
from portal import consent, contact_holds
from portal.models import Patient

LARGEST = 64 * 1024
ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")


class Unreadable(ValueError):
    """This is no text message, or it says nothing."""


@dataclass(frozen=True)
class Text:
    """A text as the company posted it. ``sender`` in E.164 form; ``files``: how many came with it."""

    id: str
    sender: str
    body: str
    files: int = 0


def parse(raw: bytes) -> Text:
    """``MessageSid``, ``From`` and ``Body``, and ``NumMedia`` where files came with it. Raises Unreadable."""
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=64)
        told = dict(pairs)
        text = Text(
            told["MessageSid"], told["From"], seen(told.get("Body", "")), int(told.get("NumMedia") or "0")
        )
    except (KeyError, ValueError):
        raise Unreadable from None
    if len(told) < len(pairs) or not _fits(text):
        raise Unreadable
    return text


def _fits(text: Text) -> bool:
    """Nor what we sent ourselves."""
    said = len(text.body) <= LONGEST_BODY // 2 and "\0" not in text.body
    named = ID.fullmatch(text.id) and NUMBER.fullmatch(text.sender)
    ours = text.sender == normal.phone(settings.SMS_FROM)
    return bool(
        said and named and not ours and 0 <= text.files <= 10 and (text.files or not is_blank(text.body))
    )


def deliver(message: Message, patient: Patient | None) -> bool:
    """Whether it went. Not to the dead, nor to whoever said STOP; to somebody nobody knows where they wrote from.

    Raises PartnerDown or PartnerRefuses.
    """
    number = _number(message, patient)
    if not number or stops.stands(normal.phone(number)):
        return False
    sms.send(number, message.body, key=f"reply-{message.pk}")
    return True


def _number(message: Message, patient: Patient | None) -> str:
    if patient is None:
        guest = message.conversation.guest_name
        return guest if NUMBER.fullmatch(guest) else ""
    if patient.deceased_on is not None or consent.refuses(patient, "sms", "orders"):
        return ""
    return contact_holds.usable_for_delivery(patient, "phone")
