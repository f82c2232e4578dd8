"""``{% load console %}``: how the console draws channels, states and events."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal import orders, saying
from portal.models import Document

register = template.Library()

CHANNEL_ICONS = {
    "phone": "phone",
    "portal": "app-window",
    "chat": "message-circle",
    "email": "mail",
    "sms": "smartphone",
}
STATE_TONES = {"new": "warn", "waiting": "info", "closed": "good"}
EVENT_ICONS = {
    "opened": "circle-plus",
    "assigned": "user-check",
    "released": "undo-2",
    "transferred": "forward",
    "changed": "pencil",
    "closed": "circle-check",
    "reopened": "rotate-ccw",
    "linked": "link",
    "escalated": "siren",
    "paged": "bell-ring",
    "acknowledged": "check",
    "merged": "merge",
    "unmerged": "undo-2",
    "split": "split",
    "snoozed": "moon",
    "woken": "alarm-clock",
    "followed": "bell",
    "mentioned": "at-sign",
    "tagged": "tag",
    "steered": "shield-alert",
    "offered": "hand",
    "document": "file-text",
    "event": "info",
}
NOTICE_ICONS = {
    "mentioned": "at-sign",
    "message": "message-square",
    "closed": "circle-check",
    "reopened": "rotate-ccw",
    "transferred": "forward",
    "merged": "merge",
    "woken": "alarm-clock",
    "escalated": "trending-up",
    "acknowledged": "check-check",
    "clock": "timer",
    "released": "undo-2",
    "callback": "phone-missed",
    "unsent": "mail-x",
    "next_contact": "calendar-clock",
}
DOCUMENT_TONES = {
    "ready": "good",
    "reviewed": "good",
    "refused": "bad",
    "infected": "bad",
    "not_scanned": "warn",
}
STEP_STATES = {"done": "done", "now": "now", "waiting": "todo"}


@register.filter
def age(moment: datetime) -> SafeString:
    """How long ago, as short as a list wants it, with the exact moment beneath."""
    seconds = max(int((timezone.now() - moment).total_seconds()), 0)
    steps = ((86400, _("%(n)d d")), (3600, _("%(n)d h")), (60, _("%(n)d min")))
    said = next((words % {"n": seconds // span} for span, words in steps if seconds >= span), _("now"))
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(timespec="seconds"), said)


@register.filter
def clock(moment: datetime) -> SafeString:
    """When something was said: the hour, with its day where that is not today."""
    local = moment.astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE))
    today = timezone.now().astimezone(local.tzinfo).date()
    half = "am" if local.hour < 12 else "pm"
    said = f"{local.hour % 12 or 12}:{local.minute:02} {half}"
    if local.date() != today:
        said = f"{saying.day(local)}, {said}"
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(timespec="seconds"), said)


@register.filter
def channel_icon(channel: str) -> str:
    return CHANNEL_ICONS.get(channel, "message-square")


@register.filter
def state_tone(state: str) -> str:
    return STATE_TONES.get(state, "")


@register.filter
def event_icon(kind: str) -> str:
    return EVENT_ICONS.get(kind, "info")


@register.filter
def notice_icon(kind: str) -> str:
    return NOTICE_ICONS.get(kind, "bell")


@register.filter
def document_tone(document: Document) -> str:
    return DOCUMENT_TONES.get(document.state, "")


@register.filter
def as_steps(told: list[orders.Step]) -> list[dict[str, object]]:
    """An order's steps as the ``steps`` component wants them."""
    return [
        {"name": step.label, "state": STEP_STATES[step.state], "detail": step.sentence, "at": None}
        for step in told
    ]


@register.filter
def current_step(told: list[orders.Step]) -> orders.Step | None:
    return orders.current(told)


@register.filter
def of(table: dict[str, object] | None, name: str) -> object:
    """``{{ counts|of:view.code }}``; nothing where nothing was counted yet."""
    return (table or {}).get(name)
