"""How many promises were kept: by the hour for phone and chat, by the day for portal, e-mail and text (R-SLA-4).

A clock counts once: as missed when it ran out, as kept when it was stopped before. Cancelled ones don't count.
"""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from cases.models import Attainment

BY_THE_HOUR = ("phone", "chat")
BY_THE_DAY = ("portal", "email", "sms")
AGAIN = {"hour": 3, "day": 2}  # spans that are counted anew each time, for what was written down late

COUNT = """
    INSERT INTO cases_attainment (span, begins_at, channel, kind, kept, missed, counted_at)
    SELECT %(span)s, %(begins)s, channel, kind,
        count(*) FILTER (WHERE breached_at IS NULL), count(*) FILTER (WHERE breached_at IS NOT NULL), %(now)s
    FROM (
        SELECT channel, kind, breached_at FROM cases_clock WHERE breached_at >= %(begins)s AND breached_at < %(ends)s
        UNION ALL
        SELECT channel, kind, NULL FROM cases_clock
        WHERE stopped_at >= %(begins)s AND stopped_at < %(ends)s AND state = 'stopped' AND breached_at IS NULL
    ) ended WHERE channel = ANY(%(channels)s) GROUP BY channel, kind
    ON CONFLICT (span, begins_at, channel, kind)
    DO UPDATE SET kept = excluded.kept, missed = excluded.missed, counted_at = excluded.counted_at
"""


def count(span: str, begins: datetime) -> None:
    """Count one hour or day that begins then; counting it again gives the same, whatever happened since."""
    values: dict[str, Any] = {
        "span": span,
        "begins": begins,
        "ends": _end(span, begins),
        "channels": list(BY_THE_HOUR if span == "hour" else BY_THE_DAY),
        "now": timezone.now(),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        Attainment.objects.filter(span=span, begins_at=begins).delete()
        cursor.execute(COUNT, values)


def catch_up(now: datetime | None = None) -> int:
    """Count every hour and day that is over and not counted yet, and the last ones anew. How many were counted."""
    now = now or timezone.now()
    spans = [(span, begins) for span in ("hour", "day") for begins in _to_count(span, now)]
    for span, begins in spans:
        count(span, begins)
    return len(spans)


def _to_count(span: str, now: datetime) -> list[datetime]:
    """Starts of spans that are over, from the last that is known; without one, the last few."""
    current = _start(span, now)
    last = Attainment.objects.filter(span=span, begins_at__lt=current).order_by("-begins_at").first()
    known = last.begins_at if last else current
    found: list[datetime] = []
    begins = _start(span, current - timedelta(minutes=1))
    while begins >= known or len(found) < AGAIN[span]:
        found.append(begins)
        begins = _start(span, begins - timedelta(minutes=1))
    return found


def _start(span: str, moment: datetime) -> datetime:
    """The start of the hour, or of the supplier's day, that holds a moment."""
    if span == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    return _midnight(moment, 0)


def _end(span: str, begins: datetime) -> datetime:
    if span == "hour":
        return begins + timedelta(hours=1)
    return _midnight(begins, 1)


def _midnight(moment: datetime, days_on: int) -> datetime:
    zone = ZoneInfo(settings.SUPPLIER_TIME_ZONE)
    return datetime.combine(moment.astimezone(zone).date() + timedelta(days=days_on), time(0), zone)
