"""E-mail as it comes in: whom it is to, who wrote it, and what they wrote above what they quoted. And a reply of
ours on its way out.
"""

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from cases.models import Message
from config.integrations import mail
from config.security.normal import is_blank
from portal import consent, contact_holds
from portal.models import Patient

LONGEST = 10_000
QUOTED = re.compile(
    r"^(?:>.*|-{2,}\s*Original Message\s*-{2,}|_{10,}|On .{0,200} wrote:|El .{0,200} escribi[oó]:)\s*$",
    re.MULTILINE | re.IGNORECASE,
)
TAG = re.compile(r"<[^<>]*>")  # without "<" inside: a row of them is looked through once
# What the library's parser throws at headers that it should only call defective.
STUMBLES = (AttributeError, IndexError, LookupError, TypeError, ValueError)


class Unreadable(ValueError):
    """This is no mail, or it says nothing."""


@dataclass(frozen=True)
class Mail:
    """A mail. ``to`` holds every address it was sent to; ``text`` has no quotation and no markup."""

    message_id: str
    sender: str
    to: tuple[str, ...]
    text: str


def parse(raw: bytes) -> Mail:
    """Raises Unreadable."""
    try:
        return _parsed(raw)
    except STUMBLES:
        raise Unreadable from None


def _parsed(raw: bytes) -> Mail:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        raise Unreadable
    named = [str(value) for name in ("To", "Cc", "Delivered-To") for value in message.get_all(name, [])]
    text = _own_words(message)
    message_id = str(message.get("Message-ID", "")).strip()[:160]
    if is_blank(text) or not message_id:
        raise Unreadable
    addresses = tuple(address.casefold() for _who, address in getaddresses(named) if address)
    return Mail(message_id, parseaddr(str(message.get("From", "")))[1].casefold(), addresses, text)


def _own_words(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    text = str(part.get_content())
    if part.get_content_type() == "text/html":
        text = TAG.sub("", text)
    quoted = QUOTED.search(text)
    own = text[: quoted.start()] if quoted else text
    return own.replace("\0", "").strip()[:LONGEST]


def deliver(message: Message, patient: Patient) -> bool:
    """Whether it went. Not to the dead, nor to whoever refused mail. Raises PartnerDown or PartnerRefuses."""
    address = contact_holds.usable_for_delivery(patient, "email")
    if not address or patient.deceased_on is not None or consent.refuses(patient, "email", "orders"):
        return False
    mail.send(address, _subject(message, patient), message.body, key=f"reply-{message.pk}")
    return True


def _subject(message: Message, patient: Patient) -> str:
    """Nothing of what it is about."""
    case = message.conversation.case
    with translation.override(patient.language):
        told = {"supplier": settings.SUPPLIER_NAME, "number": case.number if case else ""}
        return _("%(supplier)s: your case %(number)s") % told
