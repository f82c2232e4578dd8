"""E-mail as it comes in: whom it is to, who wrote it, and what they wrote above what they quoted. And what of ours
goes out, with an address to answer to that leads back to its conversation.
"""

import email
import email.policy
import html
import re
import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from email.message import Message as Part
from email.utils import getaddresses
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from cases.models import Conversation, Message
from config.contacts import is_mailable
from config.integrations import mail
from config.security import crypto
from config.security.normal import is_blank, seen
from portal import consent, contact_holds
from portal.models import Patient

LONGEST = 9_000
LONGEST_SUBJECT = 160
# What would keep the library's parser busy for longer than a letter is worth.
LONGEST_HEADER, LONGEST_ADDRESSES, LONGEST_CONTENT = 16 * 1024, 4 * 1024, 1024
MOST_PARTS, DEEPEST = 400, 40
CONTENT = re.compile(rb"^content-[a-z-]{1,40}[ \t]*:.*(?:\n[ \t].*)*", re.MULTILINE | re.IGNORECASE)
ADDRESSES = ("from", "to", "cc", "delivered-to")
QUOTED = re.compile(
    r"^(?:>.*|-{2,}\s*Original Message\s*-{2,}|_{10,}|On .{0,200} wrote:|El .{0,200} escribi[oó]:"
    r"|(?:On|El) .{4,200}<[^<>\n]{3,120}>[ \t]*\n?[ \t]*(?:wrote|escribi[oó]):)\s*$",
    re.MULTILINE | re.IGNORECASE,
)
TAG = re.compile(r"<[^<>]*>")  # without "<" inside: a row of them is looked through once
NAME = re.compile(r"</?\s{0,4}([a-zA-Z][a-zA-Z0-9]{0,11})")
HIDDEN = frozenset({"script", "style", "head", "title", "template"})
LINES = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "ul", "ol", "table", "hr"})
# What the library's parser throws at headers that it should only call defective, or at too many parts in parts.
STUMBLES = (AttributeError, IndexError, LookupError, RecursionError, TypeError, ValueError)
AUTOMATIC = ("List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Loop", "Feedback-ID")
UNASKED = frozenset({"bulk", "junk", "list", "auto_reply"})
MACHINES = frozenset({"mailer-daemon", "postmaster", "no-reply", "noreply", "donotreply", "do-not-reply"})
TOKEN = re.compile(r"c([0-9a-f]{32})([0-9a-f]{16})")
ANSWERED = re.compile(r"<reply-(\d{1,18})@([^<>@\s]{1,255})>")
PURPOSE = "reply addresses"


class Unreadable(ValueError):
    """This is no mail, or it says nothing."""


@dataclass(frozen=True)
class Mail:
    """A mail. ``to`` holds every address it was sent to; ``text`` has no quotation and no markup, and says where
    files came with it; ``answers`` are the ids of what it answers; ``automatic``: no person waits for an answer.
    """

    message_id: str
    sender: str
    to: tuple[str, ...]
    text: str
    subject: str = ""
    answers: tuple[str, ...] = ()
    files: int = 0
    automatic: bool = False


# --- reading -----------------------------------------------------------------------------------------
def parse(raw: bytes) -> Mail:
    """Raises Unreadable."""
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if _is_maze(lines):
        raise Unreadable
    try:
        return _parsed(lines)
    except STUMBLES:
        raise Unreadable from None


def _parsed(raw: bytes) -> Mail:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or _too_long(message):
        raise Unreadable
    message_id = _header(message, "Message-ID")[:160]
    text, files = _own_words(message), _files(message)
    automatic = _is_automatic(message)
    if not message_id or (is_blank(text) and not files and not automatic):
        raise Unreadable
    return Mail(
        message_id,
        _sender(message),
        tuple(address for name in ("To", "Cc", "Delivered-To") for address in _addresses(message, name)),
        "\n\n".join(part for part in (text, _left_out(files)) if part),
        _header(message, "Subject")[:LONGEST_SUBJECT],
        tuple(f"{_header(message, 'In-Reply-To')} {_header(message, 'References')}".split()[:40]),
        files,
        automatic,
    )


def _is_maze(lines: bytes) -> bool:
    parts = lines.lower().count(b"boundary") > DEEPEST or lines.count(b"\n--") > MOST_PARTS
    return parts or any(len(header[0]) > LONGEST_CONTENT for header in CONTENT.finditer(lines))


def _too_long(message: EmailMessage) -> bool:
    lengths = [(name.casefold(), len(str(value))) for name, value in message.raw_items()]
    addressed = sum(length for name, length in lengths if name in ADDRESSES)
    return addressed > LONGEST_ADDRESSES or any(length > LONGEST_HEADER for _name, length in lengths)


def _header(message: EmailMessage, name: str) -> str:
    """On one line, without what nobody sees."""
    return " ".join(seen(str(message.get(name, ""))).split())


def _addresses(message: EmailMessage, name: str) -> list[str]:
    named = [str(value) for value in message.get_all(name, [])]
    return [address.casefold() for _who, address in getaddresses(named) if address]


def _sender(message: EmailMessage) -> str:
    """Who it says it is from: "" unless that is one."""
    [*told] = _addresses(message, "From")
    return told[0] if len(told) == 1 else ""


def _is_automatic(message: EmailMessage) -> bool:
    """A machine's answer, a bounce or a list: whoever answers one may be answered for ever."""
    told = _header(message, "Auto-Submitted").partition(";")[0].strip().casefold()
    local = _sender(message).partition("@")[0]
    return (
        told not in ("", "no")
        or _header(message, "Precedence").casefold() in UNASKED
        or _header(message, "Return-Path") == "<>"
        or message.get_content_type() == "multipart/report"
        or local in MACHINES
        or any(name in message for name in AUTOMATIC)
    )


def _files(message: EmailMessage) -> int:
    """Parts that are neither its words nor the pictures of its markup."""
    leaves = (part for part in message.walk() if not part.is_multipart())
    return sum(1 for part in leaves if part.is_attachment() or not _is_words(part))


def _is_words(part: Part) -> bool:
    return (
        part.get_content_type() in ("text/plain", "text/html") or part.get_content_disposition() == "inline"
    )


def _left_out(files: int) -> str:
    return _("[Files came with this e-mail. They were not taken: e-mail is not private.]") if files else ""


def _own_words(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    text = str(part.get_content()).replace("\r\n", "\n")
    own = _above_quotation(_plain(text) if part.get_content_type() == "text/html" else text)
    own = re.sub(r"\n{3,}", "\n\n", seen(own.replace("\0", ""))).strip()
    if len(own) <= LONGEST:
        return own
    return own[:LONGEST] + "\n\n" + _("[The rest of this e-mail was too long and is not here.]")


def _above_quotation(text: str) -> str:
    """Where nothing stands above it, what stands below or between."""
    quoted = QUOTED.search(text)
    own = text[: quoted.start()] if quoted else text
    return QUOTED.sub("", text) if is_blank(own) else own


def _plain(markup: str) -> str:
    """Its words, a line for each block, without what a reader would not see and what the writer only cites."""
    kept, at, hidden = [], 0, ""
    for tag in TAG.finditer(markup):
        kept.append("" if hidden else markup[at : tag.start()])
        at = tag.end()
        named = NAME.match(tag[0])
        name, closes = (named[1].lower() if named else ""), tag[0].startswith("</")
        if hidden:
            hidden = "" if closes and name == hidden else hidden
        elif name == "blockquote" and not closes and not is_blank("".join(kept)):
            return html.unescape("".join(kept))
        elif name in HIDDEN and not closes:
            hidden = name
        elif name in LINES:
            kept.append("\n")
    return html.unescape("".join([*kept, "" if hidden else markup[at:]]))


# --- what it answers ---------------------------------------------------------------------------------
def reply_address(conversation: Conversation) -> str:
    name, _at, domain = settings.REPLY_ADDRESS.partition("@")
    return f"{name}+c{conversation.pk.hex}{_seal(conversation.pk)}@{domain}"


def answered(mail_in: Mail) -> Conversation | None:
    """The conversation that it names by the address it was sent to, else by what of ours it answers."""
    found = next((ref for address in mail_in.to if (ref := _named(address))), None)
    threads = Conversation.objects.select_related("patient", "case").filter(channel="email")
    if found is not None:
        return threads.filter(pk=found).first()
    ours = urlsplit(settings.PUBLIC_URL).hostname
    told = [match for each in mail_in.answers if (match := ANSWERED.fullmatch(each)) and match[2] == ours]
    numbers = [int(match[1]) for match in told]
    return threads.filter(messages__in=numbers).order_by("-last_message_at").first() if numbers else None


def _named(address: str) -> uuid.UUID | None:
    """Addresses come without case."""
    name, _at, domain = settings.REPLY_ADDRESS.casefold().partition("@")
    local, _at, host = address.partition("@")
    tagged, _plus, token = local.partition("+")
    sealed = TOKEN.fullmatch(token)
    if sealed is None or (tagged, host) != (name, domain):
        return None
    ref = uuid.UUID(sealed[1])
    return ref if any(crypto.same(sealed[2], _seal(ref, key_id)) for key_id in crypto.ring().ids) else None


def _seal(ref: uuid.UUID, key_id: str | None = None) -> str:
    return crypto.mac(PURPOSE, ref.bytes, key_id)[:8].hex()


# --- out ---------------------------------------------------------------------------------------------
def deliver(message: Message, patient: Patient | None) -> bool:
    """Whether it went. Not to the dead, nor to whoever refused mail; to somebody nobody knows where they wrote from.

    Raises PartnerDown or PartnerRefuses.
    """
    address = _address(message.conversation, patient)
    if not address:
        return False
    headers: dict[str, Any] = {"automatic": True} if message.author_role == "system" else {}
    mail.send(
        address,
        _subject(message),
        message.body,
        reply_to=reply_address(message.conversation),
        key=f"reply-{message.pk}",
        **headers,
    )
    return True


def _address(conversation: Conversation, patient: Patient | None) -> str:
    if patient is None:
        return conversation.guest_name if is_mailable(conversation.guest_name) else ""
    if patient.deceased_on is not None or consent.refuses(patient, "email", "orders"):
        return ""
    return contact_holds.usable_for_delivery(patient, "email")


def _subject(message: Message) -> str:
    """Nothing of what it is about."""
    case, patient = message.conversation.case, message.conversation.patient
    with translation.override(patient.language if patient else message.conversation.language):
        told = {"supplier": settings.SUPPLIER_NAME, "number": case.number if case else ""}
        return _("%(supplier)s: your case %(number)s") % told
