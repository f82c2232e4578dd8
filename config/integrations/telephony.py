"""Calls out and what comes back of them, in Twilio's shape: REST with a form, TwiML, signed webhooks."""

import base64
import hmac
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from django.conf import settings

from config.integrations import http
from config.integrations.breaker import PartnerDown, PartnerRefuses
from config.integrations.signatures import signature

PARTNER = "telephony"
VERSION = "2010-04-01"
UNANSWERED = frozenset({"busy", "no-answer", "failed", "canceled"})
RING_SECONDS = 25


def call(to: str, answer_url: str, status_url: str, *, key: str = "") -> str:
    """Have a number in E.164 form called; the company's id of the call.

    Whoever answers hears what ``answer_url`` says; how it ended is posted to ``status_url``. With ``key`` a
    doubtful call is repeated and still made once. Raises PartnerDown (later) or PartnerRefuses (never).
    """
    if not settings.VOICE_URL:
        raise PartnerRefuses(PARTNER, 404)
    company = http.Partner(PARTNER, settings.VOICE_URL, deadline=5.0)
    fields = {
        "To": to,
        "From": settings.VOICE_FROM,
        "Url": answer_url,
        "StatusCallback": status_url,
        "Timeout": str(RING_SECONDS),
    }
    answer = http.call(
        company,
        "POST",
        f"/{VERSION}/Accounts/{settings.VOICE_ACCOUNT}/Calls.json",
        operation="call",
        headers={"Authorization": _basic()} | ({"Idempotency-Key": key} if key else {}),
        repeatable=bool(key),
        data=fields,
    )
    try:
        return str(answer.json()["sid"])
    except (ValueError, KeyError, TypeError):
        raise PartnerDown("telephony answered with something else") from None


def _basic() -> str:
    pair = f"{settings.VOICE_ACCOUNT}:{settings.VOICE_TOKEN}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def is_signed(url: str, fields: Mapping[str, str], given: str) -> bool:
    """Whether the company said this. Nothing is taken while there is no token to check by."""
    token = settings.VOICE_TOKEN
    return bool(token) and hmac.compare_digest(signature(url, fields, token).encode(), given.encode())


def say(*words: str) -> str:
    """TwiML that says something and hangs up."""
    return _response("".join(_said(word) for word in words) + "<Hangup/>")


def ask_for_digit(words: str, action_url: str, otherwise: str) -> str:
    """TwiML that says something twice and posts the key that is pressed to ``action_url``."""
    gather = f'<Gather input="dtmf" numDigits="1" timeout="8" method="POST" action={quoteattr(action_url)}>'
    return _response(f"{gather}{_said(words)}{_said(words)}</Gather>{_said(otherwise)}<Hangup/>")


def text_back(words: str) -> str:
    """TwiML that has ``words`` texted to whoever wrote; "" says nothing."""
    return _response(f"<Message>{escape(words)}</Message>" if words else "")


def _said(words: str) -> str:
    return f"<Say>{escape(words)}</Say>"


def _response(inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'
