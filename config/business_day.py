"""Which day it is where the supplier works."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone


def business_day(at: datetime | None = None) -> date:
    """Of a moment, or of now: in the evening there it is tomorrow already by UTC."""
    return (at or timezone.now()).astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE)).date()
