"""Side conversations: what is asked of a prescriber, a carrier or a payer by e-mail, beside a case.

They are internal to the case and no customer sees them. Mail is no place for PHI: what may leave the house is
one list (cases/outside.py), and a text that holds more is refused with what was found. The answer comes back to
an address that carries a token; who it says it is from proves nothing.
"""

import secrets
import uuid
from collections.abc import Iterable
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from agents.models import SideConversation, SideMessage
from cases import cases, clock_alarms, hearing, outside, telling
from cases.channels.email import Mail
from cases.models import Case
from config.contacts import mailable
from config.integrations import mail
from config.integrations.breaker import PartnerDown, PartnerRefuses
from config.security import audit
from config.security.blind import words as words_of
from config.security.normal import is_blank
from config.security.redaction import redact
from portal import one_time
from portal.access import System, allowed, require
from portal.models import Patient, User

POST = System("mail")
MOST_TRIES = 20
AT_ONCE = 50
LONGEST = 4000
NAMED_HERE = {"clinician"}  # the one who is written to may be called by name


def start(actor: User, *, case: Case, party: str, name: str, address: str, body: str) -> SideConversation:
    """Write to a third party about a case. ValidationError for no address, or a text that may not leave the house."""
    require(actor, "cases.work", case)
    mailable(address)
    _refuse_unfit(case, name, body)
    token = secrets.token_hex(16)  # mail keeps no capitals
    with transaction.atomic():
        side = SideConversation.objects.create(
            case=case,
            party=party,
            name=name,
            address=address,
            token=token,
            token_digest=one_time.digest_of(token),
            started_by=actor,
        )
        _add(actor, side, body)
        cases.record(actor, case, "side", {"what": "started", "with": party})
    return side


def say(actor: User, *, side: SideConversation, body: str) -> SideMessage:
    """Write on in a thread."""
    require(actor, "cases.work", side.case)
    _refuse_unfit(side.case, "", body)
    with transaction.atomic():
        message = _add(actor, side, body)
        cases.record(actor, side.case, "side", {"what": "written", "with": side.party})
    return message


def _refuse_unfit(case: Case, name: str, body: str) -> None:
    if is_blank(body) or len(body) > LONGEST:
        raise ValidationError({"body": _("Write up to 4,000 characters.")})
    found = [kind for kind in outside.found_in(f"{name}\n{body}", case) if kind not in NAMED_HERE]
    if case.patient is not None:
        found += _of_patient(body, case.patient)
    if found:
        words = _(
            "E-mail is not private, and the text holds %(what)s. Name the case or order number instead."
        )
        raise ValidationError({"body": words % {"what": outside.in_words(found)}})


def _of_patient(body: str, patient: Patient) -> list[str]:
    """Their first name and how they are reached: a customer may be told these, a third party not."""
    digits = "".join(letter for letter in body if letter.isdecimal())
    phone = "".join(letter for letter in patient.phone if letter.isdecimal())[-10:]
    kinds = {
        "name": patient.first_name.casefold() in words_of(body),
        "number": bool(phone) and phone in digits,
        "address": bool(patient.email) and patient.email.casefold() in body.casefold(),
    }
    return [kind for kind, stands in kinds.items() if stands]


def _add(actor: User, side: SideConversation, body: str) -> SideMessage:
    message = SideMessage.objects.create(side=side, author=actor, body=body.strip(), state="due")
    SideConversation.objects.filter(pk=side.pk).update(last_at=message.at)
    transaction.on_commit(lambda: _soon(message.pk))
    return message


def _soon(message_id: int) -> None:
    try:
        current_app.send_task("agents.tasks.send_side_mail", [message_id], retry=False)
    except OperationalError:
        return  # the sweep finds it


# --- out ---------------------------------------------------------------------------------------------
def due() -> list[int]:
    """Mails that wait to be sent."""
    waiting = SideMessage.objects.filter(state="due").order_by("pk")
    return list(waiting.values_list("pk", flat=True)[:AT_ONCE])


def send(message_id: int) -> bool:
    """Send one mail, once. Whether it went out."""
    with transaction.atomic():
        rows = SideMessage.objects.select_for_update(skip_locked=True, of=("self",))
        message = rows.select_related("side__case").filter(pk=message_id, state="due").first()
        if message is None:
            return False
        message.tries += 1
        message.external_id = _posted(message)
        message.save(update_fields=["state", "tries", "external_id"])
        if message.state == "failed":
            _given_up(message)
    return bool(message.state == "sent")


def _posted(message: SideMessage) -> str:
    """The mail's id; its state says what became of it."""
    side = message.side
    subject = f"{settings.SUPPLIER_NAME}: {side.case.number}"
    try:
        external_id = mail.send(side.address, subject, message.body, reply_to=reply_address(side))
    except PartnerRefuses:
        message.state = "failed"
    except PartnerDown:
        message.state = "failed" if message.tries >= MOST_TRIES else "due"
    else:
        message.state = "sent"
        return external_id[:160]
    return ""


def _given_up(message: SideMessage) -> None:
    """Who wrote it hears that it went nowhere; whoever has the case or leads there, where they work here no more."""
    case, author = message.side.case, message.author
    told = [author.pk] if author is not None and allowed(author, "cases.work", case) else []
    if not told:
        told = [case.owner_id] if case.owner_id else clock_alarms.leads_of(case)
    telling.tell(told, case_id=case.pk, kind="unsent")


def again(actor: User, *, message: SideMessage) -> SideMessage:
    """Send a mail that was given up once more. ValidationError where it is on its way or went out."""
    require(actor, "cases.work", message.side.case)
    mailable(message.side.address)
    with transaction.atomic():
        failed = SideMessage.objects.filter(pk=message.pk, state="failed", author__isnull=False)
        if not failed.update(state="due", tries=0):
            raise ValidationError(_("This mail is on its way, or was sent already."))
        cases.record(actor, message.side.case, "side", {"what": "written", "with": message.side.party})
        transaction.on_commit(lambda: _soon(message.pk))
    return message


def reply_address(side: SideConversation) -> str:
    name, _at, domain = settings.REPLY_ADDRESS.partition("@")
    return f"{name}+{side.token}@{domain}"


# --- in ----------------------------------------------------------------------------------------------
def receive(mail_in: Mail) -> SideMessage | None:
    """Take an answer in, once; None where its address is none of ours."""
    side = _addressed(mail_in.to)
    if side is None:
        return None
    with transaction.atomic(), audit.acting(POST, purpose=f"case:{side.case_id}"):
        said = {"body": redact(mail_in.text).text, "state": "received", "at": timezone.now()}
        message, new = SideMessage.objects.get_or_create(
            side=side, external_id=mail_in.message_id, defaults=said
        )
        if new:
            SideConversation.objects.filter(pk=side.pk).update(unread=F("unread") + 1, last_at=message.at)
            cases.record(POST, side.case, "side", {"what": "answered", "with": side.party})
    return message


def _addressed(addresses: Iterable[str]) -> SideConversation | None:
    """By the token alone. Addresses come without case, so tokens are compared so too."""
    name, _at, domain = settings.REPLY_ADDRESS.casefold().partition("@")
    for address in addresses:
        local, _at, host = address.partition("@")
        tagged, plus, token = local.partition("+")
        if plus and (tagged, host) == (name, domain):
            found = SideConversation.objects.filter(token_digest=one_time.digest_of(token))
            side: SideConversation | None = found.select_related("case").first()
            return side
    return None


# --- showing -----------------------------------------------------------------------------------------
def of(actor: User, case: Case) -> QuerySet[SideConversation]:
    """The threads of a case, the one spoken in last first, with their mails; none where what was said on it is
    closed to the actor. The caller opens the case.
    """
    require(actor, "cases.work")
    threads: QuerySet[SideConversation] = SideConversation.objects.filter(case=case)
    if not hearing.hears(actor, case):
        return threads.none()
    return threads.order_by("-last_at").prefetch_related("messages__author")


def one(actor: User, case: Case, ref: uuid.UUID | str) -> SideConversation:
    """Raises SideConversation.DoesNotExist."""
    found: Any = of(actor, case).select_related("case").get(ref=ref)
    return found  # type: ignore[no-any-return]


def seen(actor: User, *, case: Case) -> None:
    """The answers stand before somebody."""
    require(actor, "cases.work", case)
    SideConversation.objects.filter(case=case, unread__gt=0).update(unread=0)
