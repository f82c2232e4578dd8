"""Which day it is where the supplier works, and where whoever reads is."""

from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone


def business_day(at: datetime | None = None) -> date:
    """Of a moment, or of now: in the evening there it is tomorrow already by UTC."""
    return (at or timezone.now()).astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE)).date()


def zone_in_force() -> tzinfo:
    """The zone of the person a page is made for; the supplier's where none was set."""
    if timezone.get_current_timezone_name() != settings.TIME_ZONE:
        return timezone.get_current_timezone()
    return ZoneInfo(settings.SUPPLIER_TIME_ZONE)


def day_in_force(at: datetime | None = None) -> date:
    """Of a moment, or of now, by the zone in force."""
    return (at or timezone.now()).astimezone(zone_in_force()).date()
