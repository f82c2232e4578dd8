"""Text messages out: a POST to SMS_URL with ``To``, ``From`` and ``Body``, as telephone companies want it. And how
the company signs what it posts of those that came in, and is answered.
"""

from django.conf import settings
from django.core.exceptions import ValidationError

from config import contacts
from config.integrations import http
from config.integrations.breaker import PartnerDown, PartnerRefuses
from config.integrations.signatures import is_stamped, stamped
from config.integrations.telephony import text_back

__all__ = ["is_signed", "send", "signature", "text_back"]

PARTNER = "sms"
UNFIT = 400  # what the company says of a number that is none


def send(to: str, text: str, *, key: str = "") -> str:
    """Send one text to a number, however it is spelt; the company's id for it.

    With `key`, which the company knows again, a doubtful call is repeated and still sent once.
    Raises PartnerDown (try later) or PartnerRefuses (that number takes no texts).
    """
    try:
        number = contacts.dialled(to)
    except ValidationError:
        raise PartnerRefuses(PARTNER, UNFIT) from None
    company = http.Partner(PARTNER, settings.SMS_URL)
    headers = {"Authorization": f"Bearer {settings.SMS_TOKEN}"} | ({"Idempotency-Key": key} if key else {})
    body = {"To": number, "From": settings.SMS_FROM, "Body": text}
    answer = http.call(
        company, "POST", "", operation="send", headers=headers, repeatable=bool(key), data=body
    )
    try:
        return str(answer.json()["sid"])
    except (ValueError, KeyError, TypeError):
        raise PartnerDown("sms answered with something else") from None


def signature(body: bytes, at: int) -> str:
    """What X-SMS-Signature holds."""
    return stamped(body, at, settings.SMS_WEBHOOK_SECRET)


def is_signed(body: bytes, header: str) -> bool:
    """Whether the company posted this, in the last five minutes. False where no secret is agreed."""
    return is_stamped(body, header, settings.SMS_WEBHOOK_SECRET)
