"""Contacts on a channel that is wrong for what they say, and the words that lead to the right one (R-CHAN-1)."""

from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from cases import cases
from cases.models import CaseEvent, Conversation
from portal.access import System

DOOR = System("intake")
OPEN_TO_OTHERS = frozenset({"sms", "email"})
SLOW = frozenset({"sms", "email", "portal"})


def better_channel(channel: str, *, redacted: int, lane: str) -> str:
    """Where a contact belongs: ``phone``, ``portal``, or "" where it is right as it came.

    ``redacted``: how many identifying numbers were taken out of it. ``lane``: that of its reason.
    """
    if lane and channel in SLOW:
        return "phone"
    return "portal" if redacted and channel in OPEN_TO_OTHERS else ""


def look(conversation: Conversation, *, redacted: int) -> str:
    """Write on the case where its contact should have come, unless that stands there already."""
    case = conversation.case
    if case is None:
        return ""
    to = better_channel(conversation.channel, redacted=redacted, lane=case.reason.lane if case.reason else "")
    if to and advised(case) != to:
        cases.record(DOOR, case, "steered", {"to_channel": to, "from_channel": conversation.channel})
    return to


def advised(case: Any) -> str:
    """The channel a case was last steered to; "" where it was not."""
    event: CaseEvent | None = case.events.filter(kind="steered").order_by("-at", "-pk").first()
    return event.detail.get("to_channel", "") if event else ""


def words(to: str, language: str) -> str:
    """What to answer the customer, in their language; names nothing of what they wrote."""
    with translation.override(language):
        said = {
            "portal": _(
                "To keep your information safe, please do not send it this way. "
                "Sign in to your account and write to us there."
            ),
            "phone": _(
                "This needs a person right away. Please call us at %(phone)s. If you are in danger, call 911."
            ),
        }
        return said[to] % {"phone": settings.SUPPLIER_PHONE}
