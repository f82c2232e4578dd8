"""Text messages out: a POST to SMS_URL with ``To``, ``From`` and ``Body``, as telephone companies want it."""

from django.conf import settings
from django.core.exceptions import ValidationError

from config import contacts
from config.integrations import http
from config.integrations.breaker import PartnerDown, PartnerRefuses

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
