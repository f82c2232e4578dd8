"""E-mail of customers: said in a case, and answered with no more than that it came and where to go (R-CHAN-1).

A sender's address proves nothing. It leads to the patient who has it on file, and to the conversation that was
written to it; what is private is only ever answered where somebody signed in or was verified.
"""

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from cases import conversations, intake, notices, senders, steering
from cases.channels import email
from cases.channels.email import Mail
from cases.drafts import SYSTEM, Draft, Refused
from cases.intake import Inbound
from cases.models import Conversation, Notice
from cases.senders import Sender
from config.contacts import is_mailable
from config.security import audit, normal
from config.security.redaction import redact
from portal import contact_holds
from portal.access import System
from portal.one_time import digest_of

DOOR = System("mail")


def receive(mail: Mail) -> bool:
    """Take one in; whether it was a person's. The same again changes nothing. Raises Refused, throttle.TooMany."""
    if mail.automatic or _is_ours(mail.sender):
        return False
    if not is_mailable(mail.sender):
        raise Refused("invalid", "Nobody can be answered there.")
    with transaction.atomic():
        sender = senders.line_up("email", normal.email(mail.sender))
        received = intake.receive(_inbound(mail, sender))
        if received.created and senders.may_answer(sender):
            _answer(mail, sender, received.conversation)
    return True


def _is_ours(address: str) -> bool:
    local, _at, domain = address.partition("@")
    ours = {settings.REPLY_ADDRESS.casefold(), settings.DEFAULT_FROM_EMAIL.casefold()}
    return f"{local.partition('+')[0]}@{domain}" in ours


def _inbound(mail: Mail, sender: Sender) -> Inbound:
    return Inbound(
        channel="email",
        external_id=digest_of(f"{sender.address} {mail.message_id}"),
        sender=sender.speaker,
        body=mail.text,
        conversation=_answered(mail, sender),
        patient=sender.patient,
        subject=mail.subject,
        guest_name=sender.guest_name,
        language=sender.language,
        prepare=lambda conversation: senders.tie(sender, conversation),
    )


def _answered(mail: Mail, sender: Sender) -> Conversation | None:
    """What it answers, where that was written to the address it comes from."""
    conversation = email.answered(mail)
    if conversation is None or not _was_sent_to(sender, conversation):
        return None
    return conversation


def _was_sent_to(sender: Sender, conversation: Conversation) -> bool:
    if conversation.patient is None:
        return senders.is_tied(sender, conversation)
    patient = conversation.patient.in_force
    theirs = (patient.email, contact_holds.usable_for_delivery(patient, "email"))
    return sender.address in {normal.email(each) for each in theirs if each}


# --- what goes back ----------------------------------------------------------------------------------
def _answer(mail: Mail, sender: Sender, conversation: Conversation) -> None:
    """Where it should have gone instead, else that it came: each once a day, by the way every reply goes."""
    what = _better(mail, conversation) or ("files" if mail.files else "came")
    if senders.told_today(sender, what):
        return
    with audit.acting(DOOR, purpose=f"case:{conversation.case_id}"):
        context = audit.context.get()
    said = _in_words(what, conversation.language)
    stored = conversations.write_one(Draft(conversation.pk, SYSTEM, said, "event", context=context))
    Notice.objects.create(message_id=stored.id)
    transaction.on_commit(lambda: notices.soon([stored.id]))


def _better(mail: Mail, conversation: Conversation) -> str:
    case = conversation.case
    lane = case.reason.lane if case and case.reason else ""
    redacted = redact(f"{mail.subject}\n{mail.text}").total
    return steering.better_channel("email", redacted=redacted, lane=lane)


def _in_words(what: str, language: str) -> str:
    with translation.override(language):
        came = _(
            "Your e-mail came to %(supplier)s. E-mail is not private: we answer nothing personal this way."
        )
        said = {
            "came": _("For anything private sign in at %(link)s. If it is urgent, call %(phone)s."),
            "files": _("The files in it were not taken. Send them safely at %(link)s, or call %(phone)s."),
            "portal": f"{steering.words('portal', language)} %(link)s",
            "phone": steering.words("phone", language),
        }
        told = {
            "supplier": settings.SUPPLIER_NAME,
            "phone": settings.SUPPLIER_PHONE,
            "link": settings.PUBLIC_URL,
        }
        return f"{came}\n\n{said[what]}" % told
