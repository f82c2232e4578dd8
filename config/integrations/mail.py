"""E-mail out, by SMTP; and how the provider signs what it posts of mail that came in."""

import smtplib
from collections.abc import Sequence
from email.utils import make_msgid
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import prometheus_client
import pybreaker
import structlog
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

from config.integrations.breaker import PartnerBusy, PartnerDown, PartnerRefuses, breaker
from config.integrations.deadline import Deadline
from config.integrations.signatures import is_stamped, stamped

log = structlog.get_logger(__name__)
letters = prometheus_client.Counter(
    "letters_total", "Letters handed in, by what became of them.", ["outcome"]
)

PARTNER = "mail"
WHOLE_SECONDS = 30.0  # for a message, from the first line to the last
UNFIT = 553  # what a server says of an address that is none


def send(
    to: str,
    subject: str,
    text: str,
    html: str = "",
    *,
    reply_to: str = "",
    key: str = "",
    automatic: bool = False,
) -> str:
    """Send one message; its Message-ID. Raises PartnerDown (try later) or PartnerRefuses (bad address).

    With `key` a doubtful message is sent again under the same Message-ID and Idempotency-Key, by which the provider
    and the mailbox know it again; `automatic`: no machine is to answer it. What may stand in it is the caller's duty:
    R-SHIP-3's list and nothing else.
    """
    host = urlsplit(settings.PUBLIC_URL).hostname
    message_id = f"<{key}@{host}>" if key else make_msgid(domain=host)
    headers = {"Message-ID": message_id} | ({"Idempotency-Key": key} if key else {})
    headers |= {"Auto-Submitted": "auto-replied"} if automatic else {}
    answers = [reply_to] if reply_to else None
    message = EmailMultiAlternatives(subject, text, to=[to], reply_to=answers, headers=headers)
    if html:
        message.attach_alternative(html, "text/html")
    try:
        _require_fit(message)
        breaker(PARTNER).call(_deliver, message)
    except PartnerRefuses as refusal:
        letters.labels("refused").inc()
        log.warning("A letter was refused.", partner=PARTNER, outcome=str(refusal.status))
        raise
    except (pybreaker.CircuitBreakerError, PartnerBusy, OSError) as error:
        letters.labels("waits").inc()
        log.warning("Mail could not be sent.", partner=PARTNER, outcome=type(error).__name__)
        raise PartnerDown(PARTNER) from None
    letters.labels("sent").inc()
    log.info("Mail was sent.", partner=PARTNER, outcome="sent")
    return message_id


class Post(EmailBackend):
    """SMTP with an end to the whole of it, however slowly the other side drips."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        with Deadline(WHOLE_SECONDS) as self.deadline:
            return int(super().send_messages(email_messages) or 0)

    @property
    def connection_class(self) -> Any:
        return partial(_Line, self.deadline)


class _Line(smtplib.SMTP):
    def __init__(self, deadline: Deadline, *arguments: Any, **options: Any) -> None:
        self.deadline = deadline
        super().__init__(*arguments, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        line = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.deadline.hold(line)
        return line


def _require_fit(message: EmailMultiAlternatives) -> None:
    """What can be no letter is this one's fault alone: the server is not asked, and nothing is held against it."""
    try:
        for address in [*message.to, *message.reply_to]:
            sanitize_address(address, "utf-8")
        message.message()
    except ValueError:
        raise PartnerRefuses(PARTNER, UNFIT) from None


def _deliver(message: EmailMultiAlternatives) -> None:
    """A server that says no to one letter is there for all others."""
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        code = max(code for code, _ in refusal.recipients.values())
    except smtplib.SMTPDataError as refusal:
        code = refusal.smtp_code
    else:
        return
    if code >= 500:
        raise PartnerRefuses(PARTNER, code)
    raise PartnerBusy(PARTNER)


def signature(body: bytes, at: int) -> str:
    """What X-Mail-Signature holds."""
    return stamped(body, at, settings.MAIL_WEBHOOK_SECRET)


def is_signed(body: bytes, header: str) -> bool:
    """Whether the provider posted this, in the last five minutes. False where no secret is agreed."""
    return is_stamped(body, header, settings.MAIL_WEBHOOK_SECRET)
