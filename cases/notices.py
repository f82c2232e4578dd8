"""What goes out to patients for a reply of ours: by e-mail and text message the reply itself, whose words were
judged when it was stored (cases/sending.py); else that a message waits, without a word of what it says (R-SHIP-3).
"""

import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from cases.channels import email, sms
from cases.models import Conversation, Message, Notice
from config.integrations import mail
from config.integrations.breaker import PartnerDown, PartnerRefuses
from config.sweeps import each
from portal import consent, contact_holds
from portal.access import System
from portal.models import Patient

MOST_TRIES = 20
AT_ONCE = 50
SWEEP = 20.0
FIRST_WAIT = timedelta(minutes=1)


def send(notice_id: int) -> bool:
    """Send one notice that is due; a second run finds it settled. Whether it went out."""
    with transaction.atomic():
        due = Notice.objects.select_for_update(skip_locked=True, of=("self",))
        notice = (
            due.select_related("message__conversation__patient", "message__conversation__case")
            .filter(pk=notice_id, state="due")
            .first()
        )
        if notice is None:
            return False
        notice.tries += 1
        notice.state = _told(notice)
        notice.settled_at = None if notice.state == "due" else timezone.now()
        notice.due_at = timezone.now() + FIRST_WAIT * min(2**notice.tries, 60)
        notice.save()
        _owed_again(notice)
    return notice.state == "sent"


def _owed_again(notice: Notice) -> None:
    from cases import answering  # its rules write messages, whose writer asks this module

    if _is_lost(notice, notice.state):
        answering.not_carried(notice.message)


def _told(notice: Notice) -> str:
    """What became of it. Who wrote a reply that nobody gets is told so on the case."""
    conversation = notice.message.conversation
    carry = CARRIERS.get(conversation.channel)
    patient = conversation.patient
    try:
        sent = (
            carry(notice.message, patient) if carry else patient is not None and _announced(notice, patient)
        )
        state = "sent" if sent else "skipped"
    except PartnerRefuses:
        state = "failed"
    except PartnerDown:
        state = "failed" if notice.tries >= MOST_TRIES else "due"
    if _is_lost(notice, state):
        _not_carried(conversation)
    return state


def _is_lost(notice: Notice, state: str) -> bool:
    """Whether a reply that should have been carried was not; that something came is said again tomorrow."""
    carried = notice.message.conversation.channel in CARRIERS and notice.message.kind == "reply"
    return carried and state in {"skipped", "failed"}


CARRIERS: dict[str, Callable[[Message, Patient | None], bool]] = {"email": email.deliver, "sms": sms.deliver}


def _not_carried(conversation: Conversation) -> None:
    from cases import conversations  # the thread is written by its own rules, whose writer asks this module

    words = _(
        "The last reply did not go out: there is nobody it may be sent to on this channel, or they refused it."
    )
    conversations.note(System("mail"), conversation=conversation, body=words)


def _announced(notice: Notice, patient: Patient) -> bool:
    address = contact_holds.usable_for_delivery(patient, "email")
    if not address or not _wanted(patient):
        return False
    mail.send(address, *_in_words(patient), key=f"notice-{notice.pk}")
    return True


def _wanted(patient: Patient) -> bool:
    """Whoever chose e-mail or the portal to be reached by, and did not say no to it."""
    return patient.preferred_channel in {"email", "portal"} and not consent.refuses(
        patient, "email", "orders"
    )


def _in_words(patient: Patient) -> tuple[str, str]:
    with translation.override(patient.language):
        subject = _("A message is waiting for you")
        text = _("%(supplier)s wrote to you. Sign in to read it: %(link)s") % {
            "supplier": settings.SUPPLIER_NAME,
            "link": settings.PUBLIC_URL,
        }
    return subject, text


def due() -> list[int]:
    """Notices whose time has come."""
    waiting = Notice.objects.filter(state="due", due_at__lte=timezone.now()).order_by("due_at")
    return list(waiting.values_list("pk", flat=True)[:AT_ONCE])


def send_due() -> int:
    """Send what is due, until ``SWEEP`` seconds are over: a partner who is slow keeps no worker from other work."""
    ends = time.monotonic() + SWEEP
    return each(send, takewhile(lambda _: time.monotonic() <= ends, due()))


def soon(message_ids: list[int]) -> None:
    """Have new notices sent at once; where no task can be handed over, the sweep finds them."""
    from cases.tasks import send_notice  # the tasks import this rule

    for pk in Notice.objects.filter(message__in=message_ids).values_list("pk", flat=True):
        with contextlib.suppress(OperationalError):
            send_notice.apply_async([pk], retry=False)
