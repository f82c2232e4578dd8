"""By when a customer hears from us: business hours of the supplier, without weekends and holidays."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
from django.conf import settings
from django.utils import timezone

OPENS, CLOSES = time(8), time(18)
REPLY_HOURS = 4
WEEKEND = (5, 6)


def reply_by(now: datetime | None = None, *, hours: int = REPLY_HOURS) -> datetime:
    """The moment ``hours`` business hours from ``now``, in the supplier's time zone."""
    moment = (now or timezone.now()).astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE))
    left = timedelta(hours=hours)
    while True:
        moment = _next_open(moment)
        closing = datetime.combine(moment.date(), CLOSES, moment.tzinfo)
        if moment + left <= closing:
            return moment + left
        left -= closing - moment
        moment = closing


def _next_open(moment: datetime) -> datetime:
    """``moment`` where we are open then, else the next time we open."""
    if moment.time() >= CLOSES:
        moment = _morning(moment + timedelta(days=1))
    while not _is_open_day(moment):
        moment = _morning(moment + timedelta(days=1))
    return max(moment, _morning(moment))


def _morning(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), OPENS, moment.tzinfo)


def _is_open_day(moment: datetime) -> bool:
    return moment.weekday() not in WEEKEND and moment.date() not in holidays.country_holidays(
        "US", years=moment.year
    )
