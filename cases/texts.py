"""Text messages that come in: STOP, START and HELP are obeyed first; all else is said in a case (R-CHAN-1).

What the company is to text back is the answer of each rule here. It tells nobody anything that a number does not
prove: that their words came, and where to go.
"""

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from cases import conversations, intake, senders, steering, stops
from cases.channels.sms import Text
from cases.drafts import SYSTEM, Draft, Refused
from cases.intake import Inbound
from cases.models import Conversation
from cases.models import Inbound as Entry
from cases.senders import Sender
from config.security import audit, normal
from config.security.redaction import redact
from portal import consent
from portal.access import System
from portal.models import Patient

DOOR = System("text message")
WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "stop": {
        "en": (
            "stop",
            "stopall",
            "stop all",
            "unsubscribe",
            "cancel",
            "end",
            "quit",
            "revoke",
            "optout",
            "opt out",
        ),
        "es": ("alto", "parar", "pare", "paren", "detener", "baja", "cancelar", "no mas"),
    },
    "start": {"en": ("start", "unstop"), "es": ("iniciar", "comenzar", "empezar", "alta")},
    "help": {"en": ("help", "info"), "es": ("ayuda", "informacion")},
}
MEANT = {word: (what, language) for what, by in WORDS.items() for language in by for word in by[language]}
SAME_WORD_A_DAY = 3


def receive(text: Text) -> str:
    """Take one in; what to text back, or "". The same again changes nothing. Raises Refused, throttle.TooMany."""
    with transaction.atomic():
        sender = senders.line_up("sms", text.sender)
        what, language = meaning(text.body)
        if what and not text.files:
            return _obeyed(text, sender, what, language)
        return _said(text, sender)


def meaning(body: str) -> tuple[str, str]:
    """``stop``, ``start`` or ``help`` where the whole text is such a word, and its language."""
    return MEANT.get(normal.name(normal.seen(body)), ("", ""))


# --- words that are obeyed ---------------------------------------------------------------------------
def _obeyed(text: Text, sender: Sender, what: str, language: str) -> str:
    """Once: an old STOP that comes again after a START would else undo it."""
    _entry, new = Entry.objects.get_or_create(channel="sms", external_id=text.id)
    if not new:
        return ""
    if what != "help":
        _change(sender.address, what)
    if senders.told_today(sender, what, SAME_WORD_A_DAY):
        return ""
    return _in_words(what, language)


def _change(number: str, what: str) -> None:
    """For everybody who has the number on file: the phone is in one hand."""
    having = list(Patient.objects.in_force().filter(phone_index__matches=number).order_by("pk"))
    obey = consent.stop if what == "stop" else consent.start
    with audit.acting(DOOR):
        for patient in having:
            obey(DOOR, patient=patient, channel="sms")
    if what == "start":
        stops.lift(number)
    elif not having:
        stops.keep(number)


# --- all else ----------------------------------------------------------------------------------------
def _said(text: Text, sender: Sender) -> str:
    _refuse_obeyed_before(text)
    received = intake.receive(
        Inbound(
            channel="sms",
            external_id=text.id,
            sender=sender.speaker,
            body=_with_files(text),
            conversation=senders.open_thread(sender),
            patient=sender.patient,
            subject=_("Text message"),
            guest_name=sender.guest_name,
            language=sender.language,
            prepare=lambda conversation: senders.tie(sender, conversation),
        )
    )
    if not received.created or not _may_answer(sender):
        return ""
    return _answer(text, sender, received.conversation)


def _refuse_obeyed_before(text: Text) -> None:
    """Where the id came with a word that was obeyed, there is no conversation it could have gone into."""
    if Entry.objects.filter(channel="sms", external_id=text.id, conversation=None).exists():
        raise Refused("conflict", "Something else came under this id before.")


def _with_files(text: Text) -> str:
    left = _("[Files came with this text message. They were not taken: text messages are not private.]")
    return "\n\n".join(part for part in (text.body, left if text.files else "") if part)


def _may_answer(sender: Sender) -> bool:
    return senders.may_answer(sender) and not stops.stands(sender.address)


def _answer(text: Text, sender: Sender, conversation: Conversation) -> str:
    """Where it should have gone instead, else that it came: each once a day."""
    what = _better(text, conversation) or ("files" if text.files else "came")
    if senders.told_today(sender, what):
        return ""
    said = _in_words(what, conversation.language)
    with audit.acting(DOOR, purpose=f"case:{conversation.case_id}"):
        context = audit.context.get()
    conversations.write_one(Draft(conversation.pk, SYSTEM, said, "event", context=context))
    return said


def _better(text: Text, conversation: Conversation) -> str:
    case = conversation.case
    lane = case.reason.lane if case and case.reason else ""
    return steering.better_channel("sms", redacted=redact(text.body).total, lane=lane)


def _in_words(what: str, language: str) -> str:
    if what in ("portal", "phone"):
        return f"{steering.words(what, language)} {settings.PUBLIC_URL}"
    with translation.override(language):
        said = {
            "stop": _(
                "%(supplier)s: you will get no more text messages from us. Reply START to get them again."
            ),
            "start": _(
                "%(supplier)s: you can get text messages from us again. Reply STOP to end them, HELP for help."
            ),
            "help": _(
                "%(supplier)s: call %(phone)s for help, or sign in at %(link)s. Reply STOP to get no more texts."
            ),
            "came": _(
                "%(supplier)s: your message came. Anything private or urgent: sign in at %(link)s or call %(phone)s. "
                "Reply STOP to get no more texts."
            ),
            "files": _(
                "%(supplier)s: your message came, but no files by text. Send them safely at %(link)s."
            ),
        }
        return said[what] % {
            "supplier": settings.SUPPLIER_NAME,
            "phone": settings.SUPPLIER_PHONE,
            "link": settings.PUBLIC_URL,
        }
