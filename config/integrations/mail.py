"""E-mail out, by SMTP."""

import smtplib
from email.utils import make_msgid
from urllib.parse import urlsplit

import pybreaker
import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from config.integrations.breaker import PartnerDown, PartnerRefuses, breaker

log = structlog.get_logger(__name__)

PARTNER = "mail"


def send(to: str, subject: str, text: str, html: str = "") -> str:
    """Send one message; its Message-ID. Raises PartnerDown (try later) or PartnerRefuses (bad address).

    What may stand in it is the caller's duty: R-SHIP-3's list and nothing else.
    """
    message_id = make_msgid(domain=urlsplit(settings.PUBLIC_URL).hostname)
    message = EmailMultiAlternatives(subject, text, to=[to], headers={"Message-ID": message_id})
    if html:
        message.attach_alternative(html, "text/html")
    try:
        breaker(PARTNER).call(_deliver, message)
    except (pybreaker.CircuitBreakerError, OSError) as error:
        log.warning("Mail could not be sent.", partner=PARTNER, outcome=type(error).__name__)
        raise PartnerDown(PARTNER) from None
    log.info("Mail was sent.", partner=PARTNER, outcome="sent")
    return message_id


def _deliver(message: EmailMultiAlternatives) -> None:
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        code = max(code for code, _ in refusal.recipients.values())
        if code >= 500:
            raise PartnerRefuses(PARTNER, code) from None
        raise
